"""What is done to the pixels of training images: geometry, what lies on the skin, light, lens, camera and file.

In the order in which it happens to a picture: hair and ruler marks lie on the skin, light falls on both, the lens
darkens the corners and blurs, the sensor has so many pixels, and a JPEG is written. OpenCV does the work on bytes, the
form in which a network in use gets its pictures too, and whichever backend trains.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

# The batches are made by threads of our own; OpenCV's would fight with them for the cores.
cv2.setNumThreads(1)

_HAIR_STREAM, _MARKS_STREAM, _VIGNETTE_STREAM = 1, 2, 3
_SUBPIXELS = 4  # Binary places of a drawn line's coordinates.


def changed(images: np.ndarray, given: dict[str, np.ndarray]) -> np.ndarray:
    """Applies what was drawn for each image.

    Args:
        images: uint8 (N, S, S, 3), RGB; not changed.
        given: of `augment.parameters`, N rows each, any of:
            ``across``, ``down`` bool: mirrored that way;
            ``matrix`` float32 (N, 2, 3): from output to input pixels, the edge mirrored outwards;
            ``hair``, ``marks``, ``vignette``: 0 for none, or the seed of their details;
            ``color`` float32 (N, 3, 3): from RGB to RGB; ``gamma``: exponent on the share of the full range;
            ``brightness``: what is added, in pixel values; ``contrast``: factor about each channel's mean;
            ``sharpness``: below 0 the sigma of a blur in pixels, above 0 the share of detail added once more;
            ``resolution``: pixels along a side that are left before the image is scaled up again;
            ``quality``: of a JPEG that is written and read, 0 for none;
            ``box`` float32 (N, 4): x0, x1, y0, y1 in pixels of a rectangle that is made black; the far edges are not
            part of it, all 0 for none.

    Returns:
        uint8 (N, S, S, 3).
    """
    found = np.empty_like(images)
    for place, image in enumerate(images):
        found[place] = _one(image, {name: values[place] for name, values in given.items()})
    return found


def _one(image: np.ndarray, given: dict[str, np.ndarray]) -> np.ndarray:
    image = _moved(image, given)
    for name, draw in (("hair", _with_hair), ("marks", _with_marks)):
        if given.get(name, 0) > 0:
            image = draw(image, int(given[name]))
    image = _lit(image, given)
    if given.get("vignette", 0) > 0:
        image = _with_vignette(image, int(given["vignette"]))
    image = _recorded(image, given)
    if "box" in given and given["box"][1] > 0:
        x0, x1, y0, y1 = np.ceil(given["box"]).astype(int)
        image = image.copy()
        image[y0:y1, x0:x1] = 0
    return image


def _moved(image: np.ndarray, given: dict[str, np.ndarray]) -> np.ndarray:
    if given.get("across", False):
        image = image[:, ::-1]
    if given.get("down", False):
        image = image[::-1]
    if "matrix" not in given:
        return image
    size = image.shape[:2][::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        np.ascontiguousarray(image), given["matrix"], size, flags=flags, borderMode=cv2.BORDER_REFLECT
    )


def _lit(image: np.ndarray, given: dict[str, np.ndarray]) -> np.ndarray:
    if "color" in given:
        image = cv2.transform(np.ascontiguousarray(image), given["color"])
    if not given.keys() & {"gamma", "brightness", "contrast"}:
        return image
    values = np.arange(256, dtype=np.float32)
    if "gamma" in given:
        values = 255 * (values / 255) ** given["gamma"]
    if "brightness" in given:
        values = np.clip(values + given["brightness"], 0, 255)
    table = np.repeat(values[:, None], 3, axis=1)
    if "contrast" in given:
        image = np.ascontiguousarray(image)
        counts = np.stack([np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)], axis=1)
        mean = (counts * table).sum(axis=0) / counts.sum(axis=0)
        table = (table - mean) * given["contrast"] + mean
    table = np.clip(np.round(table), 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table[None])


def _recorded(image: np.ndarray, given: dict[str, np.ndarray]) -> np.ndarray:
    sharpness = float(given.get("sharpness", 0))
    if sharpness:
        image = np.ascontiguousarray(image)
        soft = cv2.GaussianBlur(image, (0, 0), max(-sharpness, 0.0) or 1.0, borderType=cv2.BORDER_REFLECT)
        image = soft if sharpness < 0 else cv2.addWeighted(image, 1 + sharpness, soft, -sharpness, 0)
    side = image.shape[0]
    left = int(given.get("resolution", side))
    if left < side:
        small = cv2.resize(np.ascontiguousarray(image), (left, left), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    if given.get("quality", 0) > 0:
        # OpenCV takes the channels for BGR, on the way out and back alike; JPEG weighs green most in either order.
        _, written = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(given["quality"])))
        image = cv2.imdecode(written, cv2.IMREAD_COLOR)
    return image


def _with_hair(image: np.ndarray, seed: int) -> np.ndarray:
    """Some dark, curved, thin lines, darker than the skin that they lie on."""
    rng = np.random.default_rng((_HAIR_STREAM, seed))
    side = image.shape[0]
    image = np.ascontiguousarray(image).copy()
    tone = np.array([60, 40, 30]) * rng.uniform(0.2, 1.2)
    along = np.linspace(0, 1, 12)[:, None]
    for _ in range(rng.integers(2, 16)):
        start = rng.uniform(-0.1, 1.1, 2) * side
        towards = rng.normal(0, 1, 2)
        end = start + towards / (np.linalg.norm(towards) + 1e-9) * rng.uniform(0.2, 0.9) * side
        bend = (start + end) / 2 + rng.normal(0, 0.1, 2) * side
        line = (1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end
        _draw(image, line, tone, 1 if rng.random() < 0.8 else 2)
    return image


def _with_marks(image: np.ndarray, seed: int) -> np.ndarray:
    """The ticks of a ruler along a straight line, every fifth of them longer."""
    rng = np.random.default_rng((_MARKS_STREAM, seed))
    side = image.shape[0]
    image = np.ascontiguousarray(image).copy()
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    # Near an edge, as rulers lie; the lesion is in the middle.
    begin = np.array([0.5, 0.5]) * side + across * rng.uniform(0.25, 0.48) * side - along * 0.75 * side
    step, length = rng.uniform(0.02, 0.08) * side, rng.uniform(0.02, 0.06) * side
    tone = np.full(3, rng.uniform(10, 90)) if rng.random() < 0.8 else np.full(3, rng.uniform(200, 250))
    for number in range(int(1.5 * side / step)):
        foot = begin + number * step * along
        tick = np.stack([foot, foot - across * length * (2 if number % 5 == 0 else 1)])
        _draw(image, tick, tone, 1)
    return image


def _draw(image: np.ndarray, line: np.ndarray, tone: np.ndarray, thickness: int) -> None:
    points = np.round(line * 2**_SUBPIXELS).astype(np.int32)
    cv2.polylines(image, [points], False, tone.tolist(), thickness, cv2.LINE_AA, _SUBPIXELS)


def _with_vignette(image: np.ndarray, seed: int) -> np.ndarray:
    """Corners that grow dark, from a soft shade to the black ring of a dermatoscope."""
    rng = np.random.default_rng((_VIGNETTE_STREAM, seed))
    side = image.shape[0]
    across, down = _places(side)
    x, y = rng.normal(0, 0.04, 2)
    away = np.sqrt((across - x) ** 2 + (down - y) ** 2)
    radius, softness = rng.uniform(0.42, 0.7), rng.uniform(0.01, 0.3)
    darkest = rng.uniform(0, 0.6)
    light = darkest + (1 - darkest) * np.clip(0.5 + (radius - away) / softness, 0, 1)
    return (image * light[..., None].astype(np.float32)).astype(np.uint8)


@lru_cache(maxsize=4)
def _places(side: int) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel lies from the middle, as a share of the side: (1, S) to the right and (S, 1) down."""
    at = ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)
    return at[None, :], at[:, None]
