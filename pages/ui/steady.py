"""Charts that are redrawn while they are looked at: they stay on the page, and so do the reader's zoom and hover.

``st.plotly_chart`` of Streamlit 1.67 cannot do that: its page takes a chart whose data changed off and puts a new one
there, whatever its key and ``uirevision``. It flickers, and the zoom is gone. These charts are therefore components of
their own (``live_chart.js``), drawn by the plotly.js that comes with the Python package: nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_DRAW = Path(__file__).with_name("live_chart.js")
_EMPTY_MODULE = "\nexport default function () {}\n"


@st.cache_resource(show_spinner=False)
def _library_source() -> str:
    import plotly

    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    # The file hands the library to whoever loads it; this puts it where the charts look for it.
    return source.read_text(encoding="utf-8") + "\nglobalThis.Plotly ??= globalThis.moduleName;" + _EMPTY_MODULE


def load_library() -> None:
    """Brings plotly.js to the page, once; call it outside the part that is polled."""
    st.components.v2.component("lesionlab_plotly", js=_library_source(), isolate_styles=False)(key="plotly_library")


def show_live(figure: Figure, name: str, label: str) -> None:
    """Draws a chart that moves, over the full width.

    Args:
        figure: the chart as it is now; while its ``uirevision`` stays, so does the reader's zoom.
        name: unique among the live charts of the page; the same name updates the chart in place.
        label: what it shows, for those who hear the page.
    """
    import plotly.io

    figure.update_layout(template="none")
    chart = st.components.v2.component(
        "lesionlab_live_chart", js=_DRAW.read_text(encoding="utf-8"), isolate_styles=False
    )
    chart(key=f"live_{name}", data={"figure": plotly.io.to_json(figure, validate=False), "label": label})
