"""Pretrained batch normalisation in fine-tuning: statistics as they were learnt, scale and shift free to learn.

Keras knows two states of the layer: all of it learns, or nothing does. Scale and shift should learn here, since a
convolution in front of a normalisation has no bias and its channels could not be shifted otherwise; the statistics
should stand still and be what normalises. A momentum of 1 says so: it is saved with the network, and the training step
asks for it.
"""

from __future__ import annotations

import keras

_STANDS_STILL = 1.0


def keep_statistics(layers: list[keras.layers.Layer]) -> None:
    """Marks every batch normalisation among layers: its statistics are known and are kept."""
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _STANDS_STILL


def keeps_statistics(layer: keras.layers.BatchNormalization) -> bool:
    """Whether a layer was marked, and normalises by its moving statistics in training too."""
    return layer.momentum == _STANDS_STILL
