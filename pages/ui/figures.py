"""The look that all charts share, and how they are drawn on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# The text colours of .streamlit/config.toml.
_INK = {"light": "#17242C", "dark": "#E6EDF1"}


def calm(figure: Figure, *, height: int, x: str = "", y: str = "", uirevision: str = "kept") -> Figure:
    """Gives a figure the app's look: no frame, thin grid, named axes, no legend unless asked for afterwards.

    Args:
        figure: changed in place and returned.
        height: pixels.
        x: name of the x axis, with its unit.
        y: name of the y axis, with its unit.
        uirevision: while it stays the same, a redraw keeps the reader's zoom.
    """
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        showlegend=False,
        uirevision=uirevision,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"font": {"size": 14}},
    )
    figure.update_xaxes(title_text=x, automargin=True, zeroline=False)
    figure.update_yaxes(title_text=y, automargin=True, zeroline=False)
    return figure


def show(figure: Figure, key: str, *, tools: bool = False, points: bool = False) -> list[dict]:
    """Draws a figure over the full width, in the page's light or dark theme.

    Args:
        figure: the chart.
        key: unique on the page; the same key updates the chart in place.
        tools: whether to offer zoom and picture tools.
        points: whether the reader can choose points of it.

    Returns:
        The chosen points, as Plotly tells them; empty without.
    """
    # Streamlit's own chart theme writes in a grey that does not reach AA contrast.
    ink = _INK["dark" if st.context.theme.type == "dark" else "light"]
    # Over a transparent page Plotly lays its tools on half-black: a grey bar that hides the top of the chart.
    tool_bar = {"bgcolor": "rgba(0,0,0,0)", "color": ink, "activecolor": ink}
    figure.update_layout(font_color=ink, modebar=tool_bar)
    figure.update_xaxes(tickfont_color=ink, title_font_color=ink)
    figure.update_yaxes(tickfont_color=ink, title_font_color=ink)
    config = {"displaylogo": False, "displayModeBar": "hover" if tools else False, "scrollZoom": False}
    how = {"on_select": "rerun", "selection_mode": "points"} if points else {}
    chosen = st.plotly_chart(figure, width="stretch", theme="streamlit", key=key, config=config, **how)
    return list(chosen["selection"]["points"]) if points else []
