"""A bundle for tests: a small network, really trained on drawn lesions, evaluated and published, once a test session.

What the command line told on the way is kept: its own tests look at that, rather than train once more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parent.parent
NAME = "tiny"
DATA = "published-data"
N = 210

TOLD = "published.json"
REPORT = "published-report.html"
# As small as every step still works: what the network has learnt does not matter to the tests, only that all is real.
SETTINGS = ("image_size=64", "batch_size=16", "epochs=2", "balance=none", "title=Tiny network")


def published(place: Path) -> Path:
    """The bundle's folder below ``place``; made there by the first who asks, in processes of its own.

    Args:
        place: a folder that all processes of the test session share.
    """
    home, models = place / "published-home", place / "published-models"
    with FileLock(place / "published.lock"):
        if not (models / NAME / "bundle.json").is_file():
            environment = {**os.environ, "LESIONLAB_HOME": str(home), "LESIONLAB_MODELS": str(models)}
            data = str(place / DATA)
            _run(environment, "demo-data", "--layout", "ham10000", "--out", data, "--n", str(N))
            overrides = [word for setting in SETTINGS for word in ("--set", setting)]
            told = {"train": _run(environment, "train", data, "--recipe", "light_cnn", *overrides)}
            run_id = told["train"]["run"]
            told["evaluate"] = _run(environment, "evaluate", run_id, "--report", str(place / REPORT))
            told["publish"] = _run(environment, "publish", run_id, "--name", NAME)
            (place / TOLD).write_text(json.dumps(told))
    return models / NAME


def _run(environment: dict[str, str], *words: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "skin_core", *words, "--json"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr}"
    return json.loads(done.stdout)


def workspace_of(bundle: Path) -> Path:
    """The workspace in which the bundle of `published` was trained, evaluated and published: copy it to change it."""
    return bundle.parent.parent / "published-home"


def told_of(bundle: Path) -> dict[str, dict]:
    """The documents of ``train``, ``evaluate`` and ``publish`` (``--json``) that made the bundle of `published`."""
    return json.loads((bundle.parent.parent / TOLD).read_text())


def report_of(bundle: Path) -> Path:
    """The report that ``evaluate`` wrote then."""
    return bundle.parent.parent / REPORT


def known_pictures(bundle: Path) -> list[Path]:
    """The pictures that the bundle of `published` learnt from and was calibrated on, sorted by name."""
    return sorted((bundle.parent.parent / DATA).rglob("*.jpg"))
