"""A bundle's Keras file from elsewhere may hold code; it is never run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skin_core.errors import BundleError
from skin_core.explain.worker import work


def test_a_lambda_layer_is_refused_in_a_sentence(tmp_path: Path) -> None:
    import keras

    image = keras.Input((8, 8, 3))
    doubled = keras.layers.Lambda(lambda pixels: pixels * 2)(image)
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(doubled)))
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "in.npz", image=np.zeros((1, 8, 8, 3), np.uint8))
    request = {"model": str(tmp_path / "model.keras"), "folder": str(tmp_path), "method": "smoothgrad", "column": 0}
    with pytest.raises(
        BundleError, match=r"holds code of its own .a Lambda layer., which is never run here; use a bundle"
    ):
        work(request)
    assert not (tmp_path / "out.npy").exists()
