"""One photograph: skin of a tone, a lesion on it, seen from a view, with hair, ruler and lens as they come."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from skin_core.data.synthesis.lesion import KINDS, Canvas
from skin_core.data.synthesis.noise import Field, step

# Fitzpatrick I to VI under a dermatoscope, RGB.
SKIN_TONES = ((246, 216, 200), (236, 194, 172), (220, 168, 138), (186, 132, 98), (138, 92, 66), (92, 60, 46))


@dataclass(frozen=True)
class Shot:
    """All that a photograph depends on; the same shot gives the same pixels everywhere.

    Attributes:
        kind: a key of `lesion.KINDS`.
        tone: Fitzpatrick type, 1 to 6.
        lesion_seed: the lesion's own features.
        view_seed: angle, distance, light, hair.
        width, height: pixels.
        dermoscopic: False is a plain tile without ruler and lens (total body photography).
    """

    kind: str
    tone: int
    lesion_seed: int
    view_seed: int
    width: int
    height: int
    dermoscopic: bool = True


@dataclass(frozen=True)
class Photograph:
    """Pixels, and where the lesion is in them.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        cover: float32 (H, W), 1 inside the lesion, 0 outside.
    """

    pixels: np.ndarray
    cover: np.ndarray


def photograph(shot: Shot) -> Photograph:
    """Draws a shot."""
    lesion, view = np.random.default_rng(shot.lesion_seed), np.random.default_rng(shot.view_seed)
    u, v = _frame(shot, view)
    field = Field(lesion)
    fair, tone = np.float32(SKIN_TONES[0]), np.float32(SKIN_TONES[shot.tone - 1])
    tone = tone * lesion.uniform(0.95, 1.04)
    skin = np.broadcast_to(tone, (*u.shape, 3)).copy()
    skin *= (0.94 + 0.12 * field.at(u + 5, v + 5, 1.2, 3))[..., None]
    pores = step(field.at(u - 7, v, 14), 0.78, 0.2)
    skin *= (1 - 0.07 * pores)[..., None]
    shade = 0.25 + 0.75 * tone / fair
    canvas = Canvas(u, v, skin, shade, lesion, field, np.zeros_like(u))
    KINDS[shot.kind](canvas)
    rgb = canvas.rgb
    # None of what follows depends on the diagnosis, so that no network can take it for a sign.
    if view.random() < 0.4:
        _hair(rgb, view, int(view.integers(3, 14)))
    if shot.dermoscopic and view.random() < 0.25:
        _ruler(rgb, view)
    _light(rgb, view)
    if shot.dermoscopic and view.random() < 0.3:
        _lens(rgb, view)
    rgb += 1.5 * view.standard_normal(rgb.shape, dtype=np.float32)
    return Photograph(np.clip(np.rint(rgb), 0, 255).astype(np.uint8), canvas.cover)


def as_jpeg(pixels: np.ndarray, quality: int = 90, comment: bytes | None = None) -> bytes:
    """Encodes pixels; a comment changes the file's bytes and not its pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, **({"comment": comment} if comment else {}))
    return out.getvalue()


def near_duplicate(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same photograph as another set would have it: a little cropped and smaller, uint8 (h, w, 3)."""
    height, width = pixels.shape[:2]
    left, top = int(width * rng.uniform(0.01, 0.04)), int(height * rng.uniform(0.01, 0.04))
    cut = Image.fromarray(pixels).crop((left, top, width - left, height - top))
    return np.asarray(cut.resize((int(width * 0.8), int(height * 0.8)), Image.Resampling.BILINEAR))


def _frame(shot: Shot, view: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The lesion's coordinates of each pixel: views of one lesion differ by a small turn, distance and shift."""
    half = min(shot.width, shot.height) / 2
    x = (np.arange(shot.width, dtype=np.float32) + 0.5 - shot.width / 2) / half
    y = (np.arange(shot.height, dtype=np.float32) + 0.5 - shot.height / 2) / half
    turn, scale = view.uniform(-0.35, 0.35), view.uniform(0.88, 1.14)
    dx, dy = view.uniform(-0.12, 0.12, 2)
    x, y = (x - dx) / scale, (y - dy) / scale
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u = cos * x[None, :] + sin * y[:, None]
    v = cos * y[:, None] - sin * x[None, :]
    return u.astype(np.float32), v.astype(np.float32)


def _hair(rgb: np.ndarray, view: np.random.Generator, count: int) -> None:
    height, width = rgb.shape[:2]
    large = 3
    mask = Image.new("L", (width * large, height * large))
    pen = ImageDraw.Draw(mask)
    steps = np.linspace(0, 1, 24)[:, None]
    along = view.uniform(0, np.pi)
    for _ in range(count):
        middle = view.uniform(0, 1, 2) * (width, height) * large
        angle, length = along + view.normal(0, 0.5), view.uniform(0.4, 1.1) * width * large / 2
        reach = np.array([np.cos(angle), np.sin(angle)]) * length
        bend = np.array([-reach[1], reach[0]]) * view.normal(0, 0.3)
        curve = (
            (1 - steps) ** 2 * (middle - reach)
            + 2 * steps * (1 - steps) * (middle + bend)
            + steps**2 * (middle + reach)
        )
        pen.line([tuple(point) for point in curve], fill=255, width=int(view.integers(2, 6)))
    alpha = np.asarray(mask.reduce(large), dtype=np.float32)[..., None] / 255
    color = np.float32([(28, 20, 18), (66, 42, 26), (150, 116, 70)][view.integers(3)])
    rgb += alpha * 0.85 * (color - rgb)


def _ruler(rgb: np.ndarray, view: np.random.Generator) -> None:
    height, width = rgb.shape[:2]
    apart = int(view.integers(6, 11))
    bottom = view.random() < 0.5
    for place, x in enumerate(range(int(view.integers(2, 12)), width - 1, apart)):
        length = height // 8 if place % 5 == 0 else height // 14
        rows = slice(height - length, height) if bottom else slice(0, length)
        rgb[rows, x] = rgb[rows, x] * 0.25 + 10


def _light(rgb: np.ndarray, view: np.random.Generator) -> None:
    height, width = rgb.shape[:2]
    slope = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * view.normal(0, 0.04)
    slope = slope + np.linspace(-1, 1, height, dtype=np.float32)[:, None] * view.normal(0, 0.04)
    rgb *= (view.uniform(0.92, 1.06) * (1 + slope))[..., None].astype(np.float32)
    rgb *= view.normal(1, 0.02, 3).astype(np.float32)


def _lens(rgb: np.ndarray, view: np.random.Generator) -> None:
    height, width = rgb.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * (height / width)
    away = np.hypot(x, y)
    rgb *= step(view.uniform(0.95, 1.1) - away, 0, 0.12)[..., None]
