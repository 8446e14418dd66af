"""Makes the pictures of the README: the app itself, in a real browser, on drawn lesions only.

``make pictures`` runs it; it takes some minutes, most of them for training a small network on a synthetic set.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
PATIENCE_MS = 180_000
# What the folder of data and workspace is called: it is gone once the pictures are made, so no picture may name it.
PLACE = "lesionlab-pictures-"


def main() -> None:
    """Draws a set, trains and publishes on it, and photographs each page."""
    with tempfile.TemporaryDirectory(prefix=PLACE) as place:
        home = Path(place)
        environment = {
            **os.environ,
            "LESIONLAB_HOME": str(home / "workspace"),
            "LESIONLAB_MODELS": str(home / "models"),
        }
        data, faulty, fresh = (home / "data" / name for name in ("drawn-lesions", "faulty-set", "fresh"))
        _call(environment, "demo-data", "--layout", "ham10000", "--out", data, "--n", "420")
        faults = ("--conflicts", "2", "--split-leaks", "3", "--broken", "1")
        _call(environment, "demo-data", "--layout", "folder", "--out", faulty, "--n", "160", *faults)
        _call(environment, "demo-data", "--layout", "ham10000", "--out", fresh, "--n", "30", "--seed", "7")
        settings = ("image_size=96", "epochs=8", "batch_size=16", "title=Drawn lesions")
        overrides = [word for setting in settings for word in ("--set", setting)]
        run = _call(environment, "train", data, "--family", "isic_cnn", *overrides)["run"]
        _call(environment, "evaluate", run)
        _call(environment, "publish", run, "--name", "drawn")
        lesion = _a_picture_of("mel", fresh)
        with _app(environment) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1)
            tab.set_default_timeout(PATIENCE_MS)
            expect.set_options(timeout=PATIENCE_MS)
            _home(tab, url)
            _screen(tab, url, lesion)
            _data(tab, url, data, faulty)
            _train(tab, url, environment, data)
            _runs(tab, url, run)
            browser.close()


def _home(tab: Page, url: str) -> None:
    tab.goto(url)
    expect(tab.get_by_text("What LesionLab is for")).to_be_visible()
    _shoot(tab, "home")


def _screen(tab: Page, url: str, lesion: Path) -> None:
    tab.goto(f"{url}/Screen")
    tab.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(lesion)
    expect(tab.get_by_text("Where the model looked")).to_be_visible()
    expect(tab.get_by_test_id("stImage").nth(1)).to_be_visible()
    _shoot(tab, "screen")


def _data(tab: Page, url: str, data: Path, faulty: Path) -> None:
    _open(tab, url, data)
    _shoot(tab, "data")
    _open(tab, url, faulty)
    tab.get_by_role("tab", name="Audit").click()
    tab.get_by_role("button", name="Audit this set").click()
    expect(tab.get_by_role("button", name="Audit again")).to_be_visible()
    expect(tab.get_by_test_id("stImage").first).to_be_visible()
    _shoot(tab, "audit")


def _open(tab: Page, url: str, path: Path) -> None:
    tab.goto(f"{url}/Data")
    field = tab.get_by_role("textbox", name="Folder or csv of a data set")
    another = tab.get_by_text("Open another data set")
    expect(field.or_(another).first).to_be_visible()
    if not field.is_visible():
        another.click()
    field.fill(str(path))
    tab.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Open").click()
    expect(tab.get_by_role("tab", name="Composition")).to_be_visible()
    expect(tab.get_by_test_id("stMainBlockContainer").get_by_text(path.name).first).to_be_visible()


def _train(tab: Page, url: str, environment: dict[str, str], data: Path) -> None:
    code = (
        "import sys, skin_core.quiet\n"
        "from skin_core.config import RunConfig\n"
        "from skin_core.models.registry import default_config\n"
        "from skin_core.services import runs\n"
        "config = {**default_config('isic_cnn', sys.argv[1]).model_dump(), 'image_size': 96, 'epochs': 40,\n"
        "          'batch_size': 16, 'title': 'A second try'}\n"
        "print(runs.start_run(RunConfig.parse(config)))\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", code, str(data)], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    run = started.stdout.split()[-1]
    tab.goto(f"{url}/Train?run={run}")
    expect(tab.get_by_text("12 of 40").first).to_be_visible()
    _shoot(tab, "train")
    tab.get_by_role("button", name="Stop training").click()
    expect(tab.get_by_role("button", name="Resume", exact=True)).to_be_visible()


def _runs(tab: Page, url: str, run: str) -> None:
    tab.goto(f"{url}/Runs?run={run}")
    expect(tab.get_by_text("Locked test split").first).to_be_visible()
    _shoot(tab, "runs")


def _shoot(tab: Page, name: str) -> None:
    """One picture of the whole page, once nothing is being drawn any more."""
    expect(tab.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(tab.locator("[data-stale=true]")).to_have_count(0)
    if PLACE in tab.locator("body").inner_text():
        sys.exit(
            f"The picture {name} would show the path of a temporary folder; let the page name the data set instead."
        )
    height = tab.evaluate(
        "Math.max(...Array.from(document.querySelectorAll('[data-testid=stMainBlockContainer]')).map(e => e.scrollHeight))"
    )
    tab.set_viewport_size({"width": 1280, "height": min(2200, max(800, int(height) + 20))})
    tab.wait_for_load_state("networkidle")
    # Widgets whose code the browser has yet to load stand as grey bars.
    expect(tab.get_by_test_id("stSkeleton")).to_have_count(0)
    tab.wait_for_timeout(1500)  # Charts are laid out anew after the page has changed its height.
    tab.screenshot(path=PICTURES / f"{name}.png")
    tab.set_viewport_size({"width": 1280, "height": 800})


def _call(environment: dict[str, str], *words: object) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "skin_core", *map(str, words), "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _a_picture_of(label: str, data: Path) -> Path:
    import pandas as pd

    table = pd.read_csv(next(data.glob("*.csv")))
    image_id = table.loc[table["dx"] == label, "image_id"].iloc[0]
    return next(data.rglob(f"{image_id}.jpg"))


@contextmanager
def _app(environment: dict[str, str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                    break
            except (URLError, TimeoutError, ConnectionError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("No Chromium on this machine; `make pictures` installs it.")
    return found


if __name__ == "__main__":
    main()
