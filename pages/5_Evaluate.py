"""Evaluate: does a model work on pictures that it was not made for, those of one's own clinic first of all?"""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui.errors import showing_errors
from pages.ui.evaluate.results import show_results
from pages.ui.evaluate.setup import set_up
from skin_core.services import external_folder

_VIEW = "evaluate_view"
_VIEWS = {"results": "Results", "new": "New evaluation"}


def main() -> None:
    """The latest answer first; the way to another one beside it."""
    page.start("Evaluate a model", question="Does a model work on your own pictures, and how sure is that?")
    with showing_errors():
        kept = external_folder.listed()
        if not kept:
            set_up()
            return
        # An evaluation that has just ended is shown, whatever was looked at before.
        if st.session_state.pop("evaluate_ended", False):
            st.session_state[_VIEW] = "results"
        view = st.segmented_control(
            "View",
            list(_VIEWS),
            # An address that names pictures and no evaluation comes from the middle of a new one.
            default="new" if "data" in st.query_params and "evaluation" not in st.query_params else "results",
            required=True,
            format_func=lambda name: f"{_VIEWS[name]} ({len(kept)})" if name == "results" else _VIEWS[name],
            key=_VIEW,
            label_visibility="collapsed",
        )
        if view == "new":
            set_up()
        else:
            show_results(kept)


main()
