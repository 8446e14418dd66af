"""The same network with random weights, whose maps those of the trained one are compared with.

Adebayo et al. 2018 (arXiv:1810.03292), every layer at once. Imports TensorFlow; only a process of its own imports this
module.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from skin_core.models.seeding import seeded
from skin_core.screening.prune import restore_statistics


def randomised(model: keras.Model, pictures: Mapping[str, np.ndarray], *, seed: int = 0) -> keras.Model:
    """Draws every weight anew from its own initialiser.

    Batch normalisation then takes its statistics from the pictures: those of the trained network, or none, would leave a
    deep network of random weights without a signal, and what agrees with noise tells nothing. Constants of the input's
    scaling are kept.

    Args:
        model: a flat graph of a family; nothing of it is changed.
        pictures: ``image`` uint8 (N, S, S, 3) and, for a network with columns, ``tabular`` (N, F).
        seed: of the weights.
    """
    with seeded(seed):
        copy = keras.models.clone_model(model)
    for layer, original in zip(copy.layers, model.layers, strict=True):
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights(original.get_weights())
    restore_statistics(copy, pictures)
    return copy
