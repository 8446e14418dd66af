"""Pages run as Streamlit runs them, in this process, with the services and files they have in use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]

# `streamlit run app.py` puts the folder of app.py on the path; AppTest does not.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


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
