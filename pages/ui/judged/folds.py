"""How much the figures of a cross-validated run differ from fold to fold."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.ui.colors import BLUE, GREY, VERMILLION
from pages.ui.figures import calm, show
from pages.ui.judged import store
from pages.ui.words import count, duration, figure
from skin_core.services import results
from skin_core.services.cross_validation import CrossValidated, Spread
from skin_core.services.figure_rows import ON_ONE_AXIS
from skin_core.services.judged import HEADLINES, Judged

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PREDICTIONS = "out_of_fold.csv"


def show_folds(found: Judged) -> None:
    """The spread as a picture and in numbers, and the predictions to take away."""
    told = store.cross_validated(found.run_id)
    drawn = [entry for name in ON_ONE_AXIS if (entry := told.over_folds(name)) is not None and entry.n]
    if drawn:
        show(spread_chart(drawn), key="judged_spread", tools=True)
        st.caption(
            "Circles: one fold each, by its number. Upright line: their mean. Square with whiskers: all out-of-fold images "
            "together, with the 95 % interval; it is not the mean of the folds."
        )
    st.dataframe(spread_table(told), hide_index=True, key="judged_spread_table", height="content")
    with st.expander("Fold by fold", icon=":material/view_module:"):
        st.dataframe(member_table(told), hide_index=True, key="judged_members", height="content")
        whole = sum(member.seconds for member in told.members)
        st.caption(f"{count(told.folds, 'fold')}, {duration(whole)} of training and validation in all.")
    path = next((path for path in results.files_of(found.run_id) if path.name == PREDICTIONS), None)
    if path is not None:
        st.download_button(
            "Out-of-fold predictions (csv)",
            path.read_bytes(),
            file_name=f"{found.run_id}_{PREDICTIONS}",
            mime="text/csv",
            icon=":material/download:",
            key="judged_out_of_fold_csv",
            on_click="ignore",
        )


def spread_table(told: CrossValidated) -> pd.DataFrame:
    """One row a headline figure: over the folds, and all images together."""
    rows = [entry for name in HEADLINES if (entry := told.over_folds(name)) is not None]
    return pd.DataFrame(
        [
            {
                # As short as in the picture above: on a phone the figures themselves must still fit beside it.
                "Figure": ON_ONE_AXIS.get(entry.name, entry.title.partition(" (")[0]),
                "All together (95 % interval)": entry.pooled.in_words(),
                "Mean of the folds": figure(entry.mean),
                "Standard deviation": figure(entry.sd),
                "Least to greatest": "undefined" if not entry.n else f"{entry.low:.3f} to {entry.high:.3f}",
                "Folds": entry.n,
            }
            for entry in rows
        ]
    )


def member_table(told: CrossValidated) -> pd.DataFrame:
    """One row a fold."""
    return pd.DataFrame(
        [
            {
                "Fold": member.fold,
                "Images held": member.n,
                f"{told.pooled.group_word.capitalize()} held": member.n_groups,
                "Images learnt from": member.n_train,
                "Epoch kept": f"{member.epoch} of {member.epochs}",
                **{ON_ONE_AXIS[name]: figure(member.figures.get(name, math.nan)) for name in ON_ONE_AXIS},
                "Time": duration(member.seconds),
            }
            for member in told.members
        ]
    )


def spread_chart(rows: list[Spread]) -> Figure:
    """Points of the folds below each other, their mean, and the pooled figure with its interval, one band a figure.

    Args:
        rows: figures between 0 and 1, from top to bottom, each defined in at least one fold.
    """
    import plotly.graph_objects as go

    folds = len(rows[0].values)
    drawing = go.Figure()
    lowest = 1.0
    for place, entry in enumerate(rows):
        # Folds lie under each other within the upper part of the band, so that equal values do not hide each other.
        heights = [place - 0.42 + 0.64 * (number + 0.5) / folds for number in range(folds)]
        defined = [
            (value, height, number) for number, (value, height) in enumerate(zip(entry.values, heights, strict=True), 1)
        ]
        defined = [point for point in defined if not math.isnan(point[0])]
        drawing.add_scatter(
            x=[entry.mean, entry.mean],
            y=[place - 0.42, place + 0.22],
            mode="lines",
            line={"color": GREY, "width": 2},
            hovertemplate=f"mean of the folds {entry.mean:.3f}<extra></extra>",
        )
        drawing.add_scatter(
            x=[point[0] for point in defined],
            y=[point[1] for point in defined],
            mode="markers+text",
            marker={"size": 15, "color": BLUE},
            text=[str(point[2]) for point in defined],
            textfont={"color": "#FFFFFF", "size": 10},
            hovertemplate="fold %{text}: %{x:.3f}<extra></extra>",
        )
        pooled = entry.pooled
        drawing.add_scatter(
            x=[pooled.value],
            y=[place + 0.35],
            mode="markers",
            marker={"size": 11, "color": VERMILLION, "symbol": "square"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0 if math.isnan(pooled.high) else pooled.high - pooled.value],
                "arrayminus": [0 if math.isnan(pooled.low) else pooled.value - pooled.low],
                "color": VERMILLION,
                "thickness": 1.6,
            },
            hovertemplate=f"all together {pooled.in_words()}<extra></extra>",
        )
        lowest = min(lowest, entry.low, pooled.low if not math.isnan(pooled.low) else 1.0)
    calm(drawing, height=90 + len(rows) * min(140, max(70, 24 * folds)), x="Figure on the held images")
    drawing.update_xaxes(range=[min(0.5, math.floor(lowest * 10) / 10), 1.01])
    drawing.update_yaxes(
        tickvals=list(range(len(rows))),
        # In two lines, or on a phone the names take more room than the points.
        ticktext=["<br>".join(wrap(ON_ONE_AXIS.get(entry.name, entry.title), 16)) for entry in rows],
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
    )
    for place in range(1, len(rows)):
        drawing.add_hline(y=place - 0.5, line_width=1, line_color=GREY, opacity=0.35)
    return drawing
