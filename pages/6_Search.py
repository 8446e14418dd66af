"""Search: let settings be tried, and see which are the best. The work is done by processes; this page only reads."""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui.search.form import new_search
from pages.ui.search.live import live_search, state_words
from pages.ui.words import plain
from skin_core.services import searches

_WATCH_NEXT = "search_next"


def main() -> None:
    """The search that is watched first, the form for a new one below."""
    page.start("Search", question="Which settings suit this data best, and does it matter?")
    name = _chosen()
    if name is None:
        st.subheader("Start a search", anchor=False)
        started = new_search()
    else:
        live_search(name)
        with st.expander("Start a new search", icon=":material/add_circle:", key="new_search"):
            started = new_search()
    if started is not None:
        st.session_state[_WATCH_NEXT] = started
        st.rerun()


def _chosen() -> str | None:
    """The search to show: the one in the address, so that a reload and a second browser show the same; else the newest."""
    listed = {search.name: search for search in searches.list_searches()}
    asked = st.query_params.get("search")
    if _WATCH_NEXT in st.session_state:
        st.session_state["search_shown"] = st.session_state.pop(_WATCH_NEXT)
    elif st.session_state.get("search_shown") not in listed:
        if asked is not None and asked not in listed:
            st.warning(f"There is no search '{plain(asked)}' in this workspace.", icon=":material/search_off:")
        st.session_state["search_shown"] = asked if asked in listed else next(iter(listed), None)
    if not listed:
        return None
    name = st.selectbox(
        "Search shown",
        list(listed),
        # Told so that it stays true until the search ends.
        format_func=lambda name: f"{name}, {'at work' if listed[name].at_work else state_words(listed[name]).lower()}",
        key="search_shown",
    )
    st.query_params["search"] = name
    return name


main()
