"""Initial weights that depend on the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Everything built inside gets its initial weights and dropout masks from ``seed``.

    A Keras initialiser or dropout layer without a seed of its own draws one from Python's global generator when it is
    made. That generator alone is set, and put back afterwards, so building a network leaves no trace in the process
    (`keras.utils.set_random_seed` would reset NumPy and TensorFlow for everybody).
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
