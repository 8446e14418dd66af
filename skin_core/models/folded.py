"""A frozen network for inference alone: each batch normalisation is folded into the convolution before it.

Keras normalises in passes of their own over the whole map, also where the statistics stand still. Scale and shift then
belong into the kernel and the bias (Jacob et al. 2018, section 3.2): w' = w · γ/√(σ²+ε), b' = β + (b - μ) · γ/√(σ²+ε).
"""

from __future__ import annotations

import keras
import numpy as np


def with_folded_normalization(model: keras.Model) -> keras.Model:
    """The same function with fewer operations, equal to rounding.

    Args:
        model: a flat functional graph. It stays as it is; the copy shares its other layers and must not be trained.
    """
    folded = {id(conv): norm for conv in model.layers if (norm := _normalization_after(conv)) is not None}
    dropped = {id(norm) for norm in folded.values()}
    copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if id(layer) in dropped:
            return _Nothing(name=f"{layer.name}_folded")
        if id(layer) not in folded:
            return layer
        copy = type(layer).from_config({**layer.get_config(), "use_bias": True, "name": f"{layer.name}_folded"})
        copies.append((layer, copy))
        return copy

    result = keras.models.clone_model(model, clone_function=replaced)
    for conv, copy in copies:
        copy.set_weights(_folded_weights(conv, folded[id(conv)]))
    return result


class _Nothing(keras.layers.Layer):
    """Stands where a normalisation stood."""

    def call(self, inputs, training: bool = False, mask: None = None):
        """float32 (B, H, W, C), as it came."""
        return inputs


def _normalization_after(conv: keras.layers.Layer) -> keras.layers.BatchNormalization | None:
    """The batch normalisation that alone takes what a convolution gives."""
    if type(conv) not in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D):
        return None
    if conv.activation is not keras.activations.linear or len(conv._inbound_nodes) != 1:
        return None
    takers = [node.operation for node in conv._outbound_nodes]
    if len(takers) != 1 or type(takers[0]) is not keras.layers.BatchNormalization or takers[0].axis not in (3, -1):
        return None
    return takers[0]


def _folded_weights(conv: keras.layers.Layer, norm: keras.layers.BatchNormalization) -> list[np.ndarray]:
    kernel, *bias = (np.asarray(weight, np.float64) for weight in conv.get_weights())
    mean, variance = (_exact(weight) for weight in (norm.moving_mean, norm.moving_variance))
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * _exact(norm.gamma)
    shift = ((bias[0] if bias else 0.0) - mean) * scale
    if norm.center:
        shift = shift + _exact(norm.beta)
    # A depthwise kernel is (h, w, channels, multiplier); its outputs are channels × multiplier.
    per_output = scale.reshape(kernel.shape[2:]) if isinstance(conv, keras.layers.DepthwiseConv2D) else scale
    return [(kernel * per_output).astype(np.float32), shift.astype(np.float32)]


def _exact(variable: keras.Variable) -> np.ndarray:
    # By Keras' own conversion: NumPy's does not know every backend's variables.
    return keras.ops.convert_to_numpy(variable).astype(np.float64)
