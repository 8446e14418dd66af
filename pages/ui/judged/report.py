"""The report of an evaluation, to keep and to pass on."""

from __future__ import annotations

import streamlit as st

from pages.ui.jobs import running, show_job
from skin_core.services import background, recorded, reporting
from skin_core.services.judged import Judged

_TYPES = {".html": "text/html", ".csv": "text/csv", ".json": "application/json"}
_WORDS = {".html": "Report (HTML)", ".csv": "Figures (csv)", ".json": "Everything (JSON)"}


def show_report(found: Judged) -> None:
    """Downloads, or the button that writes them."""
    key = f"report {found.split} {found.run_id}"
    if running(key):
        show_job(key)
        return
    files = recorded.report_files(found.run_id, found.split)
    if files:
        st.markdown("One page with all figures and curves that opens anywhere, and the same as numbers.")
        with st.container(horizontal=True):
            for path in files:
                st.download_button(
                    _WORDS[path.suffix],
                    path.read_bytes(),
                    file_name=f"{found.run_id}_{path.name}",
                    mime=_TYPES[path.suffix],
                    icon=":material/download:",
                    key=f"judged_report_{path.suffix[1:]}",
                    on_click="ignore",
                )
    show_job(key)
    word = "Write the report again" if files else "Write the report"
    if st.button(word, icon=":material/description:", key="judged_write_report"):
        background.start(key, "Writing the report", reporting.write_report, of=found.run_id, split=found.split)
        st.rerun()
