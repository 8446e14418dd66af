"""From nothing to a first answer: the app and the command line, against what loads the Keras model in the script.

Three ways of looking. A *visitor* talks to the app over its own socket as a browser does: server time, to the message
that the script has finished. A *browser* (Chromium, where it is installed) is timed from the start of the app's process
to what a person sees. The *command line* is a whole process, from its start to its end, with a heat map written.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np

from bench.harness import ROOT, Report, in_turn, ratio, whole_process
from bench.images import drawn_set, real_set
from bench.served import Served, Visitor, served
from skin_core.paths import workspace
from skin_core.services.screening import load_bundle

ALTERNATIVES = Path("bench") / "alternatives"
MODEL = ROOT / "models" / "starter" / "model.keras"
_LABEL = "Drop"
_ALLOWED_SECONDS = 0.1
_SEVERAL = 20


def run(quick: bool) -> Report:
    """Each contestant from a cold process, in turn; then ours once more for warm answers and for two at once."""
    pictures = _pictures()
    report = Report(
        "App: from process start to the first answer",
        settings={"model": "starter", "repeats": 1 if quick else 3, "pictures": len(pictures)},
    )
    _processes(report, pictures, quick)
    _visits(report, pictures, quick)
    _warm(report, pictures, quick)
    if not quick:
        _browsers(report, pictures)
    return report


def _pictures() -> list[Path]:
    real = real_set("ham10000")
    place = real if real is not None else drawn_set("ham10000", 60)
    return sorted(place.rglob("*.jpg"))[: 2 * _SEVERAL]


def _processes(report: Report, pictures: list[Path], quick: bool) -> None:
    """The command line against a script with tf-keras-vis."""
    maps, heatmap = workspace() / "maps", workspace() / "heatmap.png"
    picture = str(pictures[0])
    ours = [sys.executable, "-m", "skin_core", "screen", "starter", picture, "--heatmaps", str(maps)]
    script = [sys.executable, str(ALTERNATIVES / "keras_vis_script.py"), str(MODEL), picture, str(heatmap)]
    if quick:
        # TensorFlow's start alone would take all the time that a quick look has.
        report.seconds["screen, whole process"] = [whole_process(ours).seconds]
        return
    seconds = in_turn(
        {
            "screen, whole process": lambda: whole_process(ours),
            "Keras and tf-keras-vis script": lambda: whole_process(script, environment=_QUIET),
        },
        repeats=3,
    )
    report.seconds.update(seconds)
    mine, theirs = seconds.values()
    report.ratios.append(ratio("Keras script over `screen`, whole process", theirs, mine, at_least=8))
    report.figures["screen, peak memory, MB"] = whole_process(ours).peak_mb
    report.figures["Keras script, peak memory, MB"] = whole_process(script, environment=_QUIET).peak_mb


_QUIET = {"KERAS_MODEL": str(MODEL), "TF_CPP_MIN_LOG_LEVEL": "3"}


def _first_answer(script: str, page: str, content: bytes) -> dict[str, float]:
    """Seconds from the start of an app's process to its first page, and to the answer for a picture."""
    with served(script, environment=_QUIET) as app:
        visitor = Visitor(app)
        shown = visitor.open(page)
        first_page = time.perf_counter() - app.begun
        answered = visitor.give_files(_LABEL, shown, {"picture.jpg": content})
        first_result = time.perf_counter() - app.begun
        assert "Risk" in answered.words(), answered.words()[-2000:]
        visitor.close()
    return {"page": first_page, "result": first_result}


def _visits(report: Report, pictures: list[Path], quick: bool) -> None:
    """Process start to first page and first answer, ours and the one-file app in turn."""
    content = pictures[0].read_bytes()
    contestants = {"LesionLab": ("app.py", "Screen")}
    if not quick:
        contestants["one-file Keras app"] = (str(ALTERNATIVES / "keras_app.py"), "")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
    for _ in range(1 if quick else 3):
        for name, (script, page) in contestants.items():
            found[name].append(_first_answer(script, page, content))
    for name, rounds in found.items():
        report.seconds[f"{name}, process start to first page"] = [one["page"] for one in rounds]
        report.seconds[f"{name}, process start to first answer"] = [one["result"] for one in rounds]
    if not quick:
        mine, theirs = ([one["result"] for one in rounds] for rounds in found.values())
        report.ratios.append(ratio("one-file Keras app over LesionLab, process start to first answer", theirs, mine, at_least=8))  # fmt: skip


