"""The real app in a workspace of its own, and a real browser on it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

# Two cores may train and serve at the same time: an answer that comes late is not wrong.
PATIENCE_MS = 60_000

BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every journey is marked and given time."""
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(600))


@dataclass(frozen=True)
class App:
    """A running app.

    Attributes:
        url: where it answers, without a slash at the end.
        home: its workspace.
        models: its folder of bundles.
        log: what it printed.
    """

    url: str
    home: Path
    models: Path
    log: Path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_it_answers(process: subprocess.Popen, url: str, log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"The app ended with {process.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"The app did not answer within {seconds:.0f} s:\n{log.read_text()}")


@contextmanager
def _running(home: Path, models: Path) -> Iterator[App]:
    home.mkdir(parents=True, exist_ok=True)
    models.mkdir(parents=True, exist_ok=True)
    port, log = _free_port(), home / "app.log"
    environment = {**os.environ, "LESIONLAB_HOME": str(home), "LESIONLAB_MODELS": str(models)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(process, url, log)
        yield App(url, home, models, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


@pytest.fixture(scope="session")
def running_app() -> Callable:
    """``with running_app(home, models) as app``: starts the app, and ends it after the block."""
    return _running


@pytest.fixture(scope="module")
def app(running_app, tmp_path_factory) -> Iterator[App]:
    """An app with an empty workspace and no model."""
    folder = tmp_path_factory.mktemp("app")
    with running_app(folder / "home", folder / "models") as started:
        yield started


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium that asks nothing of the network by itself."""
    from playwright.sync_api import expect, sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine; `make test` installs it")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium):
    """A new tab with a history of its own; afterwards, nothing may have left this machine."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield context.new_page()
    context.close()
    strangers = [url for url in asked if urlsplit(url).hostname not in (None, "127.0.0.1", "localhost")]
    assert not strangers
