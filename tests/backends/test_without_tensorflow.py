"""A machine without TensorFlow: training and screening work, and what does not says so in one sentence."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skin_core.training.folder import RunFolder

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed here"),
]


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skin_core", *arguments],
        cwd=ROOT,
        env={**{name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(demo_ham10000: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A run that was told no backend, and its workspace."""
    home = str(tmp_path_factory.mktemp("without") / "workspace")
    settings = ("epochs=2", "image_size=32", "batch_size=16", "recalibration_images=40", "monitor=val_loss")
    done = _run(
        *("train", str(demo_ham10000), "--family", "light_cnn", "--json"),
        *(part for setting in settings for part in ("--set", setting)),
        LESIONLAB_HOME=home,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["run"], home


def test_a_run_trains_with_the_backend_that_is_there(trained, monkeypatch) -> None:
    run_id, home = trained
    monkeypatch.setenv("LESIONLAB_HOME", home)
    state = RunFolder.of(run_id).read_state()
    assert state.status == "finished"
    assert state.backend == os.environ["KERAS_BACKEND"]
    assert state.backend_version
    assert RunFolder.of(run_id).model.is_file()


def test_evaluating_and_publishing_say_what_is_missing(trained) -> None:
    run_id, home = trained
    done = _run("evaluate", run_id, LESIONLAB_HOME=home)
    assert done.returncode == 1
    assert "need TensorFlow, which is not installed here" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_starter_screens(demo_ham10000: Path, tmp_path: Path) -> None:
    picture = next(demo_ham10000.rglob("*.jpg"))
    done = _run(
        *("screen", "starter", str(picture), "--json"),
        LESIONLAB_HOME=str(tmp_path / "workspace"),
        LESIONLAB_MODELS=str(ROOT / "models"),
    )
    assert done.returncode == 0, done.stderr
    assert "malignancy" in json.loads(done.stdout)[0]
