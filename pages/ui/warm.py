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
    import pandas as pd

    from pages.ui.dataset_figures import age_bars, class_pie, count_bars

    # Plotly loads its parts as they are first used.
    one = pd.DataFrame({"class": ["a"], "sex": ["a"], "age": [0], "n": [1]})
    for figure in (class_pie(one), age_bars(one, 5), count_bars(one, "sex", "Sex")):
        figure.to_json()


def _tables() -> None:
    import h5py  # noqa: F401
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401

    from pages.ui import audit_view, dataset_view, picture_grid, split_view  # noqa: F401
    from skin_core.data.sources import all_sources
    from skin_core.services import overview  # noqa: F401

    all_sources()
