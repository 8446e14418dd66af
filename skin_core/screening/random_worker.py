"""The process of the randomised network: ``python -m skin_core.screening.random_worker`` (see `screening.child`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.errors import BundleError
from skin_core.models.keras_alone import load_keras
from skin_core.screening.child import answer


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Exports the graph of a network with the same layers and random weights.

    Args:
        request: ``model`` (a ``.keras`` file), ``pictures`` (an ``.npz`` with ``image`` uint8 (N, S, S, 3) and, for a
            network with columns, ``tabular``), ``out`` (the ``.tflite`` to write), ``seed``.
    """
    load_keras()
    import keras
    import numpy as np

    from skin_core.screening.export import export
    from skin_core.screening.randomised import randomised

    try:
        model = keras.saving.load_model(request["model"], compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError) as error:
        raise BundleError("The run's model.keras cannot be loaded; resume the run or train it again.") from error
    with np.load(request["pictures"], allow_pickle=False) as kept:
        pictures = {name: kept[name] for name in kept.files}
    Path(request["out"]).write_bytes(export(randomised(model, pictures, seed=request["seed"])))
    return {}


if __name__ == "__main__":
    answer(work)
