"""Magnitude pruning: sets the smallest weights of each convolution to zero, without training on afterwards.

LiteRT computes with the zeros all the same, so pruning saves no time and, unpacked, no space; what it saves is the size of
a file that is compressed on its way, and what it shows is how much of a network its result hangs on.

Imports Keras; only the export's own process imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from skin_core.training.recalibration import Statistics

_BATCH = 32


def prune(model: keras.Model, share: float) -> float:
    """Prunes a network in place (Han et al. 2015, without the retraining).

    Depthwise convolutions keep their weights: they have nine a channel, and hardly any to spare.

    Args:
        model: a flat graph.
        share: of each convolution's kernel, 0 ≤ share < 1.

    Returns:
        Share of all the network's weights that are zero now.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and not isinstance(layer, keras.layers.DepthwiseConv2D):
            kernel = layer.kernel.numpy()
            smallest = np.argpartition(np.abs(kernel), int(share * kernel.size), axis=None)[: int(share * kernel.size)]
            kernel.reshape(-1)[smallest] = 0
            layer.kernel.assign(kernel)
    weights = [weight.numpy() for weight in model.weights]
    return float(sum((weight == 0).sum() for weight in weights) / max(1, sum(weight.size for weight in weights)))


def restore_statistics(model: keras.Model, examples: Mapping[str, np.ndarray]) -> None:
    """Measures the normalisation's statistics anew, since those of the whole network do not fit the pruned one.

    Args:
        model: changed in place.
        examples: training pictures ``image`` uint8 (N, S, S, 3) and, for a network with columns, ``tabular`` (N, F).
    """
    names = [tensor.name for tensor in model.inputs]
    Statistics(model, every=True).measure(
        {name: examples[name][start : start + _BATCH] for name in names}
        for start in range(0, len(examples["image"]), _BATCH)
    )
