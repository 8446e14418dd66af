"""Rounds a network's weights so that its files halve while LiteRT and Keras still compute with the same numbers.

LiteRT can store constants as float16, but its converter first folds each BatchNorm into the convolution before it, and
rounding *after* that makes it differ from Keras: 4e-3 in probability and 6 % in the maps on a MobileNetV2. Here each
convolution's output is scaled so that the factor to be folded is a power of two: a kernel that is rounded to float16
before the folding is then still a float16 after it. Scaling a convolution and its BatchNorm's statistics together
changes nothing of what the network computes, at inference or when it is trained on.

Imports TensorFlow (through Keras); only the export's own process imports this module.
"""

from __future__ import annotations

from collections import Counter

import keras
import numpy as np


def make_compact(model: keras.Model) -> None:
    """Rescales convolutions before BatchNorms, then rounds every weight but BatchNorm's own to the nearest float16.

    Args:
        model: a flat graph; its weights are changed in place, its outputs by the rounding only.
    """
    folded: dict[int, keras.layers.Layer] = {}
    for layer in model.layers:
        before = _convolution_before(model, layer)
        if before is not None:
            folded[id(before)] = layer
    for layer in model.layers:
        if id(layer) in folded:
            _rescale(layer, folded[id(layer)])
        elif not isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                if weight.dtype == "float32":
                    weight.assign(_half(weight.numpy()))


def _convolution_before(model: keras.Model, layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """The convolution that feeds this BatchNorm and nothing else, so that the converter folds the two."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return None
    source = layer.input._keras_history.operation
    linear = isinstance(source, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) and (
        source.activation is keras.activations.linear
    )
    return source if linear and _consumers(model)[id(source)] == 1 else None


def _consumers(model: keras.Model) -> Counter:
    counts: Counter = Counter()
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        tensors = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        counts.update(id(tensor._keras_history.operation) for tensor in tensors)
    return counts


def _rescale(convolution: keras.layers.Layer, norm: keras.layers.BatchNormalization) -> None:
    mean = norm.moving_mean.numpy().astype(np.float64)
    variance = norm.moving_variance.numpy().astype(np.float64)
    gamma = norm.gamma.numpy().astype(np.float64) if norm.scale else np.ones_like(mean)
    deviation = np.sqrt(variance + norm.epsilon)
    factor = np.abs(gamma) / deviation
    usable = np.isfinite(factor) & (factor > 0)
    # From 1 to 2, never below: a variance cannot become negative then.
    power = np.exp2(np.floor(np.log2(np.where(usable, factor, 1.0))))
    stretch = np.where(usable, factor / power, 1.0)

    kernel = convolution.kernel.numpy()
    depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    by_output = stretch.reshape(kernel.shape[2:]) if depthwise else stretch
    convolution.kernel.assign(_half(kernel * by_output))
    shift = np.zeros_like(mean)
    if convolution.use_bias:
        shift = convolution.bias.numpy() * stretch
        convolution.bias.assign(shift)
    norm.moving_mean.assign(mean * stretch)
    norm.moving_variance.assign(stretch**2 * (variance + norm.epsilon) - norm.epsilon)
    if norm.center:
        # The folded bias is stored as float16, too.
        scale = np.sign(gamma) * np.where(usable, power, gamma / deviation)
        offset = scale * (shift - mean * stretch)
        beta = norm.beta.numpy().astype(np.float64)
        norm.beta.assign(_half(beta + offset).astype(np.float64) - offset)


def _half(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -65504, 65504).astype(np.float16).astype(np.float32)
