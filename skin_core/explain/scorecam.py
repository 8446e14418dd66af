"""Score-CAM (Wang et al. 2020), as Faster Score-CAM: on whatever runs the network. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# The network runs once for each channel that the picture is masked with: the ones that vary most over space.
CHANNELS = 64


def scorecam(
    spatial: np.ndarray, image: np.ndarray, column: int, probabilities: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The map of one class.

    Each channel of the last spatial map, enlarged and scaled to 0–1, masks the picture; the class's probability of what
    is left weighs the channel.

    Args:
        spatial: float32 (h, w, c).
        image: float32 (S, S, 3), 0–255.
        column: of the class.
        probabilities: pictures float32 (N, S, S, 3) → (N, C).

    Returns:
        float32 (h, w), not negative, not normalised.
    """
    spread = spatial.std(axis=(0, 1))
    chosen = np.argsort(-spread, kind="stable")[:CHANNELS]
    channels = spatial[..., chosen]
    masks = _enlarged(channels, image.shape[0])
    low, high = masks.min(axis=(0, 1)), masks.max(axis=(0, 1))
    masks = (masks - low) / (high - low + 1e-7)
    weights = probabilities(image * np.moveaxis(masks, -1, 0)[..., np.newaxis])[:, column]
    return np.maximum(channels @ weights.astype(np.float32), 0)


def _enlarged(channels: np.ndarray, size: int) -> np.ndarray:
    """Bilinear, (size, size, k) from (h, w, k), the corners on the corners."""
    for axis in (0, 1):
        place = np.linspace(0, channels.shape[axis] - 1, size, dtype=np.float32)
        low = np.minimum(place.astype(int), max(channels.shape[axis] - 2, 0))
        high = np.minimum(low + 1, channels.shape[axis] - 1)
        share = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        channels = channels.take(low, axis) * (1 - share) + channels.take(high, axis) * share
    return channels
