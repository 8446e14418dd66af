"""Where the model does worse: figures by sex, age, site and estimated skin tone, with n, and the largest gap."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.ui.figures import show
from pages.ui.jobs import running, show_job
from pages.ui.judged.forest import forest_chart
from pages.ui.words import count, duration, plain
from skin_core.services import background, recorded, subgroups
from skin_core.services.judged import Interval, Judged

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
        _work_out(found, key, "Look at subgroups")
        return
    st.markdown(f"**{plain(known['sentence'])}**")
    shown = subgroups.figures_told(known)
    figure = shown[0]
    if len(shown) > 1:
        figure = st.segmented_control(
            "Figure",
            shown,
            default=figure,
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
    with st.expander("All levels", icon=":material/table_rows:"):
        st.dataframe(
            level_table(known),
            hide_index=True,
            key="judged_levels",
            height="content",
            column_config={"Level": st.column_config.TextColumn(width=190)},
        )
    st.caption(f"{count(known['n'], 'image')}; n in brackets. {plain(known['intervals'])}")
    for note in known["notes"]:
        st.caption(f":material/info: {plain(note)}")
    if not known.get("skin_tone", True):
        _work_out(found, key, "Estimate skin tone, too", skin_tone=True)


def level_table(known: dict) -> pd.DataFrame:
    """One row a level: each figure with its interval, its images, and how many are positive."""
    shown = subgroups.figures_told(known)
    return pd.DataFrame(
        [
            {
                # That it is an estimate stands in the picture above and in the notes below; here room is short.
                "Level": _name(level).replace(" (estimated)", ""),
                **{_FIGURES[name][0]: _words(level, name) for name in shown},
                "Images": level["n"],
                "Positive": level["n_positive"],
            }
            for level in known["levels"]
        ]
    )


def _name(level: dict) -> str:
    return f"{level['attribute']}: {level['name']}"


def _words(level: dict, figure: str) -> str:
    return "too few" if level["too_small"] else Interval.of(level["figures"].get(figure)).in_words(2)


def _work_out(found: Judged, key: str, label: str, **options: bool) -> None:
    show_job(key)
    if options:
        st.caption(f"Estimating it takes about {duration(found.n * recorded.SECONDS_A_TONE)} for these pictures.")
    if st.button(label, icon=":material/groups:", key="judged_subgroups"):
        asked = {"of": found.run_id, "split": found.split, **options}
        background.start(key, "Looking at subgroups", recorded.record_subgroups, **asked)
        st.rerun()


def _rows(levels: list[dict], figure: str) -> list[tuple[str, int, float, float, float]]:
    rows = []
    for level in levels:
        entry = level["figures"].get(figure)
        if entry is None or entry["value"] is None:
            continue
        values = (math.nan if entry[part] is None else entry[part] for part in ("value", "low", "high"))
        rows.append((_name(level), level["n"], *values))
    return rows
