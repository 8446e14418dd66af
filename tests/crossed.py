"""A cross-validated run for tests: two folds on drawn lesions, made once a test session by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDS = 2
# As small as every step still works; a checkpoint at every batch, so that a kill finds one anywhere.
SETTINGS = ("image_size=32", "batch_size=8", "epochs=2", "warmup_epochs=0", "checkpoint_seconds=0", "title=Crossed")


def crossed(place: Path) -> tuple[Path, dict]:
    """The workspace and the document of ``cross-validate --json``; made below ``place`` by the first who asks.

    Args:
        place: a folder that all processes of the test session share.
    """
    home, document = place / "crossed-home", place / "crossed.json"
    with FileLock(place / "crossed.lock"):
        if not document.is_file():
            data = data_of(place)
            made = command(home, "demo-data", "--layout", "ham10000", "--out", str(data), "--n", "100", "--json")
            assert made.returncode == 0, made.stderr
            overrides = [word for setting in SETTINGS for word in ("--set", setting)]
            words = (
                "cross-validate",
                str(data),
                "--family",
                "light_residual",
                "--folds",
                str(FOLDS),
                *overrides,
                "--json",
            )
            done = command(home, *words)
            assert done.returncode == 0, done.stderr
            json.loads(done.stdout)
            document.write_text(done.stdout)
    return home, json.loads(document.read_text())


def data_of(place: Path) -> Path:
    """The data set of `crossed`."""
    return place / "crossed-data"


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line as a whole process, in a workspace."""
    return subprocess.run(
        [sys.executable, "-m", "skin_core", *words],
        cwd=REPOSITORY,
        env={**os.environ, "LESIONLAB_HOME": str(home), "LESIONLAB_MODELS": str(home / "models")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
