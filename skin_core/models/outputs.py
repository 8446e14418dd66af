"""What a network's output means: one column a class, whatever its head was."""

from __future__ import annotations

import numpy as np


def class_probabilities(raw: np.ndarray, n_classes: int) -> np.ndarray:
    """Turns a network's output into one probability a class.

    Args:
        raw: (N, C) of a softmax head, or (N, 1) or (N,) of a sigmoid head: P(second class).
        n_classes: C.

    Returns:
        float64 (N, C), in the order of the sorted classes, rows sum to 1.

    Raises:
        ValueError: if the width fits neither head.
    """
    values = np.asarray(raw, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim == 2 and values.shape[1] == 1 and n_classes == 2:
        return np.concatenate([1.0 - values, values], axis=1)
    if values.ndim != 2 or values.shape[1] != n_classes:
        raise ValueError(f"expected outputs of shape (N, {n_classes}); got {np.shape(raw)}")
    # float32 rows miss 1 by some 1e-7; what is logged and compared later should not.
    return values / values.sum(axis=1, keepdims=True)
