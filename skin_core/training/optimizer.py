"""The optimizer of a run: Adam or AdamW, rates that fall towards the first layers, a moving average of the weights.

Pure Keras, so it is the same under every backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

if TYPE_CHECKING:
    from skin_core.config import RunConfig


class _Averaging:
    """A moving average of the weights in which every step counts by its age alone, from the first step on.

    Keras begins the average at the weights after the first step and multiplies what is there by the decay ever after: 900
    steps at a decay of 0.998 leave a sixth of the untrained head in it. Here the weight of the step i of t is
    ``d^(t-i) / Σ d^(t-j)``, as Adam corrects its moments (Kingma and Ba 2015, section 3): after t steps the average moves
    by ``m = d · (1 - d^t) / (1 - d^(t+1))``, which tends to d.
    """

    def _update_model_variables_moving_average(self, trainable_variables) -> None:
        if not self.use_ema:
            return
        from keras import ops

        decay = self.ema_momentum
        steps = ops.cast(self.iterations, "float32")
        kept = decay * (1 - ops.power(decay, steps)) / (1 - ops.power(decay, steps + 1))
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                average.assign(kept * average + (1 - kept) * variable)


class AveragingAdam(_Averaging, keras.optimizers.Adam):
    """Adam with such an average."""


class LayerwiseAdam(_Averaging, keras.optimizers.AdamW):
    """AdamW that takes smaller steps where a layer is nearer to the image.

    A scaled gradient would not do: Adam's step does not depend on the gradient's scale.

    Args:
        shares: of each variable in the order in which the optimizer is built over them, its rate as a share of the
            learning rate.
        **settings: of `keras.optimizers.AdamW`.
    """

    def __init__(self, shares: Sequence[float], **settings) -> None:
        super().__init__(**settings)
        self._shares = list(shares)

    def update_step(self, gradient, variable, learning_rate) -> None:
        """See `keras.optimizers.Optimizer.update_step`."""
        super().update_step(gradient, variable, learning_rate * self._shares[self._get_variable_index(variable)])

    def get_config(self) -> dict:
        """See `keras.optimizers.Optimizer.get_config`."""
        return {**super().get_config(), "shares": self._shares}


def optimizer_for(model: keras.Model, config: RunConfig) -> keras.optimizers.Optimizer:
    """A new, built optimizer over a network's trainable weights.

    Args:
        model: the network to train, or its head.
        config: learning_rate, layer_decay, weight_decay, averaging.
    """
    settings = {"learning_rate": config.learning_rate}
    if config.averaging:
        settings |= {"use_ema": True, "ema_momentum": config.averaging}
    if config.layer_decay < 1 or config.weight_decay:
        shares = rate_shares(model, config.layer_decay)
        optimizer = LayerwiseAdam(shares, weight_decay=config.weight_decay, **settings)
        # Biases and normalisation have no direction to be kept short in (He et al. 2019, "Bag of Tricks").
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    else:
        optimizer = AveragingAdam(**settings)
    optimizer.build(model.trainable_variables)
    return optimizer


def rate_shares(model: keras.Model, layer_decay: float) -> list[float]:
    """The rate of each trainable variable as a share of the last layer's, in the order of the model's.

    Args:
        model: a flat functional graph, its layers in the order of the data.
        layer_decay: share of the first layer with weights; the others lie on a geometric series up to 1.
    """
    layers = [layer for layer in model.layers if layer.weights]
    shares = np.geomspace(layer_decay, 1.0, len(layers)) if len(layers) > 1 else np.ones(len(layers))
    by_variable = {
        id(variable): float(share)
        for layer, share in zip(layers, shares, strict=True)
        for variable in layer.trainable_variables
    }
    return [by_variable[id(variable)] for variable in model.trainable_variables]


def averages_of(optimizer: keras.optimizers.Optimizer) -> Sequence[keras.Variable]:
    """The moving averages of the trainable weights, in their order; empty where none are kept."""
    return optimizer._model_variables_moving_average if optimizer.use_ema else ()
