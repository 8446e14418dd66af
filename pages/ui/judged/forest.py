"""The chart of subgroups. Pure: rows in, a Plotly figure out."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from pages.ui.colors import BLUE, GREY
from pages.ui.figures import calm

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_LONGEST = 26


def forest_chart(rows: Sequence[tuple[str, int, float, float, float]], overall: float, *, x: str) -> Figure:
    """One line a level with its interval and n; the figure of all images as a vertical line.

    Args:
        rows: name, n, value, low, high; from top to bottom. A row whose value is NaN has no mark.
        overall: the figure of all images; NaN draws no line.
        x: what the figure is.
    """
    import plotly.graph_objects as go

    # Long names in two lines, or on a phone they take more room than the marks.
    names = ["<br>".join(html.escape(line) for line in wrap(f"{name} ({n:,})", _LONGEST)) for name, n, *_ in rows]
    values = np.array([row[2:] for row in rows], dtype=float).reshape(len(rows), 3)
    figure = go.Figure(
        go.Scatter(
            x=values[:, 0],
            y=names,
            mode="markers",
            marker={"size": 10, "color": BLUE, "symbol": "square"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": np.nan_to_num(values[:, 2] - values[:, 0]),
                "arrayminus": np.nan_to_num(values[:, 0] - values[:, 1]),
                "color": BLUE,
                "thickness": 1.5,
            },
            customdata=values[:, 1:],
            hovertemplate="%{y}: %{x:.3f} (%{customdata[0]:.3f} to %{customdata[1]:.3f})<extra></extra>",
        )
    )
    calm(figure, height=90 + 30 * max(1, len(rows)), x=x)
    lowest = float(np.nanmin(values[:, :2], initial=1.0)) if len(rows) else 0.0
    figure.update_xaxes(range=[min(0.5, math.floor(lowest * 10) / 10), 1.01])
    figure.update_yaxes(type="category", autorange="reversed", categoryorder="array", categoryarray=names)
    if not math.isnan(overall):
        figure.add_vline(x=overall, line_dash="dash", line_color=GREY)
        figure.add_annotation(x=overall, y=1.02, yref="paper", text="all", showarrow=False, yanchor="bottom")
    return figure
