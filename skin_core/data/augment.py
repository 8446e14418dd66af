"""Random changes to training images: what is drawn for each of them, as a function of the seed and of which image it is.

A generator whose state moves on with every batch would show other pictures to a run that starts again in the middle of
an epoch than to the unbroken one. So all numbers of an epoch are drawn at once, one row an image, and any batch of the
epoch can be made on its own. What is done with them is in `data.changes`, the mixing of two images in `data.mixing`.
"""

from __future__ import annotations

import numpy as np

from skin_core.augmentation import Augmentation

# What an added copy of ``balance=augment`` gets at the least, so that it is no exact copy.
COPY_CHANGES = Augmentation(flip="horizontal", rotation=0.1, zoom=0.1)

# Area of an erased rectangle as a share of the image's. A third, as is common, can hide a whole lesion.
ERASED_AREA = (0.02, 0.15)
_FULL_RANGE = 255.0

# Strength 1 of the changes that a camera makes.
_LARGEST_SIGMA = 0.02  # of a blur, as a share of the image's side
_LARGEST_SHARPENING = 1.5  # share of the detail that is added once more
_LARGEST_LOSS = 0.8  # of the pixels along a side
_BEST_JPEG, _WORST_JPEG = 95, 15

# What RandAugment picks from, and what magnitude 1 is. Of the paper's fourteen, those that make no picture of skin
# (auto-contrast, equalize, solarize, posterize) gave way to zoom, aspect, light and gamma; the others are as strong as there.
# A brightness of 0.45 of the range is what the paper's factor of 1.9 adds to a middle grey.
_PICKED = {
    **{"nothing": 0.0, "rotation": 1 / 12, "shear_x": 0.3, "shear_y": 0.3, "shift_x": 0.45, "shift_y": 0.45},
    **{"zoom": 0.5, "aspect": 1.0, "brightness": 0.45, "contrast": 0.9, "saturation": 0.9, "light": 0.5},
    **{"gamma": 1.0, "sharpness": 0.9},
}

# Keep the draws of an epoch and of a cached view apart although they share the seed.
_EPOCH_STREAM, _VIEW_STREAM = 21, 22
# RandAugment came later: numbers of its own leave those of the other changes, and so what old settings give, as they were.
_RAND_STREAM = 24
_DRAWS = (
    *("flip_across", "flip_down", "angle", "zoom", "brightness", "contrast", "erase", "width", "height", "x", "y"),
    *("aspect", "shift_x", "shift_y", "gain_red", "gain_green", "gain_blue", "saturation", "gamma", "sharpness"),
    *("resolution", "compression", "vignette", "hair", "marks", "details"),
)
_RAND_DRAWS = ("which_1", "way_1", "which_2", "way_2", "which_3", "way_3", "which_4", "way_4")


