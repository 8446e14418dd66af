"""The frame of every page: its title, the way to the others, the standing note."""

from __future__ import annotations

import skin_core.quiet  # noqa: F401  # first: switches telemetry off before anything else is imported

# isort: split
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.errors import StreamlitAPIException

from pages.ui.prompt_answers import send_at_once
from pages.ui.warm import page_begins

NOT_A_DEVICE = "Research software, not a medical device: no result here replaces an examination."

# A file of our own: for a Material symbol as the tab's picture, Streamlit makes the browser ask Google's server.
_ICON = str(Path(__file__).with_name("icon.png"))
_PAGES = Path(__file__).resolve().parent.parent
_ICONS = {
    "Screen": "search_insights",
    "Data": "photo_library",
    "Train": "model_training",
    "Runs": "leaderboard",
    "Evaluate": "fact_check",
    "Search": "tune",
}


def start(title: str, *, question: str = "") -> None:
    """Opens a page. Call it first.

    Args:
        title: what the page is, in the browser's tab and as its heading.
        question: the one question that the page answers, under its heading.
    """
    if _has_server():
        send_at_once()
        page_begins()
    tab = title if title == "LesionLab" else f"{title} · LesionLab"
    st.set_page_config(page_title=tab, page_icon=_ICON, layout="wide")
    with st.sidebar:
        _navigation()
        disclaimer()
    st.title(title, anchor=False)
    if question:
        st.markdown(question)


def _has_server() -> bool:
    """Whether somebody waits: a page that is run by itself, as tests do, has no server or a stand-in for one."""
    # A stand-in passes for an instance, so the type itself is asked.
    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime


def _navigation() -> None:
    # Streamlit's own list would call the home page "app", so it is switched off in config.toml.
    try:
        st.page_link("app.py", label="Home", icon=":material/home:")
        for file in sorted(_PAGES.glob("[0-9]*_*.py")):
            label = file.stem.partition("_")[2].replace("_", " ")
            st.page_link(f"pages/{file.name}", label=label, icon=f":material/{_ICONS.get(label, 'article')}:")
    except StreamlitAPIException:
        # A page file that is run by itself knows no other pages.
        return


def disclaimer() -> None:
    """The line that stands wherever a prediction is shown."""
    st.caption(f":material/info: {NOT_A_DEVICE}")


def empty_state(sentence: str, *, icon: str = "inbox") -> None:
    """Says what is missing and what to do next; the caller puts the button for it below."""
    st.info(sentence, icon=f":material/{icon}:")
