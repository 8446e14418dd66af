"""Opened data sets and what was counted in them, kept between reruns and shared by all browsers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from skin_core.services import datasets, overview

if TYPE_CHECKING:
    import pandas as pd

    from skin_core.data.manifest import Manifest

# Few at a time: the manifest of a full set holds hundreds of thousands of rows.
_SETS = 4


@st.cache_resource(max_entries=_SETS, show_spinner="Reading the data set …")
def _opened(path: str, stamp: int) -> Manifest:
    return datasets.open_dataset(path, further=False)


@st.cache_resource(max_entries=_SETS, show_spinner="Counting …")
def _counted(path: str, stamp: int) -> overview.Overview:
    return overview.overview(manifest=_opened(path, stamp))


@st.cache_resource(max_entries=_SETS, show_spinner="Looking at image sizes …")
def _sizes(path: str, stamp: int) -> pd.DataFrame:
    return overview.image_sizes(manifest=_opened(path, stamp))


@st.cache_data(max_entries=4000, show_spinner=False)
def _thumbnail(root: str, location: str, side: int) -> bytes:
    return overview.thumbnail(root=root, location=location, side=side)


def manifest_at(path: str) -> Manifest:
    """The manifest of a data set, read again only when its folder or csv changed.

    Raises:
        SkinCoreError: one sentence, if it cannot be read.
    """
    return _opened(path, datasets.stamp(path))


def counts_at(path: str) -> overview.Overview:
    """What was counted in it."""
    return _counted(path, datasets.stamp(path))


def sizes_at(path: str) -> pd.DataFrame:
    """Width, height and n of a sample of its images."""
    return _sizes(path, datasets.stamp(path))


def thumbnail_at(root: str | Path, location: str, side: int = 160) -> bytes:
    """A small JPEG of one image below a set's root.

    Raises:
        SkinCoreError: one sentence, if it is no usable image.
    """
    return _thumbnail(str(root), location, side)


def read_again() -> None:
    """Forgets everything that was read: for files that changed in place."""
    for cached in (_opened, _counted, _sizes, _thumbnail):
        cached.clear()


# What the person chose stays in the session: a path, and levels of risk that differ from the mapping.
_CHOSEN = "dataset_path"
_RISK = "risk_levels_of"


def chosen_path() -> str | None:
    """The data set that this browser looks at: the one in the address, else the one chosen on another page."""
    return st.query_params.get("data") or st.session_state.get(_CHOSEN)


def choose(path: str) -> None:
    """Remembers the data set in the session and in the address, so that a reload shows it again."""
    st.session_state[_CHOSEN] = path
    st.query_params["data"] = path


def changed_risk_levels(path: str) -> dict[str, str]:
    """Class to risk level, where the person changed the mapping for runs on this set."""
    return dict(st.session_state.get(_RISK, {}).get(path, {}))


def change_risk_level(path: str, label: str, level: str | None) -> None:
    """Sets a class's level for runs started from this browser; None takes the change back."""
    changed = st.session_state.setdefault(_RISK, {}).setdefault(path, {})
    if level is None:
        changed.pop(label, None)
    else:
        changed[label] = level
