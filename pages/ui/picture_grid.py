"""Pictures of a data set, small, decoded only when they are looked at."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import dataset_store
from pages.ui.words import plain
from skin_core.errors import SkinCoreError
from skin_core.services import overview

_CLASSES_A_PAGE = 8


def picture(root: str | Path, location: str, *, width: int, caption: str | None = None, alt: str = "") -> None:
    """One picture below a set's root, or a word where the file is no usable image; why is told on hovering."""
    try:
        data = dataset_store.thumbnail_at(root, location, 320 if width > 130 else 160)
    except SkinCoreError as error:
        with st.container(width=width, border=True):
            st.caption(":material/broken_image: no usable image", help=plain(str(error)))
            if caption:
                st.caption(plain(caption))
        return
    st.image(data, width=width, caption=plain(caption) if caption else None, alt=alt or location)


def class_grids(path: str) -> None:
    """Some pictures of each class, others at a click."""
    counts = dataset_store.counts_at(path)
    manifest = dataset_store.manifest_at(path)
    if counts.classes.empty:
        st.info("This set has no labels, so there are no classes to show pictures of.", icon=":material/label_off:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        each = st.select_slider("Pictures a class", [4, 8, 12, 16], value=8, key="grid_each", width=220)
        st.session_state.setdefault("grid_turn", 0)
        if st.button("Show others", icon=":material/shuffle:", key="grid_others"):
            st.session_state["grid_turn"] += 1
    pages = -(-len(counts.classes) // _CLASSES_A_PAGE)
    page = st.pagination(pages, key="grid_page") if pages > 1 else 1
    for row in counts.classes.iloc[(page - 1) * _CLASSES_A_PAGE : page * _CLASSES_A_PAGE].itertuples():
        label = row[1]
        name = f"**{plain(row.title)}**" + (
            f" ({plain(label)})" if str(row.title).casefold() != str(label).casefold() else ""
        )
        st.markdown(f"{name} · {row.n:,}")
        sample = overview.sample_pictures(
            manifest=manifest, label=label, count=int(each), turn=st.session_state["grid_turn"]
        )
        with st.container(horizontal=True, gap="small"):
            for location in sample["location"]:
                picture(manifest.root, location, width=100, alt=f"{row.title}, {location}")
