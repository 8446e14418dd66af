"""Batch normalisation as TensorFlow's fused operation, for training alone.

Keras 3 computes the batch's moments and normalises in operations of their own, each a pass over the whole map: two
thirds of a training step of ``light_cnn`` on a processor. The fused operation computes the same five times as fast.
Used by `training.steps.tensorflow`; under other backends Keras' own operations run.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from skin_core.models.kept_statistics import keeps_statistics


class FusedNormalization(keras.layers.Layer):
    """Runs another layer's batch normalisation, with that layer's own variables.

    Args:
        original: the layer as the network has it; it keeps its weights and moving statistics.
    """

    def __init__(self, original: keras.layers.BatchNormalization) -> None:
        super().__init__(name=f"{original.name}_fused")
        self.original = original

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing to make: the original is built."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def call(self, inputs: tf.Tensor, training: bool = False, mask: None = None) -> tf.Tensor:
        """float32 (B, H, W, C) in and out; moves the original's statistics as it would itself."""
        layer = self.original
        if not (training and layer.trainable) or keeps_statistics(layer):
            return layer(inputs, training=False)
        outputs, mean, variance = normalised(layer, inputs)
        for statistic, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            statistic.assign(statistic * layer.momentum + tf.stop_gradient(value) * (1 - layer.momentum))
        return outputs


def normalised(layer: keras.layers.BatchNormalization, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Maps normalised by their own moments.

    Returns:
        float32 (B, H, W, C); mean and variance (divided by n, as Keras does), float32 (C,) each.
    """
    channels = inputs.shape[-1]
    outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=layer.gamma if layer.scale else tf.ones(channels),
        offset=layer.beta if layer.center else tf.zeros(channels),
        mean=tf.zeros(0),
        variance=tf.zeros(0),
        epsilon=layer.epsilon,
        is_training=True,
    )
    n = tf.cast(tf.size(inputs) // channels, tf.float32)
    return outputs, mean, unbiased * (n - 1) / n


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """The same network over the same layers, each batch normalisation of maps in its fused form.

    Args:
        model: a flat functional graph. It stays as it is, and pure Keras: train the one that is returned, save this one.
    """

    def shared(layer: keras.layers.Layer) -> keras.layers.Layer:
        return FusedNormalization(layer) if fusible(layer) else layer

    return keras.models.clone_model(model, clone_function=shared)


def fusible(layer: keras.layers.Layer) -> bool:
    """Whether a layer is a batch normalisation that the fused operation can do."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.compute_dtype == "float32"
        and not layer.renorm
        and len(layer.input.shape) == 4
        and layer.axis in (3, -1)
    )
