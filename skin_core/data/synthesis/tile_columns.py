"""The columns of ISIC 2024's csv files, and those of them that can be measured on a drawn tile."""

from __future__ import annotations

import numpy as np

from skin_core.data.synthesis.picture import Photograph

_SHARED = [
    "isic_id",
    "patient_id",
    "age_approx",
    "sex",
    "anatom_site_general",
    "clin_size_long_diam_mm",
    "image_type",
    "tbp_tile_type",
    "tbp_lv_A",
    "tbp_lv_Aext",
    "tbp_lv_B",
    "tbp_lv_Bext",
    "tbp_lv_C",
    "tbp_lv_Cext",
    "tbp_lv_H",
    "tbp_lv_Hext",
    "tbp_lv_L",
    "tbp_lv_Lext",
    "tbp_lv_areaMM2",
    "tbp_lv_area_perim_ratio",
    "tbp_lv_color_std_mean",
    "tbp_lv_deltaA",
    "tbp_lv_deltaB",
    "tbp_lv_deltaL",
    "tbp_lv_deltaLB",
    "tbp_lv_deltaLBnorm",
    "tbp_lv_eccentricity",
    "tbp_lv_location",
    "tbp_lv_location_simple",
    "tbp_lv_minorAxisMM",
    "tbp_lv_nevi_confidence",
    "tbp_lv_norm_border",
    "tbp_lv_norm_color",
    "tbp_lv_perimeterMM",
    "tbp_lv_radial_color_std_max",
    "tbp_lv_stdL",
    "tbp_lv_stdLExt",
    "tbp_lv_symm_2axis",
    "tbp_lv_symm_2axis_angle",
    "tbp_lv_x",
    "tbp_lv_y",
    "tbp_lv_z",
    "attribution",
    "copyright_license",
]
_ANSWERS = [
    "lesion_id",
    "iddx_full",
    "iddx_1",
    "iddx_2",
    "iddx_3",
    "iddx_4",
    "iddx_5",
    "mel_mitotic_index",
    "mel_thick_mm",
    "tbp_lv_dnn_lesion_confidence",
]

TEST_COLUMNS = tuple(_SHARED)
TRAIN_COLUMNS = (_SHARED[0], "target", *_SHARED[1:], *_ANSWERS)

_TILE_MM = 15.0


def measured(photo: Photograph) -> dict[str, str]:
    """Size, colour and contrast of the drawn lesion in CIE L*a*b* and millimetres (a tile is 15 mm wide).

    Columns that would have to be invented (position on the body, confidences) are left empty.
    """
    inside = photo.cover > 0.5
    lab = _lab(photo.pixels)
    lesion, skin = lab[inside], lab[~inside]
    mm = _TILE_MM / inside.shape[1]
    y, x = np.nonzero(inside)
    spread = np.sort(np.linalg.eigvalsh(np.cov(np.stack([x, y])))) if len(x) > 2 else np.zeros(2)
    minor, major = 4 * np.sqrt(np.maximum(spread, 1e-9)) * mm
    area = inside.sum() * mm**2
    perimeter = (
        np.abs(np.diff(inside.astype(np.int8), axis=0)).sum() + np.abs(np.diff(inside.astype(np.int8), axis=1)).sum()
    ) * mm
    center, around = lesion.mean(axis=0), skin.mean(axis=0)
    delta = center - around
    values = {
        "clin_size_long_diam_mm": major,
        "tbp_lv_minorAxisMM": minor,
        "tbp_lv_areaMM2": area,
        "tbp_lv_perimeterMM": perimeter,
        "tbp_lv_area_perim_ratio": perimeter**2 / area,
        "tbp_lv_eccentricity": np.sqrt(max(0.0, 1 - (minor / major) ** 2)),
        "tbp_lv_L": center[0],
        "tbp_lv_A": center[1],
        "tbp_lv_B": center[2],
        "tbp_lv_C": np.hypot(center[1], center[2]),
        "tbp_lv_H": np.degrees(np.arctan2(center[2], center[1])),
        "tbp_lv_Lext": around[0],
        "tbp_lv_Aext": around[1],
        "tbp_lv_Bext": around[2],
        "tbp_lv_Cext": np.hypot(around[1], around[2]),
        "tbp_lv_Hext": np.degrees(np.arctan2(around[2], around[1])),
        "tbp_lv_deltaL": delta[0],
        "tbp_lv_deltaA": delta[1],
        "tbp_lv_deltaB": delta[2],
        "tbp_lv_deltaLB": np.hypot(delta[0], delta[2]),
        "tbp_lv_stdL": lesion[:, 0].std(),
        "tbp_lv_stdLExt": skin[:, 0].std(),
    }
    return {name: f"{value:.6g}" for name, value in values.items()}


def _lab(pixels: np.ndarray) -> np.ndarray:
    """sRGB uint8 (H, W, 3) to CIE L*a*b* under D65, float64 (H, W, 3)."""
    share = pixels / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / (0.95047, 1.0, 1.08883)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
