"""What was trained under JAX or PyTorch gives the same probabilities here, in Keras on TensorFlow and in LiteRT."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from skin_core.training.steps import forward

ELSEWHERE = os.environ.get("LESIONLAB_TRAINED_ELSEWHERE", "").split()
FOUND = sorted(path for folder in ELSEWHERE for path in Path(folder).glob("*") if path.is_dir())

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow is where bundles are made"),
    pytest.mark.skipif(not ELSEWHERE, reason="needs networks trained under other backends: make test-backends"),
]


def test_every_backend_left_every_network() -> None:
    from backend_cases import CASES

    for folder in ELSEWHERE:
        assert {path.name for path in Path(folder).iterdir()} == {str(case) for case in CASES}


@pytest.mark.parametrize(
    "folder", FOUND, ids=lambda path: f"{path.parent.parent.name.removeprefix('.venv-')}-{path.name}"
)
def test_probabilities_are_the_same(folder: Path) -> None:
    from skin_core.screening.engine import Engine
    from skin_core.screening.export import export

    model = keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)
    with np.load(folder / "seen.npz") as stored:
        inputs = {name: stored[name] for name in stored.files if name != "outputs"}
        outputs = stored["outputs"]
    np.testing.assert_allclose(forward(model)(inputs), outputs, atol=1e-4)
    screened = Engine(export(model)).run(inputs["image"], inputs.get("tabular"))
    np.testing.assert_allclose(screened.probabilities, outputs, atol=1e-4)
