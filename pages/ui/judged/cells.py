"""The chart of the confusion matrix, whose cells can be chosen. Pure: counts in, a Plotly figure out."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pages.ui.figures import calm

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def cells_chart(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """A confusion matrix whose cells can be chosen: counts, coloured by the share of the true class.

    Args:
        counts: int (C, C), true class by row. names: C.

    Points are numbered row by row: point ``true * C + predicted``.
    """
    import plotly.graph_objects as go

    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    share = counts / totals
    n = len(names)
    row, column = (grid.ravel() for grid in np.mgrid[:n, :n])
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=list(range(n)),
            y=list(range(n)),
            colorscale="Cividis",
            zmin=0,
            zmax=1,
            colorbar={"title": {"text": "Share of<br>true class"}, "tickformat": ".0%", "thickness": 12},
            hoverinfo="skip",
        )
    )
    # Plotly tells clicks on points, not on cells of a heat map.
    figure.add_scatter(
        x=column,
        y=row,
        mode="markers+text",
        marker={"size": 34, "symbol": "square", "color": "rgba(0, 0, 0, 0.01)"},
        text=[f"{count:,}" for count in counts.ravel()],
        # White on cividis' dark half, black on its bright one: AA contrast on both.
        textfont={"color": ["#000000" if value > 0.5 else "#FFFFFF" for value in share.ravel()], "size": 14},
        hovertext=[
            f"true {html.escape(names[r])}, said {html.escape(names[c])}: {counts[r, c]:,} images ({share[r, c]:.0%})"
            for r, c in zip(row, column, strict=True)
        ],
        hoverinfo="text",
        # White with black letters marks the choice on every colour; a colour of its own keeps Plotly from fading the others'.
        selected={"marker": {"opacity": 1, "color": "#FFFFFF"}, "textfont": {"color": "#000000"}},
        unselected={"marker": {"opacity": 1}},
    )
    calm(figure, height=150 + 44 * n, x="Said", y="True class")
    ticks = {"tickmode": "array", "tickvals": list(range(n)), "ticktext": [html.escape(name) for name in names]}
    figure.update_yaxes(range=[n - 0.5, -0.5], showgrid=False, **ticks)
    figure.update_xaxes(range=[-0.5, n - 0.5], showgrid=False, **ticks)
    # Plotly chooses no point where dragging is switched off.
    figure.update_layout(clickmode="event+select", dragmode="pan")
    return figure
