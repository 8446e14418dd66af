"""The ensemble export's own process: ``python -m skin_core.screening.ensemble_worker`` (see `screening.child`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.errors import BundleError
from skin_core.models.keras_alone import load_keras
from skin_core.screening.child import answer


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Makes one graph of several networks and checks it against Keras.

    Args:
        request: ``models`` (``.keras`` files), ``views`` (of each), ``pool`` (an ``.npz``, see `pooling.Pool`),
            ``samples`` (an ``.npz`` with ``images`` uint8 (N, S, S, 3) and maybe ``tabular``), ``engine`` ("float32" or
            "float16"), ``out`` (a folder for ``screen.tflite`` and ``model.keras``).

    Returns:
        ``parity``: see `export.parity`; ``engine``: what became of it, since not every network can be float16.
    """
    load_keras()
    import keras
    import numpy as np

    from skin_core.screening import export
    from skin_core.screening.compact import make_compact
    from skin_core.screening.engine import Engine
    from skin_core.screening.passes import Network
    from skin_core.screening.pooled_graph import assembled, expected, export_pool
    from skin_core.screening.pooling import Pool
    from skin_core.screening.variant import TOLERANCE, agrees

    models = []
    for path in request["models"]:
        try:
            models.append(keras.saving.load_model(path, compile=False, safe_mode=True))
        except (ValueError, OSError, TypeError) as error:
            raise BundleError(
                f"The model.keras of bundle '{Path(path).parent.name}' cannot be loaded; publish it again."
            ) from error
    with np.load(request["samples"], allow_pickle=False) as samples:
        images = samples["images"]
        tabular = samples["tabular"] if "tabular" in samples.files else None
    pool = Pool.from_bytes(Path(request["pool"]).read_bytes())
    views, engine, out = request["views"], request["engine"], Path(request["out"])

    def made(kind: str) -> tuple[bytes, dict[str, float]]:
        networks = [Network(model, count) for model, count in zip(models, views, strict=True)]
        graph = export_pool(networks, pool, engine=kind)
        return graph, export.differences(
            Engine(graph), images, tabular, lambda *given: expected(models, views, pool, *given)
        )

    if engine == "float16":
        for model in models:
            make_compact(model)
    graph, found = made(engine)
    if engine == "float16" and not agrees(found, engine):
        engine = "float32"
        graph, found = made(engine)
    if not agrees(found, engine):
        allowed = " and ".join(f"{value:g}" for value in TOLERANCE[engine].values())
        raise BundleError(
            f"LiteRT ({engine}) and Keras differ by {found['probabilities']:.2g} in probability and {found['maps']:.2g} in the maps; expected at most {allowed}: the ensemble is not published."
        )
    whole = assembled(models, pool)
    _check_whole(whole, models, pool, images, tabular)
    (out / "screen.tflite").write_bytes(graph)
    export.save_compressed(whole, out / "model.keras")
    return {"parity": found, "engine": engine}


def _check_whole(whole, models, pool, images, tabular) -> None:
    """The one Keras network must say what its members say of the picture as it is, pooled by NumPy."""
    import keras
    import numpy as np

    from skin_core.evaluation.calibration import calibrated
    from skin_core.screening.export import logits_of
    from skin_core.screening.variant import TOLERANCE

    given = {"image": images.astype(np.float32)}
    if tabular is not None:
        given["tabular"] = tabular

    def said(model, layer: str) -> np.ndarray:
        part = keras.Model(model.inputs, model.get_layer(layer).output)
        return np.asarray(part([given[tensor.name] for tensor in model.inputs], training=False))

    wanted = calibrated(pool(np.stack([logits_of(said(model, "logits")) for model in models])), 1.0)
    difference = float(np.max(np.abs(said(whole, "probabilities") - wanted)))
    if not difference <= TOLERANCE["float32"]["probabilities"]:
        raise BundleError(
            f"The ensemble as one Keras network differs by {difference:.2g} in probability from its members; it is not published."
        )


if __name__ == "__main__":
    answer(work)
