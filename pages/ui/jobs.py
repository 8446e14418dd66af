"""Watching long work that runs in a process of its own (see `skin_core.services.background`)."""

from __future__ import annotations

import streamlit as st

from pages.ui.progress import show_progress
from pages.ui.words import plain
from skin_core.services import background

_EVERY_SECONDS = 1.0


def show_job(key: str) -> background.Job | None:
    """A bar while the job runs (it moves by itself), its sentence where it failed.

    Returns:
        The job once it is done, else None.
    """
    job = background.find(key)
    if job is None:
        return None
    if job.state == "running":
        st.fragment(_bar, run_every=_EVERY_SECONDS)(key)
        return None
    if job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
        return None
    return job


def running(key: str) -> bool:
    """Whether that work is under way (here or from another browser)."""
    job = background.find(key)
    return job is not None and job.state == "running"


def _bar(key: str) -> None:
    job = background.find(key)
    if job is None or job.state != "running":
        st.rerun()  # The whole page: the result is there, and nothing is polled any more.
    show_progress(job.progress)
