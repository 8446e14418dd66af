"""Charts of runs that are still learning. Pure: histories in, a figure out; they redraw in place."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pages.ui.colors import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from pages.ui.figures import calm

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

RUN_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

# With more epochs the marks of single ones would hide the line.
_FEW_EPOCHS = 30

SCORE_WORDS = {
    "auc": "AUC",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "malignancy_auc": "Endpoint AUC",
}


# Pixels: what a chart's height has beside its y axis, and what a name beside a line takes.
_AROUND_THE_AXIS, _LINE_OF_TEXT = 80, 15


@dataclass(frozen=True)
class Curve:
    """One run as a chart needs it.

    Attributes:
        name: what the reader knows the run by.
        history: one row an epoch, as `services.runs.epoch_history` gives it.
        best_epoch: the epoch whose weights are kept, or None.
        epochs: epochs asked for.
    """

    name: str
    history: pd.DataFrame
    best_epoch: int | None
    epochs: int


def score_chart(curves: Sequence[Curve], score: str, *, height: int = 330) -> Figure:
    """A figure over epochs: train dashed, validation solid, the best epoch ringed, lines labelled at their end.

    Args:
        curves: the runs, each in its own colour.
        score: "loss", or a key of `SCORE_WORDS`; scores are drawn from 0.5 up unless one lies below.
        height: pixels.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    ends: list[tuple[float, float, str, str]] = []
    lowest, highest = math.inf, 0.0
    for number, curve in enumerate(curves):
        color = RUN_COLORS[number % len(RUN_COLORS)]
        for column, part, dash in ((score, "train", "dash"), (f"val_{score}", "validation", "solid")):
            values = curve.history[column]
            if values.notna().any():
                lowest, highest = min(lowest, values.min()), max(highest, values.max())
            figure.add_trace(
                go.Scatter(
                    x=curve.history["epoch"],
                    y=values,
                    mode="lines+markers" if len(values) <= _FEW_EPOCHS else "lines",
                    line={"color": color, "dash": dash, "width": 2},
                    marker={"size": 5, "symbol": "circle" if dash == "solid" else "circle-open"},
                    name=part if len(curves) == 1 else f"{html.escape(curve.name)}, {part}",
                    hovertemplate="%{y:.3f}" if len(curves) == 1 else "epoch %{x}: %{y:.3f}",
                )
            )
            told = values.dropna()
            if len(told) and (len(curves) == 1 or part == "validation"):
                label = part if len(curves) == 1 else html.escape(shortened(curve.name))
                at = float(curve.history.loc[told.index[-1], "epoch"])
                ends.append((at, float(told.iloc[-1]), label, color))
        best = curve.history.loc[curve.history["epoch"] == curve.best_epoch]
        if len(best) and best[f"val_{score}"].notna().all():
            figure.add_trace(
                go.Scatter(
                    x=best["epoch"],
                    y=best[f"val_{score}"],
                    mode="markers",
                    marker={"size": 13, "symbol": "circle-open", "color": color, "line": {"width": 2.5}},
                    hoverinfo="skip",
                )
            )
    calm(figure, height=height, x="Epoch", y="Loss" if score == "loss" else SCORE_WORDS[score])
    last = max((curve.epochs for curve in curves), default=1)
    figure.update_xaxes(range=[0.5, last + 0.5], tick0=1, dtick=max(1, round(last / 8)))
    if score == "loss":
        span = 1.05 * highest or 1.0
        figure.update_yaxes(rangemode="tozero")
    else:
        bottom = 0.5 if not math.isfinite(lowest) else min(0.5, math.floor(lowest * 10) / 10)
        span = 1.005 - bottom
        figure.update_yaxes(range=[bottom, 1.005])
    # Room on the right for the names at the lines' ends.
    longest = max((len(label) for _, _, label, _ in ends), default=0)
    figure.update_layout(hovermode="x unified" if len(curves) == 1 else "closest")
    figure.update_layout(margin_r=12 + 8 * longest)
    if len(curves) > 1:
        # At the edge, in a run's colour: a name at the end of a shorter line would lie on the longer ones.
        ends = [(last + 0.5, y, f"<span style='color:{color}'>■</span> {label}", color) for _, y, label, color in ends]
        figure.update_layout(margin_r=32 + 8 * longest)
    _label_ends(figure, ends, (height - _AROUND_THE_AXIS) / span)
    return figure


def batch_chart(histories: Sequence[tuple[str, pd.DataFrame]], *, height: int = 240) -> Figure:
    """Loss of single batches over steps, one thin line a run."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (name, batches) in enumerate(histories):
        figure.add_trace(
            go.Scatter(
                x=batches["step"],
                y=batches["loss"],
                mode="lines",
                line={"color": RUN_COLORS[number % len(RUN_COLORS)], "width": 1.2},
                name=html.escape(name),
                # By its place: written out, a title could hold what a template fills in.
                hovertemplate="step %{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
            )
        )
    calm(figure, height=height, x="Step (batches)", y="Loss of the batch")
    figure.update_layout(showlegend=len(histories) > 1, legend={"orientation": "h", "y": 1.12})
    return figure


def shortened(name: str, most: int = 18) -> str:
    """A name that fits beside a line; its end is kept, since that is where names differ."""
    if len(name) <= most:
        return name
    end = name[-(most - 1) :]
    # Whole words where there are some.
    whole = name[-most] == " "
    return f"…{end if whole else end.partition(' ')[2] or end}"


def _label_ends(figure: Figure, ends: list[tuple[float, float, str, str]], pixels: float) -> None:
    """Writes each line's name beside its last point; names that would touch are moved apart.

    Args:
        ends: x, y, name and colour of each line's last point.
        pixels: of the y axis for a difference of 1.
    """
    if not ends:
        return
    lifted, below = {}, -math.inf
    for index in sorted(range(len(ends)), key=lambda index: ends[index][1]):
        place = ends[index][1] * pixels
        below = max(place, below + _LINE_OF_TEXT)
        lifted[index] = below - place
    shift = -max(lifted.values()) / 2
    for index, (x, y, label, _) in enumerate(ends):
        figure.add_annotation(
            x=x,
            y=y,
            text=label,
            showarrow=False,
            xanchor="left",
            xshift=9,
            yshift=lifted[index] + shift,
            font={"size": 13},
        )
