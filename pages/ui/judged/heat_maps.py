"""Whether the heat maps show what the network looks at: one sentence, the curves behind it, the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.ui.colors import BLUE, GREY, VERMILLION
from pages.ui.figures import calm, show
from pages.ui.jobs import running, show_job
from pages.ui.words import plain, with_interval
from skin_core.services import background, heat_maps
from skin_core.services.heat_maps import Band, CheckedMaps
from skin_core.services.judged import Judged

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_KINDS = {
    "deletion": ("Hidden first: it should fall fast", "Pixels hidden, the highest ranked first (%)"),
    "insertion": ("Shown first: it should rise fast", "Pixels shown, the highest ranked first (%)"),
}
# Colour, line, band and word of each; the map's own line last, on top.
_LINES = {
    "random": (GREY, "dot", "rgba(138, 138, 138, 0.18)", "random pixels"),
    "centre": (VERMILLION, "dash", "rgba(213, 94, 0, 0.14)", "middle of the picture"),
    "map": (BLUE, "solid", "rgba(0, 114, 178, 0.18)", "what the map marks"),
}


def show_heat_maps(found: Judged) -> None:
    """What was measured, or the button that measures it."""
    key = f"heat maps {found.run_id}"
    if running(key):
        show_job(key)
        return
    kept = heat_maps.recorded_heat_maps(found.run_id)
    if kept is None:
        st.info(
            "Whether this run's heat maps show what the network looks at was not measured yet. It needs validation "
            "pictures only and takes about a minute.",
            icon=":material/frame_inspect:",
        )
        show_job(key)
        if st.button("Check the heat maps", icon=":material/frame_inspect:", key="judged_heat_maps"):
            background.start(key, "Checking the heat maps", heat_maps.check_heat_maps, run_id=found.run_id)
            st.rerun()
        return
    st.markdown(f"**{plain(kept.check.sentence())}**")
    if not kept.curves:
        return
    for kind, column in zip(_KINDS, st.columns(2, gap="medium"), strict=True):
        with column:
            st.markdown(f"**{_KINDS[kind][0]}**")
            show(exchange_chart(kept, kind), key=f"judged_{kind}", tools=True)
    st.caption(
        f"Shaded: where 95 in 100 resamples of the {plain(kept.check.group_word)} lie. {plain(kept.check.how())}"
    )
    rows = [
        {"Figure": title, "Value (95 % interval)": with_interval(figure.model_dump())}
        for title, figure in heat_maps.told(kept.check)
    ]
    with st.expander("Figures of the heat maps", icon=":material/table_rows:"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="judged_heat_map_figures", height="content")


def exchange_chart(kept: CheckedMaps, kind: str) -> Figure:
    """Mean probability of the class while pixels are exchanged, for the map, random pixels and the middle.

    Args:
        kept: with curves. kind: "deletion" or "insertion".
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    x = [100 * share for share in kept.shares]
    for name, (color, dash, shade, word) in _LINES.items():
        band = kept.curves[kind][name]
        _add_band(figure, x, band, shade)
        figure.add_scatter(
            x=x,
            y=list(band.y),
            mode="lines",
            line={"color": color, "dash": dash, "width": 2.4 if name == "map" else 1.8},
            name=word,
            customdata=list(zip(band.low, band.high, strict=True)),
            hovertemplate=f"{word}, %{{x:.0f}} %: %{{y:.3f}} (%{{customdata[0]:.3f}} to %{{customdata[1]:.3f}})<extra></extra>",
        )
    calm(figure, height=340, x=_KINDS[kind][1], y="Mean probability of the class")
    highest = max(
        (value for band in kept.curves[kind].values() for value in band.high if value is not None), default=1.0
    )
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, min(1.02, 1.1 * highest + 0.02)])
    # Three lines that meet at both ends: a name at a line's end would lie on the others.
    figure.update_layout(
        showlegend=True,
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "x": 0,
            "traceorder": "reversed",
            "font": {"size": 13},
        },
    )
    return figure


def _add_band(figure: Figure, x: list[float], band: Band, shade: str) -> None:
    known = [(at, low, high) for at, low, high in zip(x, band.low, band.high, strict=True) if None not in (low, high)]
    if not known:
        return
    across, low, high = zip(*known, strict=True)
    figure.add_scatter(
        x=[*across, *reversed(across)],
        y=[*high, *reversed(low)],
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=shade,
        hoverinfo="skip",
        showlegend=False,
    )
