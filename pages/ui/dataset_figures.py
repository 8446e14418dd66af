"""Charts of what a data set consists of. Pure: counts in, a figure out."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pandas as pd

from pages.ui.colors import BLUE, GREY, class_colors
from pages.ui.figures import calm

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST_SLICES = 12


def class_pie(classes: pd.DataFrame) -> Figure:
    """Share of each class, labelled directly with name, n and share.

    Args:
        classes: class and n, largest first. Beyond a dozen classes the smallest are one slice.
    """
    import plotly.graph_objects as go

    shown = classes[["class", "n"]]
    colors = class_colors(classes["class"])
    if len(shown) > _MOST_SLICES:
        tail = shown.iloc[_MOST_SLICES - 1 :]
        rest = pd.DataFrame({"class": [f"{len(tail)} smaller classes"], "n": [tail["n"].sum()]})
        shown = pd.concat([shown.iloc[: _MOST_SLICES - 1], rest], ignore_index=True)
    figure = go.Figure(
        go.Pie(
            labels=[html.escape(label) for label in shown["class"]],
            values=shown["n"],
            marker={"colors": [colors.get(label, GREY) for label in shown["class"]]},
            sort=False,
            direction="clockwise",
            textposition="outside",
            texttemplate="%{label}<br>%{value:,} (%{percent:.1%})",
            hovertemplate="%{label}: %{value:,} images (%{percent:.1%})<extra></extra>",
            automargin=True,
        )
    )
    return calm(figure, height=380)


def age_bars(ages: pd.DataFrame, step: int) -> Figure:
    """Images by age in years; ``ages`` has age (lower edge) and n."""
    import plotly.graph_objects as go

    counts = ages.groupby("age", observed=True)["n"].sum().sort_index()
    lower = counts.index.astype(int)
    figure = go.Figure(
        go.Bar(
            x=[edge + step / 2 for edge in lower],
            y=counts.to_numpy(),
            width=step * 0.92,
            marker_color=BLUE,
            customdata=[f"{edge} to {edge + step - 1}" for edge in lower],
            hovertemplate="%{customdata} years: %{y:,} images<extra></extra>",
        )
    )
    return calm(figure, height=260, x="Age (years)", y="Images")


def count_bars(counts: pd.DataFrame, column: str, what: str) -> Figure:
    """Horizontal bars of a category, labelled with n and share, largest on top; "not known" is grey."""
    import plotly.graph_objects as go

    from skin_core.services.overview import UNKNOWN

    totals = counts.groupby(column, observed=True)["n"].sum().sort_values()
    everything = max(1, int(totals.sum()))
    figure = go.Figure(
        go.Bar(
            x=totals.to_numpy(),
            y=[html.escape(str(name)) for name in totals.index],
            orientation="h",
            marker_color=[GREY if name == UNKNOWN else BLUE for name in totals.index],
            text=[f"{n:,} ({n / everything:.0%})" for n in totals],
            textposition="auto",
            hovertemplate="%{y}: %{x:,} images<extra></extra>",
            cliponaxis=False,
        )
    )
    calm(figure, height=90 + 30 * len(totals), x="Images")
    figure.update_xaxes(range=[0, float(totals.max()) * 1.2 if len(totals) else 1])
    figure.update_yaxes(title_text=what)
    return figure


def size_points(sizes: pd.DataFrame) -> Figure:
    """Width against height of sampled images; a larger dot is more images."""
    import plotly.graph_objects as go

    n = sizes["n"].to_numpy()
    figure = go.Figure(
        go.Scatter(
            x=sizes["width"],
            y=sizes["height"],
            mode="markers",
            marker={"size": 7 + 18 * (n / n.max()) ** 0.5, "color": BLUE, "opacity": 0.6},
            customdata=n,
            hovertemplate="%{x} × %{y} px: %{customdata} images<extra></extra>",
        )
    )
    return calm(figure, height=260, x="Width (pixels)", y="Height (pixels)")
