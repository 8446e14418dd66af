"""Train: start runs on a data set and watch them learn. The work is done by a worker process; this page only reads."""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui import dataset_store
from pages.ui.errors import show_error, showing_errors
from pages.ui.live_view import live_view
from pages.ui.run_choice import choose_what
from pages.ui.run_form import run_form
from pages.ui.run_start import WATCH_NEXT
from pages.ui.run_status import choice_words
from pages.ui.words import count, duration, plain
from skin_core.config import RunConfig
from skin_core.errors import SkinCoreError
from skin_core.services import estimates, runs
from skin_core.services.overview import Overview


def main() -> None:
    """Watched runs first, the form for a new one below."""
    page.start("Train", question="Does the network still learn, or does it only learn by heart?")
    watched = watched_runs()
    if watched:
        live_view(watched)
        with st.expander("Start a new run", icon=":material/add_circle:", key="new_run"):
            new_run()
    else:
        st.subheader("Start a run", anchor=False)
        new_run()


def watched_runs() -> list[str]:
    """The runs to show: those in the address, so that a reload and a second browser show the same; else the live ones."""
    listed = runs.list_runs()
    titles = choice_words(listed)
    if WATCH_NEXT in st.session_state:
        st.session_state["watched"] = st.session_state.pop(WATCH_NEXT)
    elif "watched" not in st.session_state:
        asked = st.query_params.get_all("run")
        for run_id in asked:
            if run_id not in titles:
                st.warning(
                    f"There is no run '{plain(run_id)}' in this workspace; the Runs page lists those there are.",
                    icon=":material/search_off:",
                )
        st.session_state["watched"] = [run_id for run_id in asked if run_id in titles] or [
            run.run_id for run in listed if run.at_work and not asked
        ][:1]
    if not listed:
        return []
    st.session_state["watched"] = [run_id for run_id in st.session_state["watched"] if run_id in titles]
    watched = st.multiselect(
        "Runs shown",
        list(titles),
        format_func=titles.__getitem__,
        key="watched",
        max_selections=6,
        placeholder="Choose runs to watch or to lay over each other",
    )
    if watched != st.query_params.get_all("run"):
        st.query_params["run"] = watched
    return watched


def new_run() -> None:
    """Data, recipe or family, settings, and what they amount to."""
    chosen = choose_what("train")
    if chosen is None:
        return
    try:
        manifest = dataset_store.manifest_at(chosen.path)
        counts = dataset_store.counts_at(chosen.path)
        risk_levels = dataset_store.changed_risk_levels(chosen.path)
        config = run_form(chosen.defaults, chosen.family, manifest, risk_levels, key=chosen.key)
    except SkinCoreError as error:
        show_error(error)
        return
    if risk_levels:
        words = plain(", ".join(f"{label} as {level}" for label, level in sorted(risk_levels.items())))
        st.caption(f":material/edit: This run counts {words}, as you set it on the Data page.")
    st.markdown(_in_words(config, counts))
    trainable = len(counts.classes) >= 2
    if st.button("Start", icon=":material/play_arrow:", type="primary", key="start_run", disabled=not trainable):
        with showing_errors():
            st.session_state[WATCH_NEXT] = [runs.start_run(config, recipe=chosen.recipe)]
            st.rerun()


def _in_words(config: RunConfig, counts: Overview) -> str:
    estimate = estimates.estimate_run(
        config=config, n_images=counts.n_labelled, n_test=counts.prescribed.get("test", 0)
    )
    classes = len(counts.classes)
    words = (
        f"About {count(estimate.n_train, 'training image')} in {count(classes, 'class', 'classes')}, "
        f"{count(estimate.steps, 'step')} an epoch, {count(config.epochs, 'epoch')} at most."
    )
    if config.folds:
        words = words.removesuffix(".") + f", {config.folds} times: once a fold."
    if estimate.seconds is not None:
        words += f" At the pace of “{plain(estimate.like)}” that is about {duration(estimate.seconds)}."
    else:
        words += " No earlier run of this family was made here to tell the time from; the first epoch will."
    if classes < 2:
        words += " A classifier needs at least two: choose a set with more classes."
    return words


main()
