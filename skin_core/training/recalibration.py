"""Normalisation statistics that fit how a network is used: whole training images, no dropout, weights as they are.

Batch normalisation learns its statistics in training, behind dropout and from augmented images. Dropout adds variance
that is gone afterwards, so a network with dropout in front of batch normalisation meets other numbers in use than it
learnt to expect ("variance shift", Li et al., CVPR 2019). In the published ``CPU_Light_Efficient_CNN`` the variance in
use is a fifth of the expected one behind three such blocks, and validation stays at chance however well it trains.

Computing the statistics anew from a sample of training images, batch by batch and pooled over all of them, is the
"precise BatchNorm" of Wu and Johnson (2021, "Rethinking Batch in BatchNorm").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import keras
import tensorflow as tf

from skin_core.models.kept_statistics import keeps_statistics
from skin_core.training.fused import fusible, normalised


class MeasuringNormalization(keras.layers.Layer):
    """Normalises by the batch's own moments, and adds them up.

    Args:
        original: the layer whose statistics are wanted.
    """

    def __init__(self, original: keras.layers.BatchNormalization) -> None:
        super().__init__(name=f"{original.name}_measured")
        self.original = original
        channels = original.moving_mean.shape
        # Double precision: a variance is the small difference of two large sums.
        self._n = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._sum = tf.Variable(tf.zeros(channels, tf.float64), trainable=False)
        self._squares = tf.Variable(tf.zeros(channels, tf.float64), trainable=False)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing to make: the original is built."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def call(self, inputs: tf.Tensor, training: bool = False, mask: None = None) -> tf.Tensor:
        """float32 (B, ..., C) in and out."""
        layer = self.original
        if fusible(layer):
            outputs, mean, variance = normalised(layer, inputs)
        else:
            mean, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
            gamma = layer.gamma.value if layer.scale else None
            beta = layer.beta.value if layer.center else None
            outputs = tf.nn.batch_normalization(inputs, mean, variance, beta, gamma, layer.epsilon)
        n = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float64)
        mean, variance = tf.cast(mean, tf.float64), tf.cast(variance, tf.float64)
        self._n.assign_add(n)
        self._sum.assign_add(n * mean)
        self._squares.assign_add(n * (variance + tf.square(mean)))
        return outputs

    def begin(self) -> None:
        """Forgets what was added up."""
        for total in (self._n, self._sum, self._squares):
            total.assign(tf.zeros_like(total))

    def finish(self) -> None:
        """Gives the original the moments of all batches together."""
        mean = self._sum / self._n
        self.original.moving_mean.assign(tf.cast(mean, tf.float32))
        self.original.moving_variance.assign(tf.cast(tf.maximum(self._squares / self._n - mean**2, 0), tf.float32))


class Statistics:
    """Recalibrates a network's trainable batch normalisation.

    Args:
        model: a flat functional graph; its layers are shared, and only moving statistics are changed.
        arranged: brings inputs by name into the structure that the graph was made with.
        signature: a ``tf.TensorSpec`` for each input by name.
    """

    def __init__(self, model: keras.Model, arranged: Callable, signature: Mapping[str, tf.TensorSpec]) -> None:
        self._layers: list[MeasuringNormalization] = []

        def shared(layer: keras.layers.Layer) -> keras.layers.Layer:
            if type(layer) is not keras.layers.BatchNormalization or not layer.trainable or keeps_statistics(layer):
                return layer
            self._layers.append(MeasuringNormalization(layer))
            return self._layers[-1]

        measuring = keras.models.clone_model(model, clone_function=shared)
        # Not training: dropout is off. The measuring layers do their work either way.
        self._run = tf.function(lambda batch: measuring(arranged(batch), training=False), input_signature=(signature,))

    def measure(self, batches: Iterable[Mapping[str, tf.Tensor]]) -> None:
        """One pass over the batches; where there is no such layer or no batch, nothing changes."""
        if not self._layers:
            return
        for layer in self._layers:
            layer.begin()
        seen = False
        for batch in batches:
            self._run(batch)
            seen = True
        if seen:
            for layer in self._layers:
                layer.finish()
