"""Batch normalisation whose statistics stand still in training (`models.kept_statistics`), in pure Keras.

TensorFlow's step has it in its fused layer; the other backends run Keras' own layer, which always takes the batch's
moments while its scale and shift learn.
"""

from __future__ import annotations

from typing import Any

import keras

from skin_core.models.kept_statistics import keeps_statistics


class KeptNormalization(keras.layers.Layer):
    """Runs another layer's batch normalisation with the statistics that it has.

    Args:
        original: the layer as the network has it; its scale and shift learn.
    """

    def __init__(self, original: keras.layers.BatchNormalization) -> None:
        super().__init__(name=f"{original.name}_kept")
        self.original = original

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing to make: the original is built."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def call(self, inputs: Any, training: bool = False, mask: None = None) -> Any:
        """float32 (B, ..., C) in and out, the same in training and in use."""
        return self.original(inputs, training=False)


def with_kept_statistics(model: keras.Model) -> keras.Model:
    """The same network over the same layers, for training: what is to stand still stands still.

    Args:
        model: a flat functional graph. It stays as it is, and is what comes back where it has no such layer.
    """

    def kept(layer: keras.layers.Layer) -> bool:
        return type(layer) is keras.layers.BatchNormalization and keeps_statistics(layer)

    if not any(map(kept, model.layers)):
        return model
    return keras.models.clone_model(
        model, clone_function=lambda layer: KeptNormalization(layer) if kept(layer) else layer
    )
