"""What is loaded beforehand waits until nobody waits for a page."""

from __future__ import annotations

import threading
import time

import pytest

from pages.ui import warm


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_loading_waits_for_the_pages_that_are_worked_on(pause: float):
    begun, shown = threading.Event(), threading.Event()

    def page() -> None:
        warm._at_work.add(threading.current_thread())
        begun.set()
        time.sleep(0.5)
        shown.set()

    thread = threading.Thread(target=page)
    thread.start()
    begun.wait()
    warm._wait_for_quiet(pause)
    assert shown.is_set()
    thread.join()


def test_loading_waits_no_longer_than_its_patience(monkeypatch):
    monkeypatch.setattr(warm, "_LONGEST_PAUSE_SECONDS", 0.2)
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    warm._at_work.add(thread)
    warm._wait_for_quiet()
    assert thread.is_alive()
    release.set()
    thread.join()
