"""Normalisation statistics that fit how a network is used: whole training images, no dropout, weights as they are.

Batch normalisation learns its statistics in training, behind dropout and from augmented images. Dropout adds variance
that is gone afterwards, so a network with dropout in front of batch normalisation meets other numbers in use than it
learnt to expect ("variance shift", Li et al., CVPR 2019). In the published ``CPU_Light_Efficient_CNN`` the variance in
use is a fifth of the expected one behind three such blocks, and validation stays at chance however well it trains.

Computing the statistics anew from a sample of training images, batch by batch and pooled over all of them, is the
"precise BatchNorm" of Wu and Johnson (2021, "Rethinking Batch in BatchNorm").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from skin_core.models.kept_statistics import keeps_statistics
from skin_core.training.steps import forward


class MeasuringNormalization(keras.layers.Layer):
    """Normalises by the batch's own moments, and gives them out as well.

    Args:
        original: the layer whose statistics are wanted.
    """

    def __init__(self, original: keras.layers.BatchNormalization) -> None:
        super().__init__(name=f"{original.name}_measured")
        self.original = original
        shape = original.input.shape
        self._axis = original.axis % len(shape)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing to make: the original is built."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[tuple[int | None, ...], ...]:
        """The input's, and one number a channel for each moment."""
        channels = (input_shape[self._axis],)
        return tuple(input_shape), channels, channels

    def call(self, inputs: Any, training: bool = False, mask: None = None) -> tuple[Any, Any, Any]:
        """float32 (B, ..., C) in; the same out, with mean and variance (divided by n), float32 (C,) each."""
        layer = self.original
        if keras.backend.backend() == "tensorflow":
            from skin_core.training.fused import fusible, normalised

            if fusible(layer):
                return normalised(layer, inputs)
        axes = [axis for axis in range(len(inputs.shape)) if axis != self._axis]
        mean, variance = keras.ops.moments(inputs, axes)
        outputs = keras.ops.batch_normalization(
            inputs,
            mean,
            variance,
            axis=self._axis,
            offset=layer.beta if layer.center else None,
            scale=layer.gamma if layer.scale else None,
            epsilon=layer.epsilon,
        )
        return outputs, mean, variance


class Statistics:
    """Recalibrates a network's batch normalisation.

    Args:
        model: a flat functional graph; its layers are shared, and only moving statistics are changed.
        every: frozen layers and those that keep their pretrained statistics, too: for weights that were changed by hand,
            which no statistics fit any more. Otherwise those that learn theirs.
    """

    def __init__(self, model: keras.Model, *, every: bool = False) -> None:
        self._layers: list[MeasuringNormalization] = []
        moments: list[keras.KerasTensor] = []

        def shared(layer: keras.layers.Layer) -> keras.layers.Layer:
            if type(layer) is not keras.layers.BatchNormalization:
                return layer
            if not every and (not layer.trainable or keeps_statistics(layer)):
                return layer
            return MeasuringNormalization(layer)

        def called(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
            outputs = layer(*args, **kwargs)
            if not isinstance(layer, MeasuringNormalization):
                return outputs
            self._layers.append(layer)
            moments.extend(outputs[1:])
            return outputs[0]

        measuring = keras.models.clone_model(model, clone_function=shared, call_function=called)
        # Moments have no row for an image, so a batch must not be filled up.
        self._run = forward(keras.Model(measuring.input, moments), by_row=False) if moments else None

    def measure(self, batches: Iterable[Mapping[str, Any]]) -> None:
        """One pass over the batches; where there is no such layer or no batch, nothing changes.

        Args:
            batches: inputs by name. Each is normalised by its own moments, as in training, but without dropout.
        """
        if self._run is None:
            return
        images = 0
        # Double precision: a variance is the small difference of two large sums.
        sums = [[np.float64(0), np.float64(0)] for _ in self._layers]
        for batch in batches:
            size = len(next(iter(batch.values())))
            found = [np.asarray(moment, np.float64) for moment in self._run(batch)]
            for total, mean, variance in zip(sums, found[::2], found[1::2], strict=True):
                total[0] = total[0] + size * mean
                total[1] = total[1] + size * (variance + mean**2)
            images += size
        if not images:
            return
        for layer, (total, squares) in zip(self._layers, sums, strict=True):
            mean = total / images
            layer.original.moving_mean.assign(mean.astype(np.float32))
            layer.original.moving_variance.assign(np.maximum(squares / images - mean**2, 0).astype(np.float32))
