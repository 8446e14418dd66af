"""Exports a bundle's engine anew from its own ``model.keras``, for a bundle that an older version published.

``python -m skin_core.screening.reexport FOLDER`` (for developers, who ship a bundle with the code). Calibration, gate
and figures stay, so the new graph must say what the old one said; what it may add are maps. Imports TensorFlow.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.errors import BundleError, SkinCoreError
from skin_core.paths import atomic_path, write_text
from skin_core.screening import trust
from skin_core.screening.bundle import Bundle, read_info

# In logits, where the calibration begins.
TOLERANCE = 1e-4
_PICTURES = 32


def reexport(folder: Path) -> float:
    """Replaces ``screen.tflite`` and its hash in ``bundle.json``.

    Args:
        folder: of a bundle that is trusted.

    Returns:
        Largest difference of a logit between the old graph and the new one, on noise of several scales.

    Raises:
        BundleError: if they differ by more than `TOLERANCE`, or it is an ensemble; nothing is changed then.
    """
    import keras

    from skin_core.screening.engine import Engine
    from skin_core.screening.export import export

    bundle = Bundle.load(folder)
    if bundle.info.ensemble is not None:
        raise BundleError("An ensemble's engine is made of its members' own networks; make the ensemble again.")
    model = keras.saving.load_model(bundle.keras_model(), compile=False, safe_mode=True)
    # Bundles of older versions are float32 or float16, whose weights were rounded before they were saved.
    views = 1 if bundle.info.engine is None else bundle.info.engine.views
    graph = export(model, engine=bundle.info.precision, views=views)
    pictures = _noise(bundle.info.image_size)
    columns = np.zeros((len(pictures), bundle.engine.n_tabular), np.float32) if bundle.engine.n_tabular else None
    before, after = (engine.run(pictures, columns).logits for engine in (bundle.engine, Engine(graph)))
    difference = float(np.abs(before - after).max())
    if not difference <= TOLERANCE:
        raise BundleError(f"The new graph differs by {difference:.2g} in the logits; publish the run again instead.")
    record = folder / "bundle.json"
    old, new = bundle.info.files["screen.tflite"], hashlib.sha256(graph).hexdigest()
    shipped = trust.shipped().get(bundle.info.digest)
    with atomic_path(folder / "screen.tflite") as temporary:
        Path(temporary).write_bytes(graph)
    write_text(record, record.read_text(encoding="utf-8").replace(old, new))
    digest = read_info(folder).digest
    if shipped:
        trust.ship(digest, shipped)
    else:
        trust.allow(digest, bundle.info.name)
    return difference


def _noise(size: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    found = []
    for number in range(_PICTURES):
        side = 2 ** (number % 5 + 1)
        blocks = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
        step = -(-size // side)
        found.append(blocks.repeat(step, axis=0).repeat(step, axis=1)[:size, :size])
    return np.stack(found)


if __name__ == "__main__":
    try:
        print(f"Largest difference of a logit: {reexport(Path(sys.argv[1]).absolute()):.2g}")
    except (SkinCoreError, IndexError) as error:
        sys.exit(str(error) or "Give the folder of a bundle.")
