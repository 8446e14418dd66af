"""Pictures as a page shows and hands them out: always encoded anew from pixels, so no metadata travels along."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

# Streamlit draws no picture wider than this; what is larger is kept and blended at this size.
LONGEST_SIDE = 1460


def for_display(pixels: np.ndarray) -> np.ndarray:
    """A picture of at most `LONGEST_SIDE` pixels a side.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        uint8 (h, w, 3) of the same shape of outline; the same array where it is small enough.
    """
    height, width = pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=3.0))


def as_png(pixels: np.ndarray) -> bytes:
    """The bytes of a PNG file, made from pixels alone."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
