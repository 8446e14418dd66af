"""Charts of a run that is done: confusion matrix, classes before and after balancing. Pure: tables in, figures out."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pandas as pd

from pages.ui.colors import BLUE, ORANGE
from pages.ui.figures import calm

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def confusion_chart(confusion: pd.DataFrame) -> Figure:
    """Counts in each cell, coloured by the share of the true class.

    Args:
        confusion: true class by row, predicted class by column.
    """
    import plotly.graph_objects as go

    totals = confusion.sum(axis=1).replace(0, 1)
    share = confusion.div(totals, axis=0)
    figure = go.Figure(
        go.Heatmap(
            z=share.to_numpy(),
            x=[html.escape(str(name)) for name in confusion.columns],
            y=[html.escape(str(name)) for name in confusion.index],
            text=confusion.to_numpy(),
            texttemplate="%{text}",
            colorscale="Cividis",
            zmin=0,
            zmax=1,
            colorbar={"title": {"text": "Share of<br>true class"}, "tickformat": ".0%", "thickness": 12},
            hovertemplate="true %{y}, predicted %{x}: %{text} images (%{z:.0%} of the class)<extra></extra>",
        )
    )
    calm(figure, height=160 + 40 * len(confusion), x="Predicted class", y="True class")
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category", showgrid=False)
    return figure


def distribution_chart(distribution: pd.DataFrame) -> Figure:
    """Training images an epoch by class, before and after balancing.

    Args:
        distribution: columns before and after, one row a class.
    """
    import plotly.graph_objects as go

    # The classes lie on their side: nine names and eighteen figures do not fit beside each other under a chart.
    names = [html.escape(str(name)) for name in distribution.index]
    figure = go.Figure()
    for column, color, words in (("before", BLUE, "before balancing"), ("after", ORANGE, "after balancing")):
        if column in distribution:
            figure.add_trace(
                go.Bar(
                    x=distribution[column],
                    y=names,
                    orientation="h",
                    name=words,
                    marker_color=color,
                    text=distribution[column],
                    texttemplate="%{text:,}",
                    textposition="outside",
                    textangle=0,
                    cliponaxis=False,
                    hovertemplate=f"%{{y}}, {words}: %{{x:,}} images<extra></extra>",
                )
            )
    calm(figure, height=110 + 46 * len(names), x="Training images an epoch")
    most = max((int(distribution[column].max()) for column in distribution if len(distribution)), default=1)
    figure.update_layout(barmode="group", showlegend=True, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})
    # Room for the figure at the end of the longest bar.
    figure.update_xaxes(range=[0, 1.15 * most])
    figure.update_yaxes(type="category", autorange="reversed")
    return figure
