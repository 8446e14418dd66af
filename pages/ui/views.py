"""How many views of each picture an engine looks at: asked the same way where it is judged and where it is published."""

from __future__ import annotations

import streamlit as st

from skin_core.screening.views import COUNTS


def choose_views(key: str, value: int = 1) -> int:
    """One view, or several whose answers are averaged.

    Args:
        key: of the widget.
        value: chosen at first.
    """
    counts = list(COUNTS)
    return st.selectbox(
        "Views of each picture",
        counts,
        index=counts.index(value),
        format_func=lambda count: f"{count}: {COUNTS[count]}",
        key=key,
        help="A lesion has no upright: with several views the engine averages what it says of each. It takes as many times "
        "as long, and is judged and published with the same number, since it is another predictor.",
    )
