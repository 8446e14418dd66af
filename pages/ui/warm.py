"""What the first answers need is loaded while the reader looks for a file."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from functools import cache

# Pages go out undisturbed: the interpreter does one thing at a time, and pandas alone takes as long as a first answer.
_PAUSE_SECONDS = 0.4
# A page that is worked on all the time (a long screening) does not put the loading off for ever.
_LONGEST_PAUSE_SECONDS = 10.0

_at_work: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_at_work_lock = threading.Lock()


def page_begins() -> None:
    """Tells that this thread works on a page, and starts the loading, once a process. Returns at once."""
    # Streamlit gives each run of a page a thread that ends with it.
    with _at_work_lock:
        _at_work.add(threading.current_thread())
    _warm_up()


@cache
def _warm_up() -> threading.Thread:
    # What Streamlit loaded stays: the collections while more is imported need not look through it each time.
    gc.freeze()
    # No daemon: a process that ends in the middle of an import would end with a fault.
    thread = threading.Thread(target=_load, name="warm-up")
    thread.start()
    return thread


def _load() -> None:
    _wait_for_quiet(_PAUSE_SECONDS)
    # Plotly looks into pandas as soon as its import has begun: so that comes first, and whole.
    import pandas  # noqa: F401

    for part in (_screening, _charts, _tables):
        _wait_for_quiet()
        part()
    # What is loaded stays: collections need not look through it again, each time for 60 ms and with all sessions waiting.
    gc.collect()
    gc.freeze()


def _wait_for_quiet(pause: float = 0.0) -> None:
    """Until no page is worked on, and none was for so many seconds."""
    begun = quiet = time.monotonic()
    while True:
        with _at_work_lock:
            busy = any(thread.is_alive() for thread in _at_work)
        now = time.monotonic()
        quiet = now if busy else quiet
        if (not busy and now - quiet >= pause) or now - begun >= _LONGEST_PAUSE_SECONDS:
            return
        time.sleep(0.02)


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
