"""The export's own process: ``python -m skin_core.screening.export_worker`` (see `screening.child`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.errors import BundleError
from skin_core.models.keras_alone import load_keras
from skin_core.screening.child import answer


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Exports a model and checks the graph against Keras.

    Args:
        request: ``model`` (a ``.keras`` file), ``samples`` (an ``.npz`` with ``images`` uint8 (N, S, S, 3) and maybe
            ``tabular``; training pictures ``examples`` and maybe ``examples_tabular`` where the variant asks for
            them; pictures ``random`` and maybe ``random_tabular``, for the statistics of the network with random
            weights), ``out`` (a folder for ``screen.tflite``, ``model.keras`` and, beside a smaller engine,
            ``full.tflite``: float32, unpruned, one view), ``engine``, ``prune``, ``views``: see `variant.Variant`;
            ``random`` (the file in ``out`` for the graph of the network with random weights, see `randomised`) and
            ``seed`` of those weights.

    Returns:
        ``parity``: see `export.parity`; ``engine``: what became of it, since not every network can be float16.
    """
    load_keras()
    import keras
    import numpy as np

    from skin_core.screening import export
    from skin_core.screening.compact import make_compact
    from skin_core.screening.engine import Engine
    from skin_core.screening.prune import prune, restore_statistics
    from skin_core.screening.randomised import randomised
    from skin_core.screening.variant import TOLERANCE, agrees

    try:
        model = keras.saving.load_model(request["model"], compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError) as error:
        raise BundleError("The run's model.keras cannot be loaded; resume the run or train it again.") from error
    with np.load(request["samples"], allow_pickle=False) as samples:
        images = samples["images"]
        tabular = samples["tabular"] if "tabular" in samples.files else None
        examples, pictures = (
            {
                name: samples[key]
                for name, key in (("image", some), ("tabular", f"{some}_tabular"))
                if key in samples.files
            }
            for some in ("examples", "random")
        )
    out, engine, views = Path(request["out"]), request["engine"], request["views"]
    # While the network is as it was trained: what follows may round or prune it.
    (out / request["random"]).write_bytes(export.export(randomised(model, pictures, seed=request["seed"])))
    if engine != "float32" or request["prune"] or views > 1:
        (out / "full.tflite").write_bytes(export.export(model))
    if request["prune"]:
        prune(model, request["prune"])
        restore_statistics(model, examples)
    if engine == "float16":
        make_compact(model)
    graph = export.export(model, engine=engine, examples=examples, views=views)
    found = export.parity(model, Engine(graph), images, tabular, n_views=views)
    if engine == "float16" and not agrees(found, engine):
        # What the rounding could not prepare (a BatchNorm that follows no convolution) is stored in full.
        engine = "float32"
        graph = export.export(model, views=views)
        found = export.parity(model, Engine(graph), images, tabular, n_views=views)
    if not agrees(found, engine):
        allowed = " and ".join(f"{value:g}" for value in TOLERANCE[engine].values())
        raise BundleError(
            f"LiteRT ({engine}) and Keras differ by {found['probabilities']:.2g} in probability and {found['maps']:.2g} in the maps; expected at most {allowed}: the bundle is not published."
        )
    (out / "screen.tflite").write_bytes(graph)
    export.save_compressed(model, out / "model.keras")
    return {"parity": found, "engine": engine}


if __name__ == "__main__":
    answer(work)
