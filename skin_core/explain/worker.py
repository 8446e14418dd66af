"""The explanation's own process: ``python -m skin_core.explain.worker`` (see `screening.child`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.errors import BundleError
from skin_core.models.keras_alone import load_keras
from skin_core.screening.child import answer


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Computes one map.

    Args:
        request: ``model`` (a ``.keras`` file), ``folder`` (with ``in.npz``: ``image`` uint8 (1, S, S, 3) and maybe
            ``tabular``; ``out.npy`` is written there), ``method``, ``column`` (of the class).
    """
    load_keras()
    import keras
    import numpy as np

    from skin_core.explain.methods import Explainer

    folder = Path(request["folder"])
    try:
        model = keras.saving.load_model(request["model"], compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError) as error:
        # Keras' own word for what safe mode refuses; it names no type of its own.
        if "Lambda" in str(error):
            raise BundleError(
                "The bundle's model.keras holds code of its own (a Lambda layer), which is never run here; use a bundle "
                "without one."
            ) from error
        raise BundleError("The bundle's model.keras cannot be loaded; publish the bundle again.") from error
    with np.load(folder / "in.npz", allow_pickle=False) as arrays:
        image = arrays["image"].astype(np.float32)
        tabular = arrays["tabular"] if "tabular" in arrays.files else None
    np.save(folder / "out.npy", Explainer(model, tabular).map(image, request["method"], request["column"]))
    return {}


if __name__ == "__main__":
    answer(work)
