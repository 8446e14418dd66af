"""The training tests share one workspace, for a run costs seconds of loading TensorFlow in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from skin_core.services import runs
from skin_core.training.store import RunView


@pytest.fixture(scope="session")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="session", autouse=True)
def _pointed(shared_workspace: Path):
    # Before any fixture of a module starts a run; the fixture below then repeats it for each test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(shared_workspace / "workspace"))
        patch.setenv("LESIONLAB_MODELS", str(shared_workspace / "models"))
        yield


@pytest.fixture(autouse=True)
def workspace(shared_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One workspace for all tests of this folder, instead of one each."""
    monkeypatch.setenv("LESIONLAB_HOME", str(shared_workspace / "workspace"))
    monkeypatch.setenv("LESIONLAB_MODELS", str(shared_workspace / "models"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return shared_workspace / "workspace"


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., RunView]:
    """Polls a run as a page does, until a condition holds."""
    return _wait_for


def _wait_for(run_id: str, condition: Callable[[RunView], bool], what: str, seconds: float = 240) -> RunView:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        view = runs.get_run(run_id)
        if condition(view):
            return view
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}; {view}\n{runs.log_tail(run_id)}")
