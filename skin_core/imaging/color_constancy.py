"""Color constancy: pictures as they would look in white light, whatever lamp and white balance they were taken with."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

ColorConstancy = Literal["none", "shades_of_grey"]

# Between grey world (1) and the brightest patch (infinity); the authors found 6 to serve best.
MINKOWSKI_NORM = 6


def in_white_light(square: np.ndarray, constancy: ColorConstancy) -> np.ndarray:
    """Applies a method to what a network is about to look at.

    The light is estimated from the square, after the resize: what the crop hides has no say, and black bars of ``pad`` add
    nothing to any channel's norm.

    Args:
        square: uint8 (S, S, 3), RGB; not changed.
        constancy: ``none`` gives it back as it is; ``shades_of_grey``: see there.

    Returns:
        uint8 (S, S, 3).

    Raises:
        ValueError: for an unknown method.
    """
    if constancy not in get_args(ColorConstancy):
        raise ValueError(f"color constancy must be one of {', '.join(get_args(ColorConstancy))}; got {constancy!r}")
    return shades_of_grey(square) if constancy == "shades_of_grey" else square


def shades_of_grey(pixels: np.ndarray, norm: float = MINKOWSKI_NORM) -> np.ndarray:
    """Shades of grey (Finlayson and Trezzi 2004, "Shades of gray and colour constancy").

    The light's color is each channel's Minkowski norm, ``e_c = (mean of I_c^p)^(1/p)``. Each channel is divided by what
    the light has of it beyond white, ``e_c √3 / |e|``, so that white light changes nothing (as Barata et al. 2015 do with
    dermoscopic images). On the 8-bit values as they are: without a gamma correction, since the camera's is not known.

    Args:
        pixels: uint8 (H, W, 3), RGB; not changed.
        norm: p, at least 1; 1 is grey world.

    Returns:
        uint8 (H, W, 3), rounded and cut at 255. A channel without any light stays black.
    """
    values = np.arange(256, dtype=np.float64)
    # Of at most 256 values each: a table of powers and counts is exact, and quicker than a power of each pixel.
    counts = np.stack([np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)])
    total = counts[0].sum()
    if not total:
        return pixels
    light = 255 * (counts @ (values / 255) ** norm / total) ** (1 / norm)
    strength = np.sqrt((light**2).sum() / 3)
    gain = np.divide(strength, light, out=np.ones(3), where=light > 0)
    table = np.clip(np.round(values * gain[:, None]), 0, 255).astype(np.uint8)
    return np.stack([table[channel][pixels[..., channel]] for channel in range(3)], axis=-1)
