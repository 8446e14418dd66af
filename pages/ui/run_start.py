"""Starts a run from any page and shows it on the Train page."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import showing_errors
from skin_core.config import RunConfig
from skin_core.services import runs

# The Train page reads the address only if it was not opened before; this it reads always, once.
WATCH_NEXT = "watch_next"


def start_and_watch(config: RunConfig) -> None:
    """Starts a run and goes to the Train page, where it is watched; what stands against it is one sentence here."""
    with showing_errors():
        st.session_state[WATCH_NEXT] = [runs.start_run(config)]
        st.switch_page("pages/3_Train.py")
