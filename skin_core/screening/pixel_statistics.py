"""Plain statistics of pixels, for the gate: what colours and textures a lesion photo has, without any network."""

from __future__ import annotations

import numpy as np

_CHUNK = 64


def pixel_statistics(images: np.ndarray) -> np.ndarray:
    """Statistics of each picture.

    Args:
        images: uint8 (N, S, S, 3), RGB.

    Returns:
        float64 (N, P): colour means and spreads, chroma, contrast of centre and border, gradients at four scales and
        their direction, flatness, clipping, and the entropy of the grey levels.
    """
    parts = [_of_some(images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)]
    return np.concatenate(parts)


def _of_some(images: np.ndarray) -> np.ndarray:
    values = images.astype(np.float32) / 255
    grey = values @ np.array([0.299, 0.587, 0.114], np.float32)
    red_green = values[..., 0] - values[..., 1]
    green_blue = values[..., 1] - values[..., 2]
    columns = []

    for channel in (values[..., 0], values[..., 1], values[..., 2], red_green, green_blue):
        flat = channel.reshape(len(channel), -1)
        columns += [flat.mean(axis=1), flat.std(axis=1)]
    for chroma in (red_green, green_blue):
        flat = chroma.reshape(len(chroma), -1)
        columns += [np.quantile(flat, 0.02, axis=1), np.quantile(flat, 0.98, axis=1)]

    columns.append(_middle(grey).mean(axis=(1, 2)) - grey.mean(axis=(1, 2)))
    columns.append(_middle(red_green).mean(axis=(1, 2)) - red_green.mean(axis=(1, 2)))

    scaled = grey
    for _ in range(4):
        across = np.abs(np.diff(scaled, axis=2)).mean(axis=(1, 2))
        down = np.abs(np.diff(scaled, axis=1)).mean(axis=(1, 2))
        columns.append(np.log(across + down + 1e-3))
        columns.append(np.log((across + 1e-3) / (down + 1e-3)))
        scaled = _halved(scaled)

    sharp = np.abs(np.diff(grey, axis=2))
    columns.append((sharp < 0.5 / 255).mean(axis=(1, 2)))
    columns.append((sharp > 0.25).mean(axis=(1, 2)))
    columns.append((values.max(axis=3) > 0.98).mean(axis=(1, 2)))
    columns.append((values.max(axis=3) < 0.05).mean(axis=(1, 2)))
    columns.append(_entropy(grey))
    return np.stack(columns, axis=1).astype(np.float64)


def _middle(plane: np.ndarray) -> np.ndarray:
    side = plane.shape[1]
    return plane[:, side // 4 : side - side // 4, side // 4 : side - side // 4]


def _halved(plane: np.ndarray) -> np.ndarray:
    side = plane.shape[1] // 2 * 2
    cut = plane[:, :side, :side]
    return (cut[:, ::2, ::2] + cut[:, 1::2, ::2] + cut[:, ::2, 1::2] + cut[:, 1::2, 1::2]) / 4


def _entropy(grey: np.ndarray) -> np.ndarray:
    levels = np.minimum((grey * 32).astype(int), 31)
    counts = np.stack([(levels == level).mean(axis=(1, 2)) for level in range(32)], axis=1)
    return -(counts * np.log(counts + 1e-12)).sum(axis=1)
