"""Opening a data set: a path, one that was opened before, or a synthetic one in a click."""

from __future__ import annotations

import streamlit as st

from pages.ui import dataset_store
from pages.ui.errors import showing_errors
from pages.ui.progress import showing_progress
from skin_core.services import datasets

_LAYOUT_WORDS = {
    "ham10000": "HAM10000 layout (csv with lesions, ages, sexes, sites)",
    "folder": "Folder layout (train and test, one folder a class)",
    "isic2024": "ISIC 2024 layout (csv and HDF5)",
}


def open_panel() -> None:
    """Three ways to a data set; the chosen one goes into the address and the page starts anew with it."""
    known = datasets.known_datasets()
    left, right = st.columns(2, gap="large")
    with left:
        with st.form("open_path", border=False):
            typed = st.text_input(
                "Folder or csv of a data set",
                key="typed_path",
                placeholder="/data/HAM10000",
                help="HAM10000, ISIC 2024 (csv and HDF5) and any folder with one folder a class are recognised. "
                "Nothing is copied or changed.",
            )
            if st.form_submit_button("Open", icon=":material/folder_open:", key="open_typed"):
                _open(typed)
        if known:
            titles = datasets.titles_of(known)
            again = st.selectbox(
                "Or one that is known here",
                list(titles),
                index=None,
                format_func=lambda path: titles.get(path, path),
                key="known_path",
                placeholder="Choose a data set",
            )
            if again and again != dataset_store.chosen_path():
                _open(again)
    with right:
        synthetic_panel()


def synthetic_panel(*, key: str = "demo") -> None:
    """Draws a synthetic set (or finds the one already drawn) and opens it."""
    st.markdown("**No data at hand?** Draw a synthetic set: lesions that no person has, in a published layout.")
    with st.popover("Layout and size", icon=":material/tune:"):
        layout = st.radio("Layout", datasets.LAYOUTS, format_func=_LAYOUT_WORDS.__getitem__, key=f"{key}_layout")
        n = st.number_input("Images", 40, 5000, 400, step=20, key=f"{key}_n")
        with_faults = st.toggle(
            "Plant faults for the audit to find",
            key=f"{key}_faults",
            help="Identical pictures under two labels, lesions on both sides of the split, broken files.",
        )
    if st.button("Use a synthetic set", icon=":material/draw:", type="primary", key=f"{key}_make"):
        with showing_errors(), showing_progress("Drawing lesions") as report:
            path = datasets.make_demo(layout=layout, n=int(n), with_faults=with_faults, progress=report)
            _open(path)


def _open(path: str) -> None:
    with showing_errors():
        where = datasets.absolute(path)
        dataset_store.manifest_at(where)  # A path that cannot be read is told here and chosen nowhere.
        dataset_store.choose(where)
        st.rerun()
