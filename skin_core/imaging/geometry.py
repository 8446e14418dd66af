"""How a picture becomes square, and how a map over the square goes back onto the picture.

Both directions read the same `_content` box, so an overlay lies where the model looked.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from PIL import Image

from skin_core.imaging.color_constancy import ColorConstancy, in_white_light

CropPolicy = Literal["squash", "crop", "pad"]


def fit(pixels: np.ndarray, size: int, crop: CropPolicy, constancy: ColorConstancy = "none") -> np.ndarray:
    """Makes a picture square, as a network takes it.

    Args:
        pixels: uint8 (H, W, 3).
        size: side of the result in pixels.
        crop: ``squash`` gives up the aspect ratio and keeps every pixel; ``crop`` takes the centre square;
            ``pad`` keeps both and fills the rest with black (as the rim of a dermatoscope is).
        constancy: of color, on the square; see `in_white_light`.

    Returns:
        uint8 (size, size, 3), antialiased: Pillow's bilinear filter, whose support grows when it shrinks.

    Raises:
        ValueError: for an unknown policy, a size below 1, or pixels of another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must be uint8 (H, W, 3); got {pixels.dtype} {pixels.shape}")
    return fitted(Image.fromarray(pixels), size, crop, constancy)


def fitted(picture: Image.Image, size: int, crop: CropPolicy, constancy: ColorConstancy = "none") -> np.ndarray:
    """As `fit`, of a picture as Pillow holds it, in mode RGB: two copies of the pixels less.

    Raises:
        ValueError: for an unknown policy or method, or a size below 1.
    """
    _check(crop)
    if size < 1:
        raise ValueError(f"size must be at least 1; got {size}")
    return in_white_light(_squared(picture, size, crop), constancy)


def _squared(picture: Image.Image, size: int, crop: CropPolicy) -> np.ndarray:
    width, height = picture.size
    if crop == "crop":
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        return _array(picture.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)))
    if crop == "squash":
        return _array(picture.resize((size, size), Image.Resampling.BILINEAR))
    left, top, right, bottom = _content(height, width, size)
    canvas = np.zeros((size, size, 3), np.uint8)
    canvas[top:bottom, left:right] = _array(picture.resize((right - left, bottom - top), Image.Resampling.BILINEAR))
    return canvas


def map_to_original(heat: np.ndarray, shape: tuple[int, int], crop: CropPolicy, size: int | None = None) -> np.ndarray:
    """Lays a map over the model's square input back onto the picture: the inverse of `fit`.

    Args:
        heat: float (h, w) over the square; any resolution, coarser than the input as a rule.
        shape: (H, W) of the picture.
        crop: the policy that `fit` was called with.
        size: the side that `fit` was called with; matters for ``pad`` only, where it fixes the rounding of the
            bars. None takes exact proportions.

    Returns:
        float32 (H, W), bilinear between the cells' centres; NaN where the model did not see the pixel
        (outside the centre square of ``crop``).

    Raises:
        ValueError: for an unknown policy or a map that is not two-dimensional.
    """
    _check(crop)
    heat = np.ascontiguousarray(heat, np.float32)
    if heat.ndim != 2:
        raise ValueError(f"heat must be (h, w); got {heat.shape}")
    height, width = shape
    source = Image.fromarray(heat)
    if crop == "squash":
        return _array(source.resize((width, height), Image.Resampling.BILINEAR))
    if crop == "crop":
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        result = np.full((height, width), np.nan, np.float32)
        result[top : top + side, left : left + side] = _array(source.resize((side, side), Image.Resampling.BILINEAR))
        return result
    if size is None:
        side = max(height, width)
        x, y = (1 - width / side) / 2, (1 - height / side) / 2
        shares = (x, y, 1 - x, 1 - y)
    else:
        shares = tuple(edge / size for edge in _content(height, width, size))
    rows, columns = heat.shape
    box = (shares[0] * columns, shares[1] * rows, shares[2] * columns, shares[3] * rows)
    return _array(source.resize((width, height), Image.Resampling.BILINEAR, box=box))


def _content(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the picture inside the padded square; at least one pixel each way."""
    longest = max(height, width)
    across, down = max(1, round(width * size / longest)), max(1, round(height * size / longest))
    left, top = (size - across) // 2, (size - down) // 2
    return left, top, left + across, top + down


def _check(crop: str) -> None:
    if crop not in get_args(CropPolicy):
        raise ValueError(f"crop must be one of {', '.join(get_args(CropPolicy))}; got {crop!r}")


def _array(picture: Image.Image) -> np.ndarray:
    return np.array(picture)
