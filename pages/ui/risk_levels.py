"""The mapping from diagnosis to level of risk: shown, and changeable for the runs one starts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui import dataset_store
from pages.ui.words import plain
from skin_core.data.manifest import RISK_LEVELS

_NOT_KNOWN = "not known"


def risk_panel(path: str) -> None:
    """Classes with their level of risk, and a way to change one for the runs started from this browser."""
    classes = dataset_store.counts_at(path).classes
    changed = dataset_store.changed_risk_levels(path)
    mapped = classes["risk_level"].astype(object).where(classes["risk_level"].notna(), _NOT_KNOWN)
    levels = [changed.get(label, level) for label, level in zip(classes["class"], mapped, strict=True)]
    table = pd.DataFrame(
        {
            "Class": classes["class"].astype(object),
            "Risk level": [
                f"{level} (changed)" if label in changed else level
                for label, level in zip(classes["class"], levels, strict=True)
            ],
            "Images": classes["n"],
            "Diagnosis": classes["title"].astype(object),
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        key="risk_table",
        # The level is what the table is for: it must not be cut where the diagnoses are long.
        column_config={
            "Class": st.column_config.TextColumn(width=60),
            "Risk level": st.column_config.TextColumn(width=125),
            "Images": st.column_config.NumberColumn(width=60),
            "Diagnosis": st.column_config.TextColumn(width=230),
        },
    )
    st.caption(
        "A run is judged by how well it tells malignant or premalignant lesions from benign ones; these levels say which "
        "classes count as which."
    )
    with st.expander("Change a risk level", icon=":material/edit:"):
        titles = dict(zip(classes["class"], classes["title"], strict=True))
        label = st.selectbox("Class", classes["class"].tolist(), format_func=titles.__getitem__, key="risk_class")
        now = dict(zip(classes["class"], levels, strict=True)).get(label)
        level = st.segmented_control(
            "Counts as", RISK_LEVELS, default=now if now in RISK_LEVELS else None, key=f"risk_level_{label}"
        )
        if level and level != now:
            own = dict(zip(classes["class"], mapped, strict=True))[label]
            dataset_store.change_risk_level(path, label, None if level == own else level)
            st.rerun()
        if changed:
            words = plain(", ".join(f"{name} as {value}" for name, value in sorted(changed.items())))
            st.caption(f"Runs that you start on the Train page will count {words}; the run records it.")
            if st.button("Back to the mapping", icon=":material/undo:", key="risk_reset"):
                for name in changed:
                    dataset_store.change_risk_level(path, name, None)
                    st.session_state.pop(f"risk_level_{name}", None)
                st.rerun()
