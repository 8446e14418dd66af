"""How good a run is: its figures, what they mean in a clinic, its curves, its mistakes, its subgroups, its report."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import show_error
from pages.ui.jobs import running, show_job
from pages.ui.judged import store
from pages.ui.judged.cases import show_cases
from pages.ui.judged.clinic import show_clinic
from pages.ui.judged.curves import show_curves
from pages.ui.judged.figures import show_figures
from pages.ui.judged.report import show_report
from pages.ui.judged.subgroups import show_subgroups
from pages.ui.views import choose_views
from pages.ui.words import plain
from skin_core.errors import SkinCoreError
from skin_core.services import background, judged
from skin_core.services.judged import Judged
from skin_core.services.runs import RunView

_SPLITS = {"test": "Locked test split", "validation": "Validation"}
_PARTS = {
    "Figures": show_figures,
    "In your clinic": show_clinic,
    "Curves": show_curves,
    "Mistakes": show_cases,
    "Subgroups": show_subgroups,
    "Report": show_report,
}
# What only the evaluation on the test split keeps.
_OF_THE_TEST = ("Subgroups", "Report")


def show_judgement(run: RunView) -> None:
    """The figures on the locked test split, or the button that unlocks it once; validation beside it."""
    there = judged.available(run.run_id)
    key = f"evaluate {run.run_id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("How good is it?", anchor=False, width="content")
        split = there[0] if there else "test"
        if len(there) > 1:
            st.space("stretch")
            split = st.segmented_control(
                "Split",
                there,
                default=there[0],
                required=True,
                format_func=_SPLITS.__getitem__,
                key=f"judged_split_{run.run_id}",
                label_visibility="collapsed",
            )
    if running(key):
        show_job(key)
        return
    found = store.judged_run(run.run_id, split) if there else None
    if "test" not in there or (found is not None and found.stale):
        _unlock(run, key, stale="test" in there)
    if found is not None:
        _show(found)


def _unlock(run: RunView, key: str, *, stale: bool) -> None:
    st.markdown("**Locked test split**")
    if stale:
        st.caption("The run was trained further since its evaluation; a new look is recorded as one more.")
    st.markdown(
        "The test split was never read by training, by early stopping or by the choice of the threshold. Reading it is "
        "done once, when every choice is made, and is recorded: a second look would turn it into another validation split."
    )
    with st.expander("How it is judged", icon=":material/tune:"):
        views = choose_views(f"judged_views_{run.run_id}")
    show_job(key)
    if st.button(
        "Evaluate on the locked test split",
        icon=":material/lock_open:",
        key="evaluate_run",
        disabled=run.best_epoch is None or run.at_work,
    ):
        from skin_core.services import reporting

        background.start(key, "Evaluating", reporting.evaluate_and_report, run_id=run.run_id, views=views)
        st.rerun()


def _show(found: Judged) -> None:
    if told := found.evaluated():
        st.caption(f":material/lock_open: {told}")
    for note in found.notes:
        st.caption(f":material/info: {plain(note)}")
    parts = {name: part for name, part in _PARTS.items() if found.split == "test" or name not in _OF_THE_TEST}
    tabs = st.tabs(list(parts), key=f"judged_part_{found.split}", on_change="rerun")
    for tab, part in zip(tabs, parts.values(), strict=True):
        with tab:
            if tab.open:
                try:
                    part(found)
                except SkinCoreError as error:
                    show_error(error)
