"""What is judged on what: the model, the set, how their classes meet, and what stands against it, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import dataset_store, page
from pages.ui.bundle_choice import choose_bundle
from pages.ui.dataset_picker import open_panel
from pages.ui.evaluate.mapping import ask_mapping
from pages.ui.jobs import running, show_job
from pages.ui.trust import ask_for_trust
from pages.ui.words import count, duration, plain
from skin_core.errors import SkinCoreError
from skin_core.screening.truth import map_classes
from skin_core.services import background, datasets, external, external_choice, overlap
from skin_core.services.overlap import Overlap
from skin_core.services.screening import BundleInfo, is_trusted, list_bundles

if TYPE_CHECKING:
    from skin_core.data.manifest import Manifest


def set_up() -> None:
    """The choices, then the check, then the button."""
    infos = list_bundles()
    if not infos:
        page.empty_state("No model is installed yet. Train one and publish the run: it can then be evaluated here.")
        if st.button("Train a model", key="evaluate_train", icon=":material/model_training:"):
            st.switch_page("pages/3_Train.py")
        return
    info = choose_bundle(infos, "evaluate_bundle")
    if not is_trusted(info):
        ask_for_trust(info)
        return
    path = _choose_data()
    if path is None:
        return
    manifest = dataset_store.manifest_at(path)
    datasets.remember_dataset(path=path, manifest=manifest)
    dataset_store.choose(path)
    key = f"external {info.digest} {path}"
    if _under_way(key):
        return
    if not manifest.classes:
        st.info(
            "This set has no labels, so there is nothing to judge a model by; choose another.",
            icon=":material/label_off:",
        )
        return
    st.markdown("**How the classes meet.** Proposed by name; change what is wrong")
    changed = ask_mapping(info, manifest, path)
    found = _check(info, manifest, path)
    if found is not None:
        _start(info, manifest, path, key, changed, found)


def _choose_data() -> str | None:
    path = dataset_store.chosen_path()
    if path is not None:
        try:
            manifest = dataset_store.manifest_at(path)
        except SkinCoreError as error:
            st.error(plain(str(error)), icon=":material/error:")
            path = None
        else:
            name = datasets.absolute(path).rsplit("/", 1)[-1]
            st.markdown(
                f"**Pictures:** {plain(name)}, {count(len(manifest), 'image')} in "
                f"{count(len(manifest.classes), 'class', 'classes')}"
            )
    with st.expander("Choose other pictures" if path else "Choose your pictures", expanded=path is None):
        open_panel()
    return path


def _under_way(key: str) -> bool:
    """Shows an evaluation that runs; one that has ended is shown as the result."""
    if running(key):
        st.markdown("**Under way.** You can leave this page; the result is kept.")
        show_job(key)
        return True
    job = show_job(key)
    if job is not None:
        background.forget(key)
        st.query_params["evaluation"] = job.result["id"]
        st.session_state["evaluate_ended"] = True
        st.session_state.pop("evaluate_chosen", None)
        st.rerun()
    return False


def _check(info: BundleInfo, manifest: Manifest, path: str) -> Overlap | None:
    """What the set has in common with the model's own pictures, or the button that looks for it."""
    found = overlap.last_overlap(info=info, manifest=manifest, data=path)
    if found is not None:
        return found
    key = f"overlap {info.digest} {path}"
    st.markdown(
        "**Is it a fair test?** Pictures that the model was made with, their twins and their lesions would flatter it, and a "
        "picture under two labels judges nobody. Both are looked for first."
    )
    if running(key):
        show_job(key)
        return None
    show_job(key)
    if st.button("Look for them", icon=":material/content_copy:", type="primary", key="evaluate_check"):
        background.start(key, "Comparing the pictures", overlap.look_for_overlap, bundle=str(info.path), data=path)
        st.rerun()
    return None


def _start(info: BundleInfo, manifest: Manifest, path: str, key: str, changed: dict[str, str], found: Overlap) -> None:
    st.markdown("**Is it a fair test?**")
    options = {
        name: bool(st.session_state.get(f"{name}_{key}")) for name in ("keep_seen", "keep_conflicts", "other_ids")
    }
    mapping = map_classes(info, set(manifest.classes), changed)
    choice = external_choice.choose(info, manifest, found, mapping, **options)
    n = int(choice.rows.sum())
    figures = [
        ("To judge on", n),
        ("The model's own" + (", kept" if options["keep_seen"] else ", left out"), choice.seen),
        ("Under two labels" + (", kept" if options["keep_conflicts"] else ", left out"), choice.conflicting),
        ("Label says nothing", choice.unlabelled),
        ("Unreadable", len(found.unreadable)),
    ]
    for column, (words, number) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(words, f"{number:,}")
    if choice.same_id:
        st.caption(
            f":material/info: Of {count(choice.same_id, 'picture')} nothing but the id of the lesion or patient is one of the "
            "model's own set. If yours are counted anew (1, 2, 3 …), say so below, and they are judged."
        )
    if found.seen or found.conflicts:
        _ask_options(key, found, same_id=bool(choice.same_id))
    if options["keep_seen"] and choice.seen:
        st.warning(
            f"Not blind: {count(choice.seen, 'picture')} that the model was made with would be judged, and flatter it.",
            icon=":material/visibility:",
        )
    seconds = external.expected_seconds(info.name, n)
    if seconds is not None and n:
        st.caption(
            f"About {duration(seconds)} at the pace of this model's last evaluation, then its subgroups and report."
        )
    if st.button(
        f"Evaluate on {count(n, 'image')}",
        icon=":material/fact_check:",
        type="primary",
        key="evaluate_start",
        disabled=not n,
    ):
        background.start(
            key,
            "Evaluating",
            external.evaluate_bundle,
            bundle=str(info.path),
            data=path,
            mapping=changed,
            report=True,
            **options,
        )
        # A reload shall show this one's progress, not an earlier result.
        st.query_params.pop("evaluation", None)
        st.rerun()


def _ask_options(key: str, found: Overlap, *, same_id: bool) -> None:
    with st.expander("Keep what would be left out", icon=":material/tune:"):
        if same_id:
            st.toggle(
                "My ids of lesions or patients are not those of the model's own set",
                key=f"other_ids_{key}",
                help="A set that counts from 1 shares its ids with every other one that does.",
            )
        st.toggle(
            "Keep pictures that the model was made with",
            key=f"keep_seen_{key}",
            disabled=not found.seen,
            help="Then the result is not blind, and says so wherever it is shown.",
        )
        st.toggle("Keep identical pictures under two labels", key=f"keep_conflicts_{key}", disabled=not found.conflicts)
