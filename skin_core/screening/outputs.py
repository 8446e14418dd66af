"""Runs an engine over many pictures, keeping what is small: logits and features, not the maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.progress import ProgressCallback, ignore_progress, tracked
from skin_core.screening.engine import Engine

_CHUNK = 32


@dataclass(frozen=True)
class Outputs:
    """Of N pictures.

    Attributes:
        logits: float32 (N, C).
        features: float32 (N, D).
    """

    logits: np.ndarray
    features: np.ndarray


def outputs_of(
    engine: Engine,
    pixels: np.ndarray,
    rows: np.ndarray,
    tabular: np.ndarray | None,
    *,
    what: str = "Looking at the pictures",
    progress: ProgressCallback = ignore_progress,
) -> Outputs:
    """Runs some rows of a pixel cache through an engine.

    Args:
        engine: the exported graph.
        pixels: uint8 (M, S, S, 3), a memory map or anything that is indexed by an array of rows.
        rows: int (N,), rows of ``pixels`` to take, in this order.
        tabular: float32 (M, F), or None.
        what: told to ``progress``.
    """
    logits, features = [], []
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    for chunk in tracked(chunks, what, len(chunks), progress):
        found = engine.run(np.asarray(pixels[chunk]), None if tabular is None else tabular[chunk])
        logits.append(found.logits)
        features.append(found.features)
    if not chunks:
        return Outputs(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32))
    return Outputs(np.concatenate(logits), np.concatenate(features))
