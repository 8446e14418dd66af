"""Which model: the one that the address names, else the starter, else the first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.ui.words import alike
from skin_core.services.screening import BundleInfo


def choose_bundle(infos: Sequence[BundleInfo], key: str) -> BundleInfo:
    """Draws the box.

    Args:
        infos: what there is; not empty. key: of the box.
    """
    by_name = {info.name: info for info in infos}
    titles = bundle_titles(infos)
    wanted = st.query_params.get("bundle", "starter")
    names = list(by_name)
    chosen = st.selectbox(
        "Model",
        names,
        index=names.index(wanted) if wanted in by_name else 0,
        format_func=titles.__getitem__,
        key=key,
    )
    return by_name[chosen]


def bundle_titles(infos: Sequence[BundleInfo]) -> dict[str, str]:
    """Name → title, with the name beside it where two have the same title: two publications of one run do."""
    titles = {info.name: info.title for info in infos}
    same = alike(titles)
    return {name: f"{title} ({name})" if name in same else title for name, title in titles.items()}
