"""How good a run is: its figures, what they mean in a clinic, its curves, its mistakes, its heat maps, its subgroups, its report."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import show_error
from pages.ui.jobs import running, show_job
from pages.ui.judged import store
from pages.ui.judged.cases import show_cases
from pages.ui.judged.clinic import show_clinic
from pages.ui.judged.curves import show_curves
from pages.ui.judged.figures import show_figures
from pages.ui.judged.folds import show_folds
from pages.ui.judged.heat_maps import show_heat_maps
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
    "Heat maps": show_heat_maps,
    "Subgroups": show_subgroups,
    "Report": show_report,
}
_OF_FOLDS = {
    "Figures": show_figures,
    "Folds": show_folds,
    "Curves": show_curves,
    "Mistakes": show_cases,
    "Subgroups": show_subgroups,
    "Report": show_report,
}
# Subgroups and the report belong to an evaluation on pictures of its own, the check of the heat maps to a run.
_NOT_OF = {"validation": ("Subgroups", "Report"), "external": ("Heat maps",)}


def show_judgement(run: RunView) -> None:
    """The figures on the locked test split, or the button that unlocks it once; validation beside it.

    Of a cross-validated run: its out-of-fold figures, and no way to the test split.
    """
    if run.config.folds:
        _out_of_fold(run)
        return
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
        show_evaluation(found)


def _out_of_fold(run: RunView) -> None:
    st.subheader("How good are these settings?", anchor=False)
    if "out_of_fold" not in judged.available(run.run_id):
        st.info(
            "The out-of-fold figures come when the last fold is done; the Train page shows the folds under way.",
            icon=":material/hourglass_empty:",
        )
        return
    show_evaluation(store.judged_run(run.run_id, "out_of_fold"))


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


def show_evaluation(found: Judged) -> None:
    """An evaluation's parts, the figures first: of a run, or of a bundle on another set."""
    if told := found.evaluated():
        st.caption(f":material/{'event' if found.split == 'external' else 'lock_open'}: {told}")
    # How the figures of folds are to be read takes several sentences: the one that decides first, the rest below.
    first = 1 if found.split == "out_of_fold" else len(found.notes)
    _notes(found.notes[:first])
    left_out = _NOT_OF.get(found.split, ())
    parts = {name: part for name, part in _PARTS.items() if name not in left_out}
    if found.split == "out_of_fold":
        parts = _OF_FOLDS
    tabs = st.tabs(list(parts), key=f"judged_part_{found.split}", on_change="rerun")
    for tab, part in zip(tabs, parts.values(), strict=True):
        with tab:
            if tab.open:
                try:
                    part(found)
                except SkinCoreError as error:
                    show_error(error)
    _notes(found.notes[first:])


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        st.caption(f":material/info: {plain(note)}")
