"""Pages run as Streamlit runs them, in this process, with the services and files they have in use."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]

# `streamlit run app.py` puts the folder of app.py on the path; AppTest does not.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session", autouse=True)
def _packages_are_read_once():
    """Streamlit reads the metadata of every installed package when an app starts: for half a second, and each `AppTest` is
    an app that starts. They are the same all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="module", autouse=True)
def _what_is_loaded_is_not_looked_through():
    """Where another test of this process has loaded Keras, Streamlit clears Keras' session before each run of a page. That
    collects garbage among all that TensorFlow holds: half a second, each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """``open_page("pages/1_Screen.py")`` gives the page after its first run; without a name, the home page."""

    def opened(path: str = "app.py", **query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        for name, value in query.items():
            app.query_params[name] = value
        if path != "app.py":
            app.switch_page(path)
        return app.run()

    return opened
