"""Asks the explanation's own process for a map; nothing here loads TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skin_core.errors import BundleError
from skin_core.screening import child
from skin_core.screening.bundle import Bundle

METHODS = ("gradcam++", "scorecam", "smoothgrad")
TIMEOUT_S = 900


def explain(
    bundle: Bundle, square: np.ndarray, method: str, class_name: str, *, given: Mapping[str, Any]
) -> np.ndarray:
    """A raw map of one class by a method of tf-keras-vis.

    Args:
        bundle: its ``model.keras`` is checked against its hash and loaded in safe mode.
        square: uint8 (S, S, 3), as `imaging.decode.fit` gives it.
        method: one of `METHODS`.
        class_name: the class to explain.
        given: age, sex and site, for a bundle that takes them.

    Returns:
        float32 (h, w), not negative, not normalised.

    Raises:
        BundleError: for an unknown method or class, or if the model cannot be explained.
    """
    if method not in METHODS:
        raise BundleError(f"There is no explanation method '{method}'; there are {', '.join(METHODS)}.")
    if class_name not in bundle.info.class_names:
        raise BundleError(f"There is no class '{class_name}'; the classes are {', '.join(bundle.info.class_names)}.")
    arrays = {"image": square[np.newaxis]}
    if bundle.encoder is not None:
        arrays["tabular"] = np.atleast_2d(bundle.encoder.encode_one(given)).astype(np.float32)
    # A private folder, gone with its pixels when the answer is here.
    with tempfile.TemporaryDirectory(prefix="lesionlab-explain-") as folder:
        np.savez(Path(folder) / "in.npz", **arrays)
        request = {
            "model": str(bundle.keras_model()),
            "folder": folder,
            "method": method,
            "column": bundle.info.class_names.index(class_name),
        }
        child.call("skin_core.explain.worker", request, timeout_s=TIMEOUT_S)
        return np.load(Path(folder) / "out.npy", allow_pickle=False)
