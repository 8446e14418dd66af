"""Heat maps over pictures: inverse geometry of the crop, and a colour map that also works for the colour-blind."""

from __future__ import annotations

import numpy as np

from skin_core.errors import BundleError
from skin_core.imaging.decode import map_to_original
from skin_core.screening.screen import Prediction

# 17 evenly spaced knots of cividis (Nuñez, Anderton and Renslow 2018), linear between them: no matplotlib is loaded for
# colours that differ from the original by at most 11/255, at the dark end only.
_CIVIDIS = np.array(
    [
        (0, 34, 78),
        (0, 46, 106),
        (26, 56, 111),
        (50, 67, 109),
        (67, 78, 108),
        (83, 90, 109),
        (97, 101, 111),
        (111, 112, 115),
        (125, 124, 120),
        (139, 135, 120),
        (154, 147, 118),
        (170, 160, 115),
        (187, 173, 109),
        (204, 186, 100),
        (221, 200, 88),
        (239, 215, 72),
        (254, 232, 56),
    ],
    dtype=np.float64,
)


def heatmap(prediction: Prediction, class_name: str) -> np.ndarray:
    """Grad-CAM of a class in the geometry of the picture.

    Returns:
        float32 (H, W), 0–1 (the map's own maximum is 1; all 0 where nothing speaks for the class); NaN where the
        crop policy hid the pixel from the model.

    Raises:
        BundleError: if the picture was refused, or the bundle has no such class.
    """
    if not prediction.in_distribution:
        raise BundleError("A refused picture has no heat map; screen a picture of a lesion.")
    if class_name not in prediction.classes:
        raise BundleError(f"There is no class '{class_name}'; the classes are {', '.join(prediction.classes)}.")
    raw = prediction.maps[prediction.classes.index(class_name)]
    return in_picture(raw, prediction.pixels.shape[:2], prediction.crop)


def in_picture(raw: np.ndarray, shape: tuple[int, int], crop: str) -> np.ndarray:
    """A raw map (h, w) as a heat map of a picture of ``shape``: see `heatmap`; -1 to 1 for a signed one."""
    peak = float(np.abs(raw).max())
    scaled = raw / peak if peak > 0 else np.zeros_like(raw)
    return map_to_original(scaled.astype(np.float32), shape, crop).astype(np.float32)


def overlay(pixels: np.ndarray, heat: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """Blends a heat map over a picture.

    Args:
        pixels: uint8 (H, W, 3).
        heat: float (H, W), 0–1; NaN leaves the picture as it is.
        opacity: 0 shows the picture, 1 the map.

    Returns:
        uint8 (H, W, 3).
    """
    seen = ~np.isnan(heat)
    weight = (np.clip(opacity, 0, 1) * seen)[..., np.newaxis].astype(np.float32)
    mixed = pixels * (1 - weight) + colored(np.where(seen, heat, 0)) * weight
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def colored(heat: np.ndarray) -> np.ndarray:
    """Cividis colours, float32 (..., 3) in 0–255, of values in 0–1."""
    position = np.clip(heat, 0, 1) * (len(_CIVIDIS) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(_CIVIDIS) - 1)
    share = (position - low)[..., np.newaxis]
    return (_CIVIDIS[low] * (1 - share) + _CIVIDIS[high] * share).astype(np.float32)
