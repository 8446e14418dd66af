"""Regions over a picture that raise or lower a probability: two colours that every eye tells apart, and signed numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from skin_core.imaging.decode import map_to_original

# Okabe and Ito's vermillion raises, their blue lowers.
RAISES, LOWERS = (213, 94, 0), (0, 114, 178)
# Numbers that are written on the picture: the largest parts only, each at least half a point.
_MOST_NUMBERS = 6
_LEAST = 0.005
# A small picture is enlarged before numbers are written on it.
_LONGEST_SIDE = 900
_NUMBER_HEIGHT = 1 / 18


@dataclass(frozen=True)
class Part:
    """A region's part of a probability.

    Attributes:
        number: of the region. value: signed, in probability.
        place: where it lies, in words ("upper left", "middle").
    """

    number: int
    value: float
    place: str


def segments_in_picture(segments: np.ndarray, shape: tuple[int, int], crop: str) -> np.ndarray:
    """Regions of the network's square laid back onto the picture, int (H, W); -1 where the network did not see it.

    Args:
        segments: int (S, S). shape: (H, W) of the picture. crop: as the square was made.
    """
    side = len(segments)
    # Regions cannot be blended, places can.
    rows, columns = (map_to_original(plane.astype(np.float32), shape, crop, side) for plane in np.indices((side, side)))
    seen = ~np.isnan(rows)
    found = np.full(shape, -1)
    nearest = (np.clip(np.rint(plane[seen]), 0, side - 1).astype(int) for plane in (rows, columns))
    found[seen] = segments[tuple(nearest)]
    return found


def largest_parts(
    segments: np.ndarray, values: np.ndarray, clear: np.ndarray, *, most: int = _MOST_NUMBERS
) -> list[Part]:
    """The regions that weigh most, largest first, of those whose part is clear and at least half a point.

    Args:
        segments: int (S, S). values: float (R,). clear: bool (R,), told from 0.
        most: how many at most.
    """
    told = [int(number) for number in np.argsort(-np.abs(values), kind="stable") if clear[number]]
    told = [number for number in told if abs(values[number]) >= _LEAST][:most]
    return [Part(number, float(values[number]), _place(segments == number)) for number in told]


def signed_overlay(
    pixels: np.ndarray, segments: np.ndarray, values: np.ndarray, clear: np.ndarray, *, opacity: float = 0.5
) -> np.ndarray:
    """The picture with its regions tinted: vermillion raises, blue lowers, the more the denser; the largest parts as
    signed numbers in hundred. Regions whose part is not clear stay as they are.

    Args:
        pixels: uint8 (H, W, 3). segments: int (H, W), see `segments_in_picture`.
        values: float (R,), in probability. clear: bool (R,).
        opacity: of the largest part, 0 to 1.

    Returns:
        uint8 (h, w, 3), at least as large as the picture.
    """
    picture, segments = _enlarged(pixels, segments)
    shown = np.where(clear, values, 0.0)
    largest = max(float(np.abs(shown).max(initial=0)), _LEAST)
    seen = segments >= 0
    strength = np.where(seen, shown[segments] / largest, 0)[..., np.newaxis]
    tint = np.where(strength > 0, np.array(RAISES), np.array(LOWERS))
    weight = np.clip(opacity, 0, 1) * np.abs(strength)
    mixed = picture * (1 - weight) + tint * weight
    if opacity > 0:
        mixed[_borders(segments)] = 0.55 * mixed[_borders(segments)] + 0.45 * 255
    drawn = Image.fromarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))
    if opacity > 0:
        _write(drawn, segments, largest_parts(segments, values, clear))
    return np.asarray(drawn)


def _enlarged(pixels: np.ndarray, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = pixels.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    if scale <= 1:
        return pixels, segments
    size = round(width * scale), round(height * scale)
    picture = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    larger = Image.fromarray(segments.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    return picture, np.asarray(larger)


def _borders(segments: np.ndarray) -> np.ndarray:
    edge = np.zeros(segments.shape, dtype=bool)
    edge[1:] |= segments[1:] != segments[:-1]
    edge[:, 1:] |= segments[:, 1:] != segments[:, :-1]
    return edge


def _write(drawn: Image.Image, segments: np.ndarray, parts: list[Part]) -> None:
    font = ImageFont.load_default(size=max(12, round(_NUMBER_HEIGHT * max(segments.shape))))
    pen = ImageDraw.Draw(drawn)
    for part in parts:
        rows, columns = np.nonzero(segments == part.number)
        # The pixel of the region that is nearest to its middle: the middle of a crescent lies outside of it.
        nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        at = int(columns[nearest]), int(rows[nearest])
        word = f"{100 * part.value:+.0f}"
        pen.text(at, word, fill="white", font=font, anchor="mm", stroke_width=2, stroke_fill="black")


def _place(inside: np.ndarray) -> str:
    rows, columns = np.nonzero(inside)
    down, across = (rows.mean() + 0.5) / inside.shape[0], (columns.mean() + 0.5) / inside.shape[1]
    vertical = ("upper", "", "lower")[min(2, int(3 * down))]
    horizontal = ("left", "", "right")[min(2, int(3 * across))]
    words = " ".join(part for part in (vertical, horizontal) if part)
    if vertical and horizontal:
        return words
    return f"{words} middle".strip()
