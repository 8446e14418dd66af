"""Long work on a page: what it does, how far, how long still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui.words import duration, plain
from skin_core.progress import Progress, ProgressCallback


def progress_text(progress: Progress) -> str:
    """``Decoding images: 120 of 400, 8 s left``."""
    if not progress.total:
        return f"{plain(progress.what)} …" if not progress.done else f"{plain(progress.what)}: {progress.done:,}"
    text = f"{plain(progress.what)}: {progress.done:,} of {progress.total:,}"
    if progress.seconds_left and progress.done < progress.total:
        text += f", {duration(progress.seconds_left)} left"
    return text


def show_progress(progress: Progress) -> None:
    """A bar for progress that is read from a store (a run)."""
    st.progress(progress.fraction, text=progress_text(progress))


@contextmanager
def showing_progress(what: str) -> Iterator[ProgressCallback]:
    """A bar for work done in this script run; gives the callback to pass to the service, and goes when it is done.

    The callback may only be called from the page's own thread.
    """
    bar = st.progress(0.0, text=f"{what} …")

    def report(progress: Progress) -> None:
        bar.progress(progress.fraction, text=progress_text(progress))

    try:
        yield report
    finally:
        bar.empty()
