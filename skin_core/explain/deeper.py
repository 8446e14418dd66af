"""Maps of the deeper methods: by the engine at once where its graph gives what they need, else by a process of its own.

Nothing here loads TensorFlow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skin_core.errors import BundleError
from skin_core.explain.regions import Regions, explain_regions
from skin_core.explain.scorecam import scorecam
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.screening import child
from skin_core.screening.bundle import Bundle
from skin_core.screening.engine import Engine

METHODS = ("gradcam++", "scorecam", "smoothgrad", "shap")
# The one whose map has a sign.
SIGNED = ("shap",)
# Beside the classes, what `second_opinion` explains: the risk itself. No class is called so.
RISK = "(risk)"
TIMEOUT_S = 900


def at_once(bundle: Bundle, method: str) -> bool:
    """Whether the engine itself gives a method's map; bundles that older versions published lack the parts."""
    given = {"gradcam++": bundle.engine.explains_plus, "scorecam": bundle.engine.gives_spatial, "shap": True}
    return given.get(method, False)


def explain(
    bundle: Bundle, square: np.ndarray, method: str, class_name: str, *, given: Mapping[str, Any]
) -> np.ndarray:
    """A raw map of one class by a deeper method.

    Args:
        bundle: its ``model.keras`` is checked against its hash and loaded in safe mode.
        square: uint8 (S, S, 3), as `imaging.decode.fit` gives it.
        method: one of `METHODS`.
        class_name: the class to explain.
        given: age, sex and site, for a bundle that takes them.

    Returns:
        float32 (h, w), not negative but for `SIGNED`, not normalised.

    Raises:
        BundleError: for an unknown method or class, or if the model cannot be explained.
    """
    if method not in METHODS:
        raise BundleError(f"There is no explanation method '{method}'; there are {', '.join(METHODS)}.")
    if class_name not in bundle.info.class_names:
        raise BundleError(f"There is no class '{class_name}'; the classes are {', '.join(bundle.info.class_names)}.")
    if method == "shap":
        return second_opinion(bundle, square, given=given).map(class_name)
    column = bundle.info.class_names.index(class_name)
    tabular = _columns(bundle, given)
    if at_once(bundle, method):
        return _by_engine(bundle.engine, square, method, column, tabular)
    if bundle.info.ensemble is not None and method != "smoothgrad":
        raise BundleError(
            f"This ensemble has a member whose engine gives no {method}; choose Grad-CAM, Score-CAM or SmoothGrad."
        )
    arrays = {"image": square[np.newaxis], **({} if tabular is None else {"tabular": tabular})}
    # A private folder, gone with its pixels when the answer is here.
    with tempfile.TemporaryDirectory(prefix="lesionlab-explain-") as folder:
        np.savez(Path(folder) / "in.npz", **arrays)
        request = {
            "model": str(bundle.keras_model()),
            "folder": folder,
            "method": method,
            "column": column,
        }
        child.call("skin_core.explain.worker", request, timeout_s=TIMEOUT_S)
        return np.load(Path(folder) / "out.npy", allow_pickle=False)


def second_opinion(
    bundle: Bundle,
    square: np.ndarray,
    *,
    given: Mapping[str, Any],
    progress: ProgressCallback = ignore_progress,
) -> Regions:
    """What the regions of a picture add to the risk (`RISK`, where the bundle has one) and to each class, calibrated.

    Args:
        bundle, square, given: as for `explain`. What is known of the person is held fixed.
        progress: told what is done.
    """
    tabular = _columns(bundle, given)
    targets = ((RISK,) if bundle.info.has_risk else ()) + bundle.info.class_names

    def probabilities(pictures: np.ndarray) -> np.ndarray:
        # One at a time, as for Score-CAM.
        logits = np.concatenate([bundle.engine.run(picture[np.newaxis], tabular).logits for picture in pictures])
        risk = bundle.malignancy(logits)
        classes = bundle.calibrated(logits)
        return classes if risk is None else np.column_stack([risk, classes])

    return explain_regions(square, probabilities, targets, progress=progress)


def _columns(bundle: Bundle, given: Mapping[str, Any]) -> np.ndarray | None:
    if bundle.encoder is None:
        return None
    return np.atleast_2d(bundle.encoder.encode_one(given)).astype(np.float32)


def _by_engine(engine: Engine, square: np.ndarray, method: str, column: int, tabular: np.ndarray | None) -> np.ndarray:
    output = engine.run(square[np.newaxis], tabular)
    if method == "gradcam++":
        return engine.gradcam_plus(output, 0, column)

    def probabilities(images: np.ndarray) -> np.ndarray:
        # One picture at a time: the maps of 64 would be kept for nothing, and other sessions get their turn between.
        return np.concatenate([engine.run(image[np.newaxis], tabular).probabilities for image in images])

    return scorecam(output.spatial[0], square.astype(np.float32), column, probabilities)
