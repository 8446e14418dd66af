"""Where the model does worse: figures by sex, age, site and estimated skin tone, with n, and the largest gap."""

from __future__ import annotations

import math

import streamlit as st

from pages.ui.figures import show
from pages.ui.jobs import running, show_job
from pages.ui.judged.charts import forest_chart
from pages.ui.words import count, plain
from skin_core.services import background, recorded
from skin_core.services.judged import Judged

_FIGURES = {
    "auc": ("AUC", "malignancy_auc"),
    "sensitivity": ("Sensitivity at the threshold", "malignancy_sensitivity"),
    "specificity": ("Specificity at the threshold", "malignancy_specificity"),
}


def show_subgroups(found: Judged) -> None:
    """The figures, or the button that works them out."""
    key = f"subgroups {found.split} {found.run_id}"
    if running(key):
        show_job(key)
        return
    known = recorded.recorded_subgroups(found.run_id, found.split)
    if known is None:
        st.info(
            "Figures by sex, age, site and estimated skin tone were not worked out yet; they need no new look at the "
            "predictions, only at the pictures' skin.",
            icon=":material/groups:",
        )
        show_job(key)
        if st.button("Look at subgroups", icon=":material/groups:", key="judged_subgroups"):
            background.start(key, "Looking at subgroups", recorded.record_subgroups, of=found.run_id, split=found.split)
            st.rerun()
        return
    st.markdown(f"**{plain(known['sentence'])}**")
    figure = st.segmented_control(
        "Figure",
        list(_FIGURES),
        default="auc",
        required=True,
        format_func=lambda name: _FIGURES[name][0],
        key="judged_subgroup_figure",
        label_visibility="collapsed",
    )
    title, overall = _FIGURES[figure]
    row = found.row(overall)
    rows = _rows(known["levels"], figure)
    if rows:
        show(forest_chart(rows, row.figure.value if row else math.nan, x=title), key="judged_forest", tools=True)
    else:
        st.caption("No level is large enough for this figure.")
    st.caption(f"{count(known['n'], 'image')}; n in brackets. {plain(known['intervals'])}")
    for note in known["notes"]:
        st.caption(f":material/info: {plain(note)}")


def _rows(levels: list[dict], figure: str) -> list[tuple[str, int, float, float, float]]:
    rows = []
    for level in levels:
        entry = level["figures"].get(figure)
        if entry is None or entry["value"] is None:
            continue
        values = (math.nan if entry[part] is None else entry[part] for part in ("value", "low", "high"))
        rows.append((f"{level['attribute']}: {level['name']}", level["n"], *values))
    return rows
