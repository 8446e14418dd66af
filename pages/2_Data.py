"""Data: what a set consists of, what is wrong with it, and how it would be split."""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui import dataset_store
from pages.ui.audit_view import audit_view
from pages.ui.dataset_picker import open_panel
from pages.ui.dataset_view import composition, headline
from pages.ui.errors import show_error
from pages.ui.picture_grid import class_grids
from pages.ui.split_view import split_view
from skin_core.errors import SkinCoreError
from skin_core.services import datasets

_PARTS = {"Composition": composition, "Pictures": class_grids, "Audit": audit_view, "Split": split_view}


def main() -> None:
    """The open set first; the way to another one below."""
    page.start("Data", question="What is in this data set, and would a figure made from it be honest?")
    path = dataset_store.chosen_path()
    if path is not None:
        try:
            datasets.remember_dataset(path=path, manifest=dataset_store.manifest_at(path))
        except SkinCoreError as error:
            show_error(error)
            path = None
    if path is None:
        page.empty_state("No data set is open. Give the path of your own, or use a synthetic one.", icon="folder_open")
        open_panel()
        return
    dataset_store.choose(path)
    headline(path)
    with st.expander("Open another data set", icon=":material/folder_open:", key="open_another"):
        open_panel()
    tabs = st.tabs(list(_PARTS), key="part", on_change="rerun", bind="query-params")
    for tab, part in zip(tabs, _PARTS.values(), strict=True):
        with tab:
            if tab.open:  # Only the part that is looked at is worked out.
                try:
                    part(path)
                except SkinCoreError as error:
                    show_error(error)


main()
