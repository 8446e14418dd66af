"""Smooth random fields that look the same from every view of a lesion."""

from __future__ import annotations

from functools import cache

import numpy as np

_BUMPS = 32
_FINE = 32
_SIDE = _BUMPS * _FINE


class Field:
    """Value noise that belongs to a lesion, so that a shifted or turned view shows the same texture.

    All lesions share one tile of noise and look at it from places of their own: interpolating for each lesion anew
    would be most of the time that a picture takes.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._offset = rng.uniform(0, _BUMPS, 2)
        self._tile = _tile()[:: rng.choice((1, -1)), :: rng.choice((1, -1))]

    def at(self, u: np.ndarray, v: np.ndarray, frequency: float, octaves: int = 1) -> np.ndarray:
        """Values at points.

        Args:
            u, v: float32 (H, W), in units of half the picture's shorter side.
            frequency: bumps a unit.
            octaves: how many times finer detail of half the height is added.

        Returns:
            float32 (H, W), about 0 to 1, mean about 0.5.
        """
        total = np.zeros_like(u)
        weight = 0.0
        for octave in range(octaves):
            share = 0.5**octave
            across, down = self._offset + octave * np.array([17, 11])
            scale = frequency * 2**octave * _FINE
            i = (u * np.float32(scale) + np.float32(across * _FINE)).astype(np.int32) & (_SIDE - 1)
            j = (v * np.float32(scale) + np.float32(down * _FINE)).astype(np.int32) & (_SIDE - 1)
            total += np.float32(share) * self._tile[j, i]
            weight += share
        return total / np.float32(weight)


@cache
def _tile() -> np.ndarray:
    """Periodic value noise: float32 (1024, 1024) of 32 x 32 smooth bumps."""
    bumps = np.random.default_rng(20240).random((_BUMPS, _BUMPS), dtype=np.float32)
    t = np.arange(_FINE, dtype=np.float32) / _FINE
    t = t * t * (3 - 2 * t)
    down = bumps[:, None, :] * (1 - t)[None, :, None] + np.roll(bumps, -1, axis=0)[:, None, :] * t[None, :, None]
    down = down.reshape(_SIDE, _BUMPS)
    across = down[:, :, None] * (1 - t) + np.roll(down, -1, axis=1)[:, :, None] * t
    tile = across.reshape(_SIDE, _SIDE)
    tile.flags.writeable = False
    return tile


def step(values: np.ndarray, edge: float, width: float) -> np.ndarray:
    """0 below an edge, 1 above it, smooth over ``width``."""
    t = np.clip((values - edge) / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)
