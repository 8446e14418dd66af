"""Curves of one question. Pure: arrays in, a Plotly figure out; colour never alone, lines named where they end."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import numpy as np

from pages.ui.colors import BLUE, GREY, ORANGE, VERMILLION
from pages.ui.figures import calm

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from skin_core.services.judged_curves import Curve, Curves

_BAND = "rgba(0, 114, 178, 0.18)"
_HEIGHT = 360


def roc_chart(found: Curves, point: tuple[float, float] | None = None) -> Figure:
    """Sensitivity over the share of the others that are called positive, with its band and the diagonal of chance.

    Args:
        found: the curves of one endpoint.
        point: sensitivity and specificity at the threshold, to be marked; NaN or None is not drawn.
    """
    figure = _with_band(found.roc)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip")
    _say(figure, 0.6, 0.55, "chance", GREY, xanchor="left", yanchor="top")
    if point is not None and not any(math.isnan(value) for value in point):
        _mark(figure, 1 - point[1], point[0], "threshold")
    calm(figure, height=_HEIGHT, x="Others called positive (1 - specificity)", y="Positives found (sensitivity)")
    return _unit_axes(figure)


def precision_recall_chart(found: Curves) -> Figure:
    """Precision over sensitivity, with its band and what calling everybody gives."""
    figure = _with_band(found.precision_recall)
    share = found.endpoint.n_positive / max(1, found.endpoint.n)
    figure.add_scatter(x=[0, 1], y=[share, share], mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip")
    _say(figure, 0.02, share, f"calling all: {share:.2f}", GREY, xanchor="left", yanchor="bottom")
    calm(figure, height=_HEIGHT, x="Positives found (sensitivity)", y="Right among those called (precision)")
    return _unit_axes(figure)


def reliability_chart(found: Curves) -> Figure:
    """Observed share over predicted risk in bins of equal size, intervals as whiskers, images of each bin below."""
    from plotly.subplots import make_subplots

    bins = found.reliability
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.06)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip", row=1, col=1
    )
    figure.add_scatter(
        x=bins.predicted,
        y=bins.observed,
        mode="lines+markers",
        line={"color": BLUE, "width": 1.5},
        marker={"size": 9},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": bins.high - bins.observed,
            "arrayminus": bins.observed - bins.low,
            "color": BLUE,
            "thickness": 1.2,
        },
        customdata=np.stack([bins.n_positive, bins.n], axis=1) if len(bins.n) else None,
        hovertemplate="said %{x:.2f}, was %{y:.2f} (%{customdata[0]} of %{customdata[1]})<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=bins.predicted,
        y=bins.n,
        width=0.012,
        marker_color=GREY,
        hovertemplate="%{y} images said %{x:.2f}<extra></extra>",
        row=2,
        col=1,
    )
    calm(figure, height=_HEIGHT + 40)
    figure.update_yaxes(title_text="Share that was positive", range=[0, 1.02], row=1, col=1)
    figure.update_yaxes(title_text="Images", rangemode="tozero", nticks=3, row=2, col=1)
    figure.update_xaxes(range=[0, 1])
    figure.update_xaxes(title_text="Probability said", row=2, col=1)
    _say(figure, 0.6, 0.55, "as said", GREY, xanchor="left", yanchor="top")
    return figure


def decision_chart(found: Curves) -> Figure:
    """Net benefit over the threshold probability, against referring everybody and nobody.

    Raises:
        ValueError: if the endpoint has no decision curve.
    """
    if found.decision is None:
        raise ValueError(f"'{found.endpoint.key}' has no decision curve")
    decision = found.decision
    figure = _with_band(decision.model)
    x = decision.model.x
    figure.add_scatter(
        x=x,
        y=decision.everybody,
        mode="lines",
        line={"color": ORANGE, "dash": "dash"},
        hovertemplate="refer all: %{y:.3f}<extra></extra>",
    )
    figure.add_scatter(x=x, y=decision.nobody, mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip")
    top = float(np.nanmax([decision.everybody[0], np.nanmax(decision.model.high, initial=0.0)]))
    calm(figure, height=_HEIGHT, x="Threshold probability", y="Net benefit (true positives for each image)")
    figure.update_yaxes(range=[-0.25 * top - 0.005, 1.1 * top + 0.005])
    figure.update_xaxes(range=[0, float(x[-1])])
    falls = int(np.argmax(decision.everybody < 0.35 * top))
    _say(figure, float(x[falls]), float(decision.everybody[falls]), "refer all", ORANGE, xanchor="left")
    _say(figure, float(x[-1]), 0, "refer nobody", GREY, xanchor="right", yanchor="top")
    middle = len(x) // 2
    if not math.isnan(decision.model.y[middle]):
        _say(figure, float(x[middle]), float(decision.model.y[middle]), "model", BLUE, yanchor="bottom")
    return figure


def histogram_chart(found: Curves) -> Figure:
    """How the scores of positives and of the others lie: the share of each, positives up, others down."""
    import plotly.graph_objects as go

    middles = (found.edges[1:] + found.edges[:-1]) / 2
    figure = go.Figure()
    sides = ((found.positives, 1, VERMILLION, "positive"), (found.negatives, -1, BLUE, "not"))
    for counts, sign, color, word in sides:
        share = counts / max(1, counts.sum())
        figure.add_bar(
            x=middles,
            y=sign * share,
            width=float(found.edges[1] - found.edges[0]),
            marker_color=color,
            customdata=np.stack([counts, share], axis=1),
            hovertemplate=f"{word}: %{{customdata[0]}} images (%{{customdata[1]:.0%}})<extra></extra>",
        )
    calm(figure, height=_HEIGHT, x="Probability said", y="Share of the images of each outcome")
    most = max(0.01, *(float((counts / max(1, counts.sum())).max(initial=0)) for counts, *_ in sides))
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[-1.15 * most, 1.15 * most], tickformat=".0%")
    figure.add_hline(y=0, line_width=1, line_color=GREY)
    _say(figure, 0.98, 0.95 * most, f"{int(found.positives.sum()):,} positive (up)", VERMILLION, xanchor="right")
    _say(figure, 0.98, -0.95 * most, f"{int(found.negatives.sum()):,} not (down)", BLUE, xanchor="right")
    if found.threshold is not None and found.threshold <= 1:
        figure.add_vline(x=found.threshold, line_dash="dash", line_color=GREY)
        _say(figure, found.threshold, 1.08 * most, "threshold", GREY, xanchor="left")
    return figure


def _with_band(curve: Curve) -> Figure:
    import plotly.graph_objects as go

    known = ~(np.isnan(curve.low) | np.isnan(curve.high))
    figure = go.Figure()
    if known.any():
        figure.add_scatter(
            x=np.r_[curve.x[known], curve.x[known][::-1]],
            y=np.r_[curve.high[known], curve.low[known][::-1]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=_BAND,
            hoverinfo="skip",
        )
    low, high = (np.where(known, band, curve.y) for band in (curve.low, curve.high))
    figure.add_scatter(
        x=curve.x,
        y=curve.y,
        mode="lines",
        line={"color": BLUE, "width": 2.2},
        customdata=np.stack([low, high], axis=1),
        hovertemplate="%{x:.2f}: %{y:.3f} (%{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>",
    )
    return figure


def _unit_axes(figure: Figure) -> Figure:
    figure.update_xaxes(range=[0, 1.005])
    figure.update_yaxes(range=[0, 1.02])
    return figure


def _mark(figure: Figure, x: float, y: float, word: str) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={"size": 13, "symbol": "circle-open", "color": VERMILLION, "line": {"width": 2.5}},
        hovertemplate=f"{word}: sensitivity %{{y:.3f}}, specificity {1 - x:.3f}<extra></extra>",
    )
    _say(figure, x, y, word, VERMILLION, xanchor="right" if x > 0.6 else "left", yanchor="top")


def _say(
    figure: Figure, x: float, y: float, word: str, color: str, *, xanchor: str = "center", yanchor: str = "bottom"
) -> None:
    """A word beside a line, in the page's own ink, with a square of the line's colour."""
    figure.add_annotation(
        x=x,
        y=y,
        text=f"<span style='color:{color}'>■</span> {html.escape(word)}",
        showarrow=False,
        xanchor=xanchor,
        yanchor=yanchor,
        xshift={"left": 8, "right": -8}.get(xanchor, 0),
        font_size=13,
    )
