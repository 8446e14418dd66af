"""The training step of a family, one process a family: ``python -m bench.training_step FAMILY SIDE BATCH STEPS``.

Answers each line on standard input with the seconds of STEPS steps on one batch: forward, loss, gradients, Adam.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import skin_core.quiet  # noqa: F401  (before TensorFlow is loaded)
from skin_core.models.keras_alone import load_keras

_CLASSES = tuple("abcdefg")


def main() -> None:
    """Answers until standard input ends."""
    load_keras()
    import keras

    from skin_core.models.family import ModelSpec
    from skin_core.models.registry import family
    from skin_core.training.step import Step

    side, batch, steps = (int(argument) for argument in sys.argv[2:5])
    model = family(sys.argv[1]).build(ModelSpec(_CLASSES, side, weights="random"))
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    step = Step(model, keras.losses.SparseCategoricalCrossentropy(), optimizer)
    pixels = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3)).astype(np.float32)
    labels, weights = np.arange(batch) % len(_CLASSES), np.ones(batch, np.float32)
    for _ in sys.stdin:
        begun = time.perf_counter()
        for _ in range(steps):
            step.train({"image": pixels}, labels, weights)
        print(time.perf_counter() - begun, flush=True)


if __name__ == "__main__":
    main()
