"""Turns an error that a person can mend into one sentence on the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui.words import plain
from skin_core.errors import SkinCoreError
from skin_core.paths import machine_error


@contextmanager
def showing_errors() -> Iterator[None]:
    """Shows a `SkinCoreError` raised in the block, or what the machine refuses, as its sentence, and goes on after it.

    Any other exception is a defect: it goes on to Streamlit, which logs the traceback and shows none.
    """
    try:
        yield
    except SkinCoreError as error:
        show_error(error)
    except OSError as error:
        told = machine_error(error)
        if told is None:
            raise
        show_error(told)


def show_error(error: SkinCoreError) -> None:
    """One sentence, no traceback."""
    # Backticks are the sentence's own; the rest may quote a name that someone else chose.
    st.error(plain(str(error)).replace("\\`", "`"), icon=":material/error:")
