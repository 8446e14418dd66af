"""Ensembles of published bundles: made here, and judged once on the test split that their members have in common."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import show_error
from pages.ui.jobs import running, show_job
from pages.ui.words import plain, with_interval
from skin_core.errors import BundleError
from skin_core.screening.bundle import check_name
from skin_core.services import background, ensembles
from skin_core.services.screening import BundleInfo, list_bundles

_MAKING = "make an ensemble"
_HOWS = {"mean": "Mean of calibrated logits", "rank": "Mean of ranks"}
_FIGURES = {"malignancy_auc": "AUC, malignant or premalignant", "balanced_accuracy": "balanced accuracy"}


def show_ensembles() -> None:
    """Nothing where there are fewer than two bundles to pool and no ensemble to look at."""
    members = ensembles.candidates()
    made = [info for info in list_bundles() if info.ensemble is not None]
    if len(members) < 2 and not made:
        return
    st.divider()
    st.subheader("Ensembles", anchor=False)
    st.markdown(
        "Several published bundles answer together as one. A picture then goes through all of them, which takes as long "
        "as all of them; its calibration and its threshold are fitted anew to validation pictures that no member was "
        "trained on."
    )
    for info in made:
        _one(info)
    if len(members) >= 2:
        with st.expander("Make an ensemble", icon=":material/join:", expanded=running(_MAKING)):
            _make(members)


def _one(info: BundleInfo) -> None:
    key = f"evaluate ensemble {info.name}"
    with st.container(border=True):
        names = ", ".join(member.name for member in info.ensemble.members)
        st.markdown(f"**{plain(info.name)}**: {_HOWS[info.ensemble.how].lower()} of {plain(names)}")
        st.caption(_figures(info))
        if running(key):
            show_job(key)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                "pages/1_Screen.py",
                label="Screen with it",
                icon=":material/search_insights:",
                query_params={"bundle": info.name},
            )
            if info.test is None and info.ensemble.has_test:
                asked = st.button(
                    "Evaluate on the members' locked test split",
                    icon=":material/lock_open:",
                    key=f"evaluate_{info.name}",
                    help="Read once, when every choice is made, and recorded.",
                )
                if asked:
                    background.start(key, "Evaluating", ensembles.evaluate_ensemble, name=info.name)
                    st.rerun()
        show_job(key)


def _figures(info: BundleInfo) -> str:
    measured = info.test or info.validation
    if measured is None:
        return "Not measured."
    told = [
        f"{title} {with_interval(measured.metrics[name].model_dump())}"
        for name, title in _FIGURES.items()
        if name in measured.metrics
    ]
    where = (
        "the locked test split"
        if measured.split == "test"
        else "validation, which also set the threshold; the test split was not read"
    )
    speed = info.engine.milliseconds if info.engine else None
    pace = f" {info.ensemble.passes} passes, {speed:.0f} ms a picture." if speed is not None else ""
    return f"{'; '.join(told)} ({measured.n:,} images of {where}).{pace}"


def _make(members: list[BundleInfo]) -> None:
    if running(_MAKING):
        show_job(_MAKING)
        return
    by_name = {info.name: info for info in members}
    with st.form("ensemble", border=False):
        chosen = st.multiselect(
            "Members",
            list(by_name),
            format_func=lambda name: f"{by_name[name].title} ({name})",
            key="ensemble_members",
            placeholder="Choose two bundles or more",
            help="Of the same classes, input size, crop and color constancy, from runs that split the same data with the same seed.",
        )
        how = st.radio(
            "How they answer together",
            list(_HOWS),
            format_func=_HOWS.__getitem__,
            captions=[
                "For members that are calibrated alike; the usual choice.",
                "For members whose probabilities cannot be compared: each picture counts by its place among those of validation.",
            ],
            key="ensemble_how",
        )
        name = st.text_input(
            "Name of the ensemble",
            key="ensemble_name",
            placeholder="clinic-ensemble",
            help="Lower-case letters, digits, - and _.",
        )
        asked = st.form_submit_button("Make the ensemble", icon=":material/join:", type="primary", key="make_ensemble")
    if asked:
        try:
            check_name(name.strip())
            if against := ensembles.goes_with([by_name[each] for each in chosen]):
                raise BundleError(against)
        except BundleError as error:
            show_error(error)
        else:
            background.start(
                _MAKING,
                "Making the ensemble",
                ensembles.make_ensemble,
                bundles=list(chosen),
                name=name.strip(),
                how=how,
            )
            st.rerun()
    if done := show_job(_MAKING):
        st.success(f"Made '{plain(done.result.name)}'; it stands above.", icon=":material/check_circle:")
