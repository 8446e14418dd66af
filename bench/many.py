"""Sets of any size, made cheaply of a few drawn lesions: blends of two of them in random crops, with planted twins."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from bench.images import drawn_set
from skin_core.paths import workspace

# HAM10000 as it is published in small.
_SIZE = (200, 150)
# Every so many pictures, one is a changed copy of the picture before it.
TWIN_EVERY = 50
_CHUNK = 500


def blended_set(n: int, *, bases: int, size: tuple[int, int] = _SIZE) -> Path:
    """A folder with ``n`` JPEG files of ``size`` (width, height) in two classes, made once in the bench's workspace.

    Each is two of the drawn lesions, cropped, turned and laid over each other; one in `TWIN_EVERY` is its predecessor
    at another size and compression, mirrored, or cropped to nine tenths of the side.
    """
    place = workspace() / (f"blended-{n}" if size == _SIZE else f"blended-{n}-{size[0]}x{size[1]}")
    if place.is_dir():
        return place
    drawn = [_opened(path) for path in sorted(drawn_set("folder", bases).rglob("*.jpg"))]
    making = place.with_name(f".making-{place.name}")
    for label in ("benign", "malignant"):
        (making / label).mkdir(parents=True, exist_ok=True)

    def write(start: int) -> None:
        before = None
        for number in range(start, min(start + _CHUNK, n)):
            before, content = _picture(drawn, number, before, size)
            label = "malignant" if (number // TWIN_EVERY) % 5 == 0 else "benign"
            (making / label / f"{number:06d}.jpg").write_bytes(content)

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        list(threads.map(write, range(0, n, _CHUNK)))
    os.replace(making, place)
    return place


def planted(number: int) -> bool:
    """Whether a picture is its predecessor's twin."""
    return number % TWIN_EVERY == TWIN_EVERY - 1


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB").resize((300, 300))


def _picture(
    drawn: list[Image.Image], number: int, before: Image.Image | None, size: tuple[int, int]
) -> tuple[Image.Image, bytes]:
    rng = np.random.default_rng((number, 7))
    quality = 90
    if planted(number) and before is not None:
        picture, quality = _copy(before, number // TWIN_EVERY % 3), 75
    else:
        one, other = (_part(drawn[rng.integers(len(drawn))], rng, size) for _ in range(2))
        picture = Image.blend(one, other, float(rng.uniform(0.3, 0.7)))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return picture, stream.getvalue()


def _part(lesion: Image.Image, rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    side = rng.uniform(0.45, 0.9) * lesion.width
    left, top = rng.uniform(0, lesion.width - side, 2)
    turned = lesion.transpose(Image.Transpose(int(rng.integers(7))))
    return turned.resize(size, Image.Resampling.BILINEAR, (left, top, left + side, top + side))


def _copy(picture: Image.Image, how: int) -> Image.Image:
    width, height = picture.size
    if how == 0:
        return picture.resize((width * 4 // 5, height * 4 // 5), Image.Resampling.BICUBIC)
    if how == 1:
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    inner = (width // 20, height // 20, width - -(-width // 20), height - -(-height // 20))
    return picture.resize(picture.size, Image.Resampling.BICUBIC, inner)
