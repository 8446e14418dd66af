"""The skin's tone in a picture, estimated: the individual typology angle of what looks like lesion-free skin.

ITA = atan((L* - 50) / b*) · 180 / π (Chardon, Cretois and Hourseau 1991, doi:10.1111/j.1467-2494.1991.tb00561.x), read
from pictures as Kinyanjui et al. 2020 (doi:10.1007/978-3-030-59725-2_31) do. Light, white balance and the camera's own
processing move it by some ten degrees, so it is an estimate, for comparing groups of pictures and never for a person.
Many dermatoscopes turn skin pink: where b* is lower than any skin's, the angle would say "very light" of everybody, so
there is no estimate then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

# Name, and the angle in degrees above which it holds; Chardon's, as Del Bino and Bernerd 2013 (doi:10.1111/bjd.12529).
BANDS = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -90.0),
)
_LONGER_SIDE = 160
_BLOCK = 8
# Lesions are centred: blocks within this part of the half axes are not looked at.
_CENTRE = 0.7
# Darker than any skin that is lit: the rim of a dermatoscope, a ruler's marks.
_RIM_LIGHTNESS = 10.0
_RIM_SHARE = 0.1
# Skin of one person in one light; a block further from the reference is lesion, hair or shadow.
_ALIKE = 12.0
_FEWEST_BLOCKS = 6
# Measured skin has a b* of some 5 to 25; below this it is the picture's colour cast that is seen.
_LEAST_YELLOW = 2.0

# sRGB to XYZ and the white of D65, IEC 61966-2-1.
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


@dataclass(frozen=True)
class SkinTone:
    """An estimate from one picture.

    Attributes:
        ita: individual typology angle in degrees, higher is lighter; NaN where too little skin was found, or a colour
            cast hides its tone.
        band: one of `BANDS`, or None.
        share: part of the picture that it was read from, 0 to 1.
    """

    ita: float
    band: str | None
    share: float


def estimated_skin_tone(pixels: np.ndarray) -> SkinTone:
    """Estimates the skin's tone around a lesion.

    The picture is cut into blocks of a twentieth of its longer side. Those around the centre (the lesion) and those
    with black in them (rim, ruler) are left out. Skin is lighter than what lies on it, so the lighter quarter of the
    rest is the reference, and what differs from it (lesion, hair, shadow) is left out, too.

    Args:
        pixels: uint8 (H, W, 3) RGB.
    """
    height, width = pixels.shape[:2]
    scale = _LONGER_SIDE / max(height, width)
    size = max(_BLOCK, round(width * scale)), max(_BLOCK, round(height * scale))
    lab = cielab(np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)))
    rows, columns = lab.shape[0] // _BLOCK, lab.shape[1] // _BLOCK
    blocks = lab[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK, 3)
    blocks = blocks.transpose(0, 2, 1, 3, 4).reshape(rows, columns, -1, 3)
    clear = (blocks[..., 0] < _RIM_LIGHTNESS).mean(axis=2) <= _RIM_SHARE
    tones = np.median(blocks, axis=2)[_around(rows, columns) & clear]
    if len(tones) < _FEWEST_BLOCKS:
        return SkinTone(float("nan"), None, 0.0)
    light = tones[tones[:, 0] >= np.quantile(tones[:, 0], 0.75)]
    alike = tones[np.linalg.norm(tones - np.median(light, axis=0), axis=1) <= _ALIKE]
    if len(alike) < _FEWEST_BLOCKS:
        return SkinTone(float("nan"), None, 0.0)
    lightness, _, yellow = np.median(alike, axis=0)
    if yellow < _LEAST_YELLOW:
        return SkinTone(float("nan"), None, 0.0)
    angle = typology_angle(float(lightness), float(yellow))
    return SkinTone(angle, band_of(angle), len(alike) / (rows * columns))


def typology_angle(lightness: float, yellow: float) -> float:
    """ITA in degrees, -90 to 90, from L* and b*; a b* below 0 counts as 0."""
    return float(np.degrees(np.arctan2(lightness - 50, max(yellow, 0.0))))


def band_of(ita: float) -> str | None:
    """Chardon's word for an angle; None for NaN."""
    return next((name for name, above in BANDS if ita > above), BANDS[-1][0] if ita <= BANDS[-1][1] else None)


def cielab(pixels: np.ndarray) -> np.ndarray:
    """CIELAB under D65, 2° observer.

    Args:
        pixels: uint8 (..., 3), sRGB.

    Returns:
        float64 (..., 3): L* 0 to 100, a*, b*.
    """
    values = np.asarray(pixels, dtype=np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    small = xyz <= (6 / 29) ** 3
    f = np.where(small, xyz * (29 / 6) ** 2 / 3 + 4 / 29, np.cbrt(xyz))
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def _around(rows: int, columns: int) -> np.ndarray:
    """Blocks outside the central ellipse, bool (rows, columns)."""
    down = (np.arange(rows) + 0.5) / rows * 2 - 1
    across = (np.arange(columns) + 0.5) / columns * 2 - 1
    return np.hypot(down[:, np.newaxis], across[np.newaxis]) > _CENTRE
