"""What a pass of an engine costs: measured on the machine that publishes, for the card."""

from __future__ import annotations

import time

import numpy as np

from skin_core.screening.engine import Engine

_PICTURES, _ROUNDS = 8, 3


def milliseconds(engine: Engine, images: np.ndarray, tabular: np.ndarray | None) -> float:
    """Time that the engine takes for one picture, in ms, with the threads that it was given.

    The shortest of some passes: what other work on the machine adds to the others is no cost of the engine.

    Args:
        engine: any exported graph.
        images: uint8 (N, S, S, 3), N ≥ 1; the first few are taken.
        tabular: float32 (N, F), or None.
    """
    rows = range(min(_PICTURES, len(images)))
    beside = [None if tabular is None else tabular[row : row + 1] for row in rows]
    engine.run(images[:1], beside[0])  # The first pass also lays out memory.
    took = []
    for _ in range(_ROUNDS):
        for row in rows:
            start = time.perf_counter()
            engine.run(images[row : row + 1], beside[row])
            took.append(time.perf_counter() - start)
    return 1000 * min(took)
