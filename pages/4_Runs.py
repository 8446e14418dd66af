"""Runs: the list with each best epoch, what a run left, two side by side, evaluation and publication."""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui import run_detail
from pages.ui.ensembles import show_ensembles
from pages.ui.errors import show_error
from pages.ui.judged.section import show_judgement
from pages.ui.run_actions import publication
from pages.ui.run_compare import compare
from pages.ui.run_status import (
    best_words,
    choice_words,
    origin_words,
    run_header,
    show_notes,
    status_line,
)
from pages.ui.run_table import filtered, run_table, show_table
from pages.ui.words import plain
from skin_core.errors import SkinCoreError
from skin_core.services import results, runs
from skin_core.services.runs import RunView

_PARTS = {
    "History": run_detail.history,
    "Validation": run_detail.validation,
    "Data": run_detail.data,
    "Settings": run_detail.settings,
}


def main() -> None:
    """The list, then one run, or two beside each other."""
    page.start("Runs", question="Which run is the best, how sure is that, and is it fit to be published?")
    listed = runs.list_runs()
    if not listed:
        page.empty_state("There are no runs yet. Start one on the Train page.", icon="model_training")
        st.page_link("pages/3_Train.py", label="Start a run", icon=":material/play_arrow:")
        return
    shown = filtered(listed)
    if not shown:
        st.info("No run fits the filter.", icon=":material/filter_alt_off:")
        return
    show_table(run_table(shown))
    first, second = _chosen(listed, shown)
    st.divider()
    if second is not None:
        compare(first, second)
    else:
        _one(first)
    show_ensembles()


def _chosen(listed: list[RunView], shown: list[RunView]) -> tuple[RunView, RunView | None]:
    """The run to show and the one to lay beside it; the first is in the address, so that a reload shows it again."""
    by_id = {run.run_id: run for run in listed}
    words = choice_words(listed).__getitem__
    asked = st.query_params.get("run")
    if "runs_run" not in st.session_state and asked:
        if asked in by_id:
            st.session_state["runs_run"] = asked
        else:
            st.warning(f"There is no run '{plain(asked)}' in this workspace.", icon=":material/search_off:")
    options = [run.run_id for run in shown]
    if st.session_state.get("runs_run") not in options:
        st.session_state["runs_run"] = options[0]

    left, right = st.columns(2)
    with left:
        first = st.selectbox("Run", options, format_func=words, key="runs_run")
    with right:
        others = [run_id for run_id in options if run_id != first]
        second = st.selectbox(
            "Compare with",
            others,
            index=None,
            format_func=words,
            key="runs_other",
            placeholder="Choose a second run to see both side by side",
            disabled=not others,
        )
    st.query_params["run"] = first
    return by_id[first], by_id[second] if second else None


def _one(run: RunView) -> None:
    run_header(run, link="pages/3_Train.py", label="Watch", icon=":material/monitoring:")
    st.caption(
        f"{run.run_id}; {run.config.family} on {plain(run.data_name)}; {best_words(run)}.",
        help=f"Data set: {plain(run.config.data)}",
    )
    origin = origin_words(run)
    if origin:
        st.caption(f":material/account_tree: {origin[:1].upper()}{origin[1:]}.")
    if run.synthetic:
        st.badge(
            "Trained on drawn lesions: fit to try the program, not for skin", icon=":material/draw:", color="orange"
        )
    if run.status in ("failed", "interrupted", "queued"):
        status_line(run)
    for sentence in results.overrides_of(run):
        st.warning(plain(sentence), icon=":material/gpp_maybe:")
    show_notes(run)
    with st.container(border=True):
        try:
            show_judgement(run)
        except SkinCoreError as error:
            show_error(error)
    with st.container(border=True):
        publication(run)
    tabs = st.tabs(list(_PARTS), key="run_part", on_change="rerun")
    for tab, part in zip(tabs, _PARTS.values(), strict=True):
        with tab:
            if tab.open:
                try:
                    part(run)
                except SkinCoreError as error:
                    show_error(error)


main()
