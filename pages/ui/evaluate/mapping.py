"""How the classes of a set meet those of a model: proposed by name, changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.ui import dataset_store
from pages.ui.words import count, plain
from skin_core.screening.truth import NO_CLASS, map_classes
from skin_core.services.screening import BundleInfo

if TYPE_CHECKING:
    from skin_core.data.manifest import Manifest

_HOW = {
    "diagnosis": "same diagnosis",
    "wider": "a part of it",
}
_WIDTHS = [3, 1, 2, 4]
# More rows than fit a screen scroll by themselves.
_TALL = 9


def ask_mapping(info: BundleInfo, manifest: Manifest, path: str) -> dict[str, str]:
    """A row for each class of the set, with the model's class that it is.

    Returns:
        Class of the set → class of the model or `NO_CLASS`, where the reader changed what was proposed.
    """
    proposed = map_classes(info, set(manifest.classes))
    classes = dataset_store.counts_at(path).classes
    changed: dict[str, str] = {}
    chosen: dict[str, str] = {}
    with st.container(height=420 if len(classes) > _TALL else "content", border=False):
        for column, words in zip(
            st.columns(_WIDTHS), ("Class in the set", "Images", "Risk level", "The model's class"), strict=True
        ):
            column.markdown(f"**{words}**")
        for row in classes.itertuples():
            label = str(row[1])
            usual = info.class_names[proposed.column[label]] if label in proposed.column else NO_CLASS
            chosen[label] = _ask(info, manifest, label, row, usual, proposed.how.get(label, ""))
            if chosen[label] != usual:
                changed[label] = chosen[label]
    _say_unmapped(classes, chosen)
    return changed


def _ask(info: BundleInfo, manifest: Manifest, label: str, row, usual: str, how: str) -> str:
    columns = st.columns(_WIDTHS, vertical_alignment="center")
    title = str(row.title)
    columns[0].markdown(plain(label) if title.casefold() == label.casefold() else f"{plain(title)} ({plain(label)})")
    columns[1].markdown(f"{row.n:,}")
    columns[2].markdown("not known" if pd.isna(row.risk_level) else row.risk_level)
    options = [*info.class_names, NO_CLASS]

    def words(name: str) -> str:
        if name == NO_CLASS and name not in info.class_names:
            return "None of the model's classes"
        why = f", {_HOW[how]}" if name == usual and how in _HOW else ""
        return f"{info.titles[name]} ({name}{why})"

    return columns[3].selectbox(
        f"The model's class for {label}",
        options,
        index=options.index(usual),
        format_func=words,
        key=f"map_{info.digest[:12]}_{manifest.fingerprint}_{label}",
        label_visibility="collapsed",
    )


def _say_unmapped(classes: pd.DataFrame, chosen: dict[str, str]) -> None:
    none = [label for label, name in chosen.items() if name == NO_CLASS]
    if not none:
        st.caption(f":material/check: Each of the {count(len(chosen), 'class', 'classes')} is one of the model's.")
        return
    n = int(classes.set_index("class").loc[none, "n"].sum())
    st.caption(
        f":material/info: None of the model's classes: {plain(', '.join(none))} ({count(n, 'image')}). They count for melanoma "
        "and for malignancy as far as their risk level is known, and for no figure of the classes."
    )