def epoch_draws(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """The random numbers of an epoch: float32 (n, K), 0 to 1, row i for the i-th image of the epoch's order."""
    return _drawn(n, (seed, epoch, _EPOCH_STREAM))


def view_draws(n: int, *, seed: int, view: int) -> np.ndarray:
    """The random numbers of a cached view: float32 (n, K), 0 to 1, row i for the i-th image of the pixel cache."""
    return _drawn(n, (seed, view, _VIEW_STREAM))


def _drawn(n: int, stream: tuple[int, int, int]) -> np.ndarray:
    first = np.random.default_rng(stream).random((n, len(_DRAWS)), dtype=np.float32)
    later = np.random.default_rng((*stream, _RAND_STREAM)).random((n, len(_RAND_DRAWS)), dtype=np.float32)
    return np.concatenate([first, later], axis=1)


def parameters(
    augmentation: Augmentation, draws: np.ndarray, size: int, *, copies: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """What is done to each image, from its row of random numbers.

    Args:
        augmentation: the strengths.
        draws: float32 (N, K), 0 to 1.
        size: side of the image in pixels.
        copies: bool (N,), images that get at least `COPY_CHANGES`; None for none.

    Returns:
        Arrays of N rows, only for changes that are on; see `changes.changed` for what they mean.
    """
    draw = {name: draws[:, column] for column, name in enumerate((*_DRAWS, *_RAND_DRAWS))}
    if copies is None or not copies.any():
        copies = np.zeros(len(draws), bool)
    floor = COPY_CHANGES if copies.any() else Augmentation()

    def strength(field: str) -> np.ndarray:
        own, least = getattr(augmentation, field), getattr(floor, field)
        return np.where(copies, max(own, least), own).astype(np.float32)

    def either_way(name: str) -> np.ndarray:
        return 2 * draw[name] - 1

    def one_way(name: str) -> np.ndarray:
        # Every other image keeps what it has; the others get up to all of it.
        return np.maximum(0, either_way(name))

    found: dict[str, np.ndarray] = {}
    for name, column, modes in (
        ("across", "flip_across", ("horizontal", "both")),
        ("down", "flip_down", ("vertical", "both")),
    ):
        may = np.where(copies, augmentation.flip in modes or floor.flip in modes, augmentation.flip in modes)
        if may.any():
            found[name] = may & (draw[column] < 0.5)
    rotation, zoom = strength("rotation"), strength("zoom")
    if rotation.any() or zoom.any() or augmentation.aspect or augmentation.shift:
        found["matrix"] = _matrix(
            2 * np.pi * rotation * either_way("angle"),
            1 + zoom * either_way("zoom"),
            (1 + augmentation.aspect) ** (either_way("aspect") / 2),
            augmentation.shift * size * np.stack([either_way("shift_x"), either_way("shift_y")]),
            size,
        )
    if augmentation.color:
        gains = np.stack([either_way(f"gain_{name}") for name in ("red", "green", "blue")], axis=1)
        found["color"] = _color(augmentation.color, gains, either_way("saturation"))
        found["gamma"] = (1 + augmentation.color) ** either_way("gamma")
    if augmentation.brightness:
        found["brightness"] = _FULL_RANGE * augmentation.brightness * either_way("brightness")
    if augmentation.contrast:
        found["contrast"] = 1 + augmentation.contrast * either_way("contrast")
    if augmentation.sharpness:
        change = augmentation.sharpness * either_way("sharpness")
        found["sharpness"] = np.where(change < 0, change * _LARGEST_SIGMA * size, change * _LARGEST_SHARPENING)
    if augmentation.resolution:
        kept = 1 - _LARGEST_LOSS * augmentation.resolution * one_way("resolution")
        found["resolution"] = np.maximum(1, np.round(kept * size))
    if augmentation.compression:
        lost = augmentation.compression * one_way("compression")
        found["quality"] = np.where(lost > 0, np.round(_BEST_JPEG - (_BEST_JPEG - _WORST_JPEG) * lost), 0)
    for name in ("vignette", "hair", "marks"):
        if getattr(augmentation, name):
            # The same place may have hair and marks: each gets numbers of its own from one draw.
            seeds = 1 + np.floor(draw["details"] * 2**24)
            found[name] = np.where(draw[name] < getattr(augmentation, name), seeds, 0)
    if augmentation.erasing:
        # Both sides are drawn by their square, so the rectangles are of all shapes.
        sides = np.sqrt(ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * draws[:, [7, 8]]) * size
        corner = draws[:, [9, 10]] * (size - sides)
        box = np.stack([corner[:, 0], corner[:, 0] + sides[:, 0], corner[:, 1], corner[:, 1] + sides[:, 1]], axis=1)
        found["box"] = np.where((draw["erase"] < augmentation.erasing)[:, None], box, 0.0)
    if augmentation.rand_augment:
        found = _joined(found, _rand_augment(augmentation, draw, size))
    return {name: value if value.dtype == bool else value.astype(np.float32) for name, value in found.items()}


def _matrix(
    angle: np.ndarray,
    zoom: np.ndarray,
    aspect: np.ndarray,
    shift: np.ndarray,
    size: int,
    *,
    shear: np.ndarray | None = None,
) -> np.ndarray:
    # Turning, zooming, stretching and moving in one go: one interpolation blurs less than two, and costs half.
    centre = (size - 1) / 2
    across, down = zoom * aspect, zoom / aspect
    rows = [
        np.stack([across * np.cos(angle), -across * np.sin(angle)], axis=1),
        np.stack([down * np.sin(angle), down * np.cos(angle)], axis=1),
    ]
    linear = np.stack(rows, axis=1)
    if shear is not None:
        ones = np.ones_like(shear[0])
        linear = linear @ np.stack([np.stack([ones, shear[0]], axis=1), np.stack([shear[1], ones], axis=1)], axis=1)
    offset = centre + shift.T - linear.sum(axis=2) * centre
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def _color(strength: float, gains: np.ndarray, saturation: np.ndarray) -> np.ndarray:
    # The light's color, with the brightness taken out (it has a strength of its own); then more or less color.
    light = (1 + strength) ** (gains - gains.mean(axis=1, keepdims=True))
    return _in_light(light, (1 + strength) ** saturation)


def _in_light(light: np.ndarray, amount: np.ndarray) -> np.ndarray:
    grey = np.full((3, 3), 1 / 3)
    mixed = amount[:, None, None] * np.eye(3) + (1 - amount)[:, None, None] * grey
    return mixed * light[:, None, :]


def _rand_augment(augmentation: Augmentation, draw: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """RandAugment (Cubuk et al. 2020, arXiv:1909.13719): some of `_PICKED` for each image, all at one magnitude.

    As there, each way at random and the magnitude constant. Unlike there, no change is picked twice for an image: they
    happen in the one order of `data.changes`, where a turn to the left and one to the right would cancel out.

    Returns:
        As `parameters`.
    """
    n = len(draw["which_1"])
    left = np.tile(np.arange(len(_PICKED)), (n, 1))
    everyone = np.arange(n)
    amount = np.zeros((n, len(_PICKED)), np.float32)
    hue = np.zeros(n, np.float32)
    for slot in range(augmentation.rand_augment):
        # The first places of a shuffle (Fisher and Yates): what is picked changes places with what stands there.
        place = slot + np.floor(draw[f"which_{slot + 1}"] * (len(_PICKED) - slot)).astype(int)
        picked = left[everyone, place]
        left[everyone, place] = left[:, slot]
        way = draw[f"way_{slot + 1}"]
        amount[everyone, picked] = np.where(way < 0.5, -1, 1) * augmentation.rand_magnitude
        hue = np.where(picked == list(_PICKED).index("light"), way, hue)
    by = {name: strength * amount[:, column] for column, (name, strength) in enumerate(_PICKED.items())}

    def factor(name: str) -> np.ndarray:
        return (1 + np.abs(by[name])) ** np.sign(by[name])

    matrix = _matrix(
        2 * np.pi * by["rotation"],
        1 + by["zoom"],
        factor("aspect") ** 0.5,
        size * np.stack([by["shift_x"], by["shift_y"]]),
        size,
        shear=np.stack([by["shear_x"], by["shear_y"]]),
    )
    # The light turns to any color: its way is an angle on the circle of hues, and no brightness comes with it.
    gains = np.cos(2 * np.pi * (hue[:, None] + np.arange(3) / 3))
    light = (1 + np.abs(by["light"]))[:, None] ** gains
    sharpness = by["sharpness"]
    return {
        "matrix": matrix,
        "color": _in_light(light, 1 + by["saturation"]),
        "gamma": factor("gamma"),
        "brightness": _FULL_RANGE * by["brightness"],
        "contrast": 1 + by["contrast"],
        "sharpness": np.where(sharpness < 0, sharpness * _LARGEST_SIGMA * size, sharpness * _LARGEST_SHARPENING),
    }


def _joined(first: dict[str, np.ndarray], then: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # As if the second changes were done to what the first ones gave, but in one go: one interpolation, one table.
    found = {**then, **first}
    if "matrix" in first:
        last_row = np.broadcast_to([[0.0, 0.0, 1.0]], (len(then["matrix"]), 1, 3))
        found["matrix"] = first["matrix"] @ np.concatenate([then["matrix"], last_row], axis=1)
    if "color" in first:
        found["color"] = then["color"] @ first["color"]
    for name in ("gamma", "contrast"):
        if name in first:
            found[name] = first[name] * then[name]
    if "brightness" in first:
        found["brightness"] = first["brightness"] + then["brightness"]
    if "sharpness" in first:
        # A blur and a sharpening have no sum: what was picked takes the place of what was drawn.
        found["sharpness"] = np.where(then["sharpness"] != 0, then["sharpness"], first["sharpness"])
    return found
