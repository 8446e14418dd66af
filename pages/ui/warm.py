"""What the first answers need is loaded while the reader looks for a file."""

from __future__ import annotations

import gc
import threading
import time
from functools import cache

# The first page goes out undisturbed.
_PAUSE_SECONDS = 0.4


@cache
def warm_up() -> threading.Thread:
    """Starts the loading, once a process, and returns at once."""
    # No daemon: a process that ends in the middle of an import would end with a fault.
    thread = threading.Thread(target=_load, name="warm-up")
    thread.start()
    return thread


def _load() -> None:
    time.sleep(_PAUSE_SECONDS)
    # Plotly looks into pandas as soon as its import has begun: so that comes first, and whole.
    import pandas  # noqa: F401

    _screening()
    _charts()
    _tables()
    # What is loaded stays: collections need not look through it again, each time for 60 ms and with all sessions waiting.
    gc.collect()
    gc.freeze()


def _screening() -> None:
    from pages.ui.screen.results import loaded
    from skin_core.errors import SkinCoreError
    from skin_core.services.screening import is_trusted, list_bundles

    try:
        infos = list_bundles()
        usable = [info for info in infos if info.name == "starter"] or infos[:1]
        for info in usable:
            if is_trusted(info):
                loaded(info)
    except SkinCoreError:
        return  # The Screen page tells it to the person.


def _charts() -> None:
    import plotly.graph_objects as go

    # Plotly loads its parts as they are first used.
    go.Figure(go.Bar(x=[1], y=[1])).update_xaxes(title_text="").to_json()


def _tables() -> None:
    import h5py  # noqa: F401
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401

    from skin_core.data.sources import all_sources

    all_sources()
