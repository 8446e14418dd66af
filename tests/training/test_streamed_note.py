"""A run without room for its decoded images is slower, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from skin_core.models.registry import default_config
from skin_core.services import runs
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import prepare
from skin_core.training.session import Session


@pytest.mark.parametrize(("gigabytes", "told"), [("0.0001", True), ("1", False)])
def test_a_run_that_streams_says_so(demo_folder: Path, monkeypatch, gigabytes: str, told: bool) -> None:
    monkeypatch.setenv("LESIONLAB_CACHE_GB", gigabytes)
    config = default_config("light_cnn", str(demo_folder)).model_copy(update={"image_size": 40})
    folder = RunFolder.of(runs.create_run(config))
    prepared = prepare(folder, config, lambda progress: None)
    prepared, pixels = Session(folder, config, lambda: False)._decoded(prepared)
    assert any("decoded anew in each epoch" in note for note in prepared.notes) == told
    assert pixels.shape == (len(prepared.manifest), 40, 40, 3)
