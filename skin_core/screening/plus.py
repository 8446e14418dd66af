"""Grad-CAM++ (Chattopadhay et al. 2018) from the parts that a screening graph gives. No TensorFlow."""

from __future__ import annotations

import numpy as np


def gradcam_plus(spatial: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The map of one class.

    With A the last spatial map and g the derivative of the class's logit by it, equation 19 gives
    ``relu(Σ_k w_k A_k)`` with ``w_k = Σ α_k relu(g_k)``, where α_k = 1 / (2 + g_k Σ A_k), 0 where g_k is 0, divided by
    its own sum over space. The score that is derived is exp(logit), so the second and third derivatives are powers of
    the first, and its value scales the whole map; it is left out, since it would only overflow.

    Args:
        spatial: A, float32 (h, w, c).
        gradient: g, float32 (h·w, c) or (h, w, c).

    Returns:
        float32 (h, w), not negative, not normalised.
    """
    area = spatial.reshape(-1, spatial.shape[-1])
    gradient = gradient.reshape(area.shape)
    denominator = 2 + gradient * area.sum(axis=0)
    alpha = np.divide(gradient != 0, denominator, out=np.zeros_like(gradient), where=denominator != 0)
    total = alpha.sum(axis=0)
    weighted = (alpha * np.maximum(gradient, 0)).sum(axis=0)
    weights = np.divide(weighted, total, out=np.zeros_like(total), where=total != 0)
    return np.maximum(area @ weights, 0).reshape(spatial.shape[:2])


def through_dense(by_unit: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A gradient by the flattened map from one by the units of the dense layer after it.

    Args:
        by_unit: float32 (u,), by the units before their activation.
        kernel: (u, h·w·c), the dense layer's kernel transposed, in the numbers that the file keeps.

    Returns:
        float32 (h·w·c,).
    """
    gradient = np.zeros(kernel.shape[1], np.float32)
    part = np.empty_like(gradient)
    # Row by row, as fast as one product: reading the kernel is what takes time. BLAS would start threads for it, which
    # on a busy machine wait for each other far longer than they multiply. Units that the activation cut off carry
    # nothing; in a trained network that is about half of them.
    for unit in np.flatnonzero(by_unit):
        gradient += np.multiply(kernel[unit], np.float32(by_unit[unit]), out=part)
    return gradient