def _warm(report: Report, pictures: list[Path], quick: bool) -> None:
    """Answers of a process that has answered before; then two sessions at once."""
    with served() as app:
        visitor = Visitor(app)
        shown = visitor.open("Screen")
        visitor.give_files(_LABEL, shown, {"first.jpg": pictures[0].read_bytes()})
        time.sleep(2)  # As long as a person looks; what is loaded in the background is loaded then.
        warm, pages = [], []
        for picture in pictures[1 : 6 if quick else 21]:
            answered = visitor.give_files(_LABEL, shown, {"picture.jpg": picture.read_bytes()})
            assert "Risk" in answered.words()
            warm.append(answered.seconds)
            pages.append(visitor.again().seconds)
        report.seconds["warm screening of a new picture, server time"] = warm
        report.seconds["rerun with a screened picture, server time"] = pages
        report.ratios.append(ratio(f"warm screening over {_ALLOWED_SECONDS:g} s", warm, [_ALLOWED_SECONDS] * len(warm), at_most=1))  # fmt: skip
        _floor(report, warm)
        _two_at_once(report, app, pictures)
        report.figures["TensorFlow in the app's process"] = "yes" if app.loaded("tensorflow") else "no"
        report.figures["app, peak memory, MB"] = app.memory_mb()[1]
        visitor.close()


def _floor(report: Report, warm: list[float]) -> None:
    engine = load_bundle("starter").engine
    image = np.zeros((1, engine.image_size, engine.image_size, 3), np.uint8)
    passes = in_turn({"the engine's pass": lambda: engine.run(image)}, repeats=len(warm), warmups=3)
    report.seconds.update(passes)
    report.ratios.append(ratio("warm screening over the engine's pass", warm, passes["the engine's pass"]))


def _two_at_once(report: Report, app: Served, pictures: list[Path]) -> None:
    """How long a second visitor waits for a page while the first screens many files."""
    busy, other = Visitor(app), Visitor(app)
    shown = busy.open("Screen")
    files = {f"{number}.jpg": picture.read_bytes() for number, picture in enumerate(pictures[:_SEVERAL])}
    other.open("Screen")
    alone = [other.again().seconds for _ in range(5)]
    done: list[float] = []
    thread = threading.Thread(target=lambda: done.append(busy.give_files(_LABEL, shown, files).seconds))
    thread.start()
    beside = [other.again().seconds]
    while thread.is_alive():
        beside.append(other.again().seconds)
    thread.join()
    report.figures[f"{_SEVERAL} files in one session, s"] = done[0]
    report.figures["second session's page meanwhile, slowest, s"] = max(beside)
    report.figures["second session's page alone, median, s"] = float(np.median(alone))
    report.figures["second session's pages meanwhile"] = len(beside)
    busy.close()
    other.close()


def _browsers(report: Report, pictures: list[Path]) -> None:
    """The same in Chromium: what a person sees."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        report.notes.append("Playwright is not installed (requirements-dev.txt): nothing was timed in a browser.")
        return
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        report.notes.append("There is no Chromium on this machine: nothing was timed in a browser.")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        contestants = {
            "LesionLab in a browser": ("app.py", "/Screen", "Screen a lesion"),
            "Keras app in a browser": (str(ALTERNATIVES / "keras_app.py"), "/", "Skin lesion classifier"),
        }
        found: dict[str, list[list[float]]] = {name: [] for name in contestants}
        for _ in range(3):
            for name, (script, path, title) in contestants.items():
                found[name].append(_seen(browser, script, path, title, pictures))
        browser.close()
    for name, rounds in found.items():
        steps = ("process start to first page", "process start to first answer", "second answer")
        for step, seconds in zip(steps, zip(*rounds, strict=True), strict=True):
            report.seconds[f"{name}, {step}"] = list(seconds)
    mine, theirs = ([one[1] for one in rounds] for rounds in found.values())
    report.ratios.append(ratio("Keras app over LesionLab in a browser, process start to first answer", theirs, mine))


def _seen(browser, script: str, path: str, title: str, pictures: list[Path]) -> list[float]:
    with served(script, environment=_QUIET) as app:
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        tab = context.new_page()
        tab.set_default_timeout(120_000)
        tab.goto(app.url + path)
        uploader = tab.locator("input[type=file]")
        tab.get_by_role("heading", name=title).wait_for()
        uploader.wait_for(state="attached")
        first_page = time.perf_counter() - app.begun
        metrics = tab.get_by_test_id("stMetric")
        uploader.set_input_files(pictures[0])
        metrics.first.wait_for()
        tab.get_by_test_id("stImage").first.wait_for()
        first_result = time.perf_counter() - app.begun
        before = metrics.first.inner_text()
        begun = time.perf_counter()
        uploader.set_input_files(pictures[1])
        tab.wait_for_function(_ANOTHER, arg=[before, pictures[1].name])
        second = time.perf_counter() - begun
        context.close()
    return [first_page, first_result, second]


# A second picture is there when a second row, a second metric or another figure is.
_ANOTHER = """([before, name]) => {
  const metrics = [...document.querySelectorAll('[data-testid=stMetric]')];
  return metrics.length > 1 || metrics.some(m => m.innerText !== before)
    || !!document.querySelector('[data-testid=stDataFrame]');
}"""
