"""The export's own process: ``python -m skin_core.screening.export_worker`` (see `screening.child`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.errors import BundleError
from skin_core.screening.child import answer


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Exports a model and checks the graph against Keras.

    Args:
        request: ``model`` (a ``.keras`` file), ``samples`` (an ``.npz`` with ``images`` uint8 (N, S, S, 3) and maybe
            ``tabular``), ``out`` (a folder for ``screen.tflite`` and ``model.keras``), ``compact`` (round the weights, see `compact`).

    Returns:
        ``parity``: see `export.parity`; ``precision``: of the constants in ``screen.tflite``.
    """
    import keras
    import numpy as np

    from skin_core.screening import export
    from skin_core.screening.compact import make_compact
    from skin_core.screening.engine import Engine

    try:
        model = keras.saving.load_model(request["model"], compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError) as error:
        raise BundleError("The run's model.keras cannot be loaded; resume the run or train it again.") from error
    if request["compact"]:
        make_compact(model)
    with np.load(request["samples"], allow_pickle=False) as samples:
        images = samples["images"]
        tabular = samples["tabular"] if "tabular" in samples.files else None
    precision = "float16" if request["compact"] else "float32"
    graph = export.export(model, half=request["compact"])
    found = export.parity(model, Engine(graph), images, tabular)
    if request["compact"] and not _agrees(found):
        # What the rounding could not prepare (a BatchNorm that follows no convolution) is stored in full.
        precision = "float32"
        graph = export.export(model)
        found = export.parity(model, Engine(graph), images, tabular)
    if not _agrees(found):
        raise BundleError(
            f"LiteRT and Keras differ by {found['probabilities']:.2g} in probability and {found['maps']:.2g} in the maps; expected at most {export.PARITY_TOLERANCE:g}: the bundle is not published."
        )
    out = Path(request["out"])
    (out / "screen.tflite").write_bytes(graph)
    export.save_compressed(model, out / "model.keras")
    return {"parity": found, "precision": precision}


def _agrees(parity: dict[str, float]) -> bool:
    from skin_core.screening.export import PARITY_TOLERANCE

    return all(value <= PARITY_TOLERANCE for value in parity.values())


if __name__ == "__main__":
    answer(work)
