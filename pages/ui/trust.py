"""A bundle from elsewhere is used only after a person has said that they trust it."""

from __future__ import annotations

import streamlit as st

from pages.ui.words import plain
from skin_core.services.screening import BundleInfo, trust_bundle


def ask_for_trust(info: BundleInfo) -> None:
    """The warning, and the button that puts the bundle on the allow-list."""
    st.warning(
        f"The model '{plain(info.name)}' was not published on this machine. A model from elsewhere can be made to "
        "mislead: go on only if you know who made it.",
        icon=":material/gpp_maybe:",
    )
    if st.button("I trust where it comes from", key="trust_bundle", icon=":material/verified_user:"):
        trust_bundle(info.path)
        st.rerun()
