"""Sums over groups of images in many resamples at once: what nearly every figure is made of.

A sparse matrix that says which image adds to what costs one pass over the weights, where a dense one of zeros and ones
costs as many as there are groups.
"""

from __future__ import annotations

import numpy as np


def sums(weights: np.ndarray, place: np.ndarray, n: int, values: np.ndarray | None = None) -> np.ndarray:
    """Sums of the weights, or of weight times value, over the images of each group.

    Args:
        weights: float (B, N); quick where ``weights.T`` is contiguous, as `bootstrap.draws` gives them.
        place: int (N,), the group of each image, 0 to n - 1; -1 for none.
        n: groups.
        values: float (N,), or None for ones.

    Returns:
        float (n, B).
    """
    from scipy.sparse import csr_array

    images = np.argsort(place, kind="stable")
    images = images[np.searchsorted(place[images], 0) :]
    ends = np.searchsorted(place[images], np.arange(n + 1))
    adds = np.ones(len(images)) if values is None else np.asarray(values, dtype=np.float64)[images]
    return csr_array((adds, images, ends), shape=(n, len(place))) @ np.ascontiguousarray(weights.T)


def of_images(weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The weights of some images, (B, K), in the layout that `sums` is quick with.

    Args:
        weights: float (B, N). chosen: bool (N,).
    """
    return weights if chosen.all() else weights.T[chosen].T
