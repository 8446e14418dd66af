"""Random changes to training images, each of them a function of the seed and of which image it is.

Keras' preprocessing layers change the pixels; what they should do is not drawn by them but handed to them. A layer draws
from a state that moves on with every batch, so a run that starts again in the middle of an epoch would see other
pictures than the unbroken one. Here all numbers of an epoch are drawn at once by NumPy, one row an image, and any batch
of the epoch can be made on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skin_core.config import Augmentation

if TYPE_CHECKING:
    import tensorflow as tf

# What an added copy of ``balance=augment`` gets at the least, so that it is no exact copy.
COPY_CHANGES = Augmentation(flip="horizontal", rotation=0.1, zoom=0.1)

# Area of an erased rectangle as a share of the image's. Keras' default goes to a third, which can hide a whole lesion.
ERASED_AREA = (0.02, 0.15)
_FULL_RANGE = 255.0

# Keep the draws of an epoch, of a cached view and of the mixing apart although they share the seed.
_EPOCH_STREAM, _VIEW_STREAM, _MIX_STREAM = 21, 22, 23
_DRAWS = ("flip_across", "flip_down", "angle", "zoom", "brightness", "contrast", "erase", "width", "height", "x", "y")


def epoch_draws(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """The random numbers of an epoch: float32 (n, K), 0 to 1, row i for the i-th image of the epoch's order."""
    return np.random.default_rng((seed, epoch, _EPOCH_STREAM)).random((n, len(_DRAWS)), dtype=np.float32)


def view_draws(n: int, *, seed: int, view: int) -> np.ndarray:
    """The random numbers of a cached view: float32 (n, K), 0 to 1, row i for the i-th image of the pixel cache."""
    return np.random.default_rng((seed, view, _VIEW_STREAM)).random((n, len(_DRAWS)), dtype=np.float32)


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
        Arrays of N rows, only for changes that are on: ``across`` and ``down`` bool (N,); ``matrix`` float32 (N, 8),
        rotation and zoom as the map from output to input pixels; ``brightness`` float32 (N,), what is added, in
        pixel values; ``contrast`` float32 (N,), the factor; ``box`` float32 (N, 4) with x0, x1, y0, y1 of the erased
        rectangle in pixels, all 0 where nothing is erased.
    """
    draw = {name: draws[:, column] for column, name in enumerate(_DRAWS)}
    if copies is None or not copies.any():
        copies = np.zeros(len(draws), bool)
    floor = COPY_CHANGES if copies.any() else Augmentation()

    def strength(field: str) -> np.ndarray:
        own, least = getattr(augmentation, field), getattr(floor, field)
        return np.where(copies, max(own, least), own).astype(np.float32)

    def either_way(name: str) -> np.ndarray:
        return 2 * draw[name] - 1

    found: dict[str, np.ndarray] = {}
    for name, column, modes in (
        ("across", "flip_across", ("horizontal", "both")),
        ("down", "flip_down", ("vertical", "both")),
    ):
        may = np.where(copies, augmentation.flip in modes or floor.flip in modes, augmentation.flip in modes)
        if may.any():
            found[name] = may & (draw[column] < 0.5)
    rotation, zoom = strength("rotation"), strength("zoom")
    if rotation.any() or zoom.any():
        found["matrix"] = _matrix(2 * np.pi * rotation * either_way("angle"), 1 + zoom * either_way("zoom"), size)
    if augmentation.brightness:
        found["brightness"] = _FULL_RANGE * strength("brightness") * either_way("brightness")
    if augmentation.contrast:
        found["contrast"] = 1 + strength("contrast") * either_way("contrast")
    if augmentation.erasing:
        # Both sides are drawn by their square, as the layer does, so the rectangles are of all shapes.
        sides = np.sqrt(ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * draws[:, [7, 8]]) * size
        corner = draws[:, [9, 10]] * (size - sides)
        box = np.stack([corner[:, 0], corner[:, 0] + sides[:, 0], corner[:, 1], corner[:, 1] + sides[:, 1]], axis=1)
        found["box"] = np.where((draw["erase"] < augmentation.erasing)[:, None], box, 0.0)
    return {name: value if value.dtype == bool else value.astype(np.float32) for name, value in found.items()}


def _matrix(angle: np.ndarray, zoom: np.ndarray, size: int) -> np.ndarray:
    # Turning and zooming about the centre in one go: one interpolation blurs less than two, and costs half.
    centre = (size - 1) / 2
    a, b = zoom * np.cos(angle), zoom * np.sin(angle)
    zeros = np.zeros_like(a)
    return np.stack([a, -b, centre * (1 - a + b), b, a, centre * (1 - b - a), zeros, zeros], axis=1)


class Augmenter:
    """Applies `parameters` to batches with Keras' layers, inside ``tf.data`` or outside.

    Args:
        changes: names of the changes that will come, the keys of `parameters`.
    """

    def __init__(self, changes: tuple[str, ...]) -> None:
        from keras import layers

        self._layers = {}
        # Keras' "horizontal_and_vertical" mirrors both ways at once or not at all, so each way has a layer of its own.
        kinds = {
            "across": lambda: layers.RandomFlip("horizontal"),
            "down": lambda: layers.RandomFlip("vertical"),
            "matrix": lambda: layers.RandomRotation(0.5, fill_mode="reflect", interpolation="bilinear"),
            "brightness": lambda: layers.RandomBrightness(1.0, value_range=(0, _FULL_RANGE)),
            "contrast": lambda: layers.RandomContrast(1.0, value_range=(0, _FULL_RANGE)),
            "box": lambda: layers.RandomErasing(1.0, fill_value=0.0, value_range=(0, _FULL_RANGE)),
        }
        for name, make in kinds.items():
            if name in changes:
                self._layers[name] = make()
                # The pipeline is TensorFlow's, whichever backend the network runs on.
                self._layers[name].backend.set_backend("tensorflow")

    def __call__(self, images: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Changes a batch.

        Args:
            images: float32 (B, S, S, 3), 0–255.
            given: rows of `parameters` for these images.

        Returns:
            float32 (B, S, S, 3), 0–255.
        """
        import tensorflow as tf

        for name, layer in self._layers.items():
            value = given[name]
            if name in ("across", "down"):
                told = {"flips": value[:, None, None, None]}
            elif name == "matrix":
                told = {"rotation_matrix": value}
            elif name == "brightness":
                told = {"rgb_delta": value[:, None, None, None]}
            elif name == "contrast":
                told = {"contrast_factor": value[:, None, None, None]}
            else:
                told = {
                    "batch_masks": inside(value, tf.shape(images)[1]),
                    "apply_erasing": value[:, 1] > 0,
                    "fill_value": tf.zeros_like(images),
                }
            images = layer.transform_images(images, told, training=True)
        return images


def inside(box: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Which pixels a rectangle covers.

    Args:
        box: float32 (B, 4), x0, x1, y0, y1 in pixels; the far edges are not part of it.
        size: side of the image.

    Returns:
        bool (B, size, size, 1).
    """
    import tensorflow as tf

    at = tf.range(tf.cast(size, tf.float32))
    columns = (at >= box[:, 0:1]) & (at < box[:, 1:2])
    rows = (at >= box[:, 2:3]) & (at < box[:, 3:4])
    return (rows[:, :, None] & columns[:, None, :])[..., None]


@dataclass(frozen=True)
class Mixing:
    """With whom each image of an epoch is mixed, and how much.

    Attributes:
        partner: int32 (N,), position of the other image within the batch.
        share: float32 (N,), share of the image itself in the target, 0 to 1.
        box: float32 (N, 4), x0, x1, y0, y1 of what CutMix takes from the other image; all 0 in batches of MixUp.
    """

    partner: np.ndarray
    share: np.ndarray
    box: np.ndarray


def mixing(augmentation: Augmentation, n: int, *, batch_size: int, size: int, seed: int, epoch: int) -> Mixing | None:
    """MixUp and CutMix for an epoch of n images; with both on, each batch gets one of them. None with both off."""
    if not (augmentation.mixup or augmentation.cutmix):
        return None
    rng = np.random.default_rng((seed, epoch, _MIX_STREAM))
    starts = np.arange(0, n, batch_size)
    cut = rng.random(len(starts)) < (0.5 if augmentation.mixup else 1.0) if augmentation.cutmix else starts < 0
    partner = np.concatenate([rng.permutation(min(batch_size, n - start)) for start in starts])
    cut = np.repeat(cut, batch_size)[:n]
    share = np.ones(n)
    for alpha, chosen in ((augmentation.mixup, ~cut), (augmentation.cutmix, cut)):
        if alpha:
            share = np.where(chosen, rng.beta(alpha, alpha, n), share)
    # Whole pixels, so that the target says exactly what share of the area each image has.
    side = np.round(np.sqrt(1 - share) * size)
    x, y = (np.floor(rng.random(n) * (size - side + 1)) for _ in range(2))
    box = np.where(cut[:, None], np.stack([x, x + side, y, y + side], axis=1), 0.0)
    share = np.where(cut, 1 - (side / size) ** 2, share)
    return Mixing(partner.astype(np.int32), share.astype(np.float32), box.astype(np.float32))


class Mixer:
    """Applies `Mixing` to batches with Keras' MixUp and CutMix layers."""

    def __init__(self, augmentation: Augmentation) -> None:
        from keras import layers

        self._mixup = layers.MixUp() if augmentation.mixup else None
        self._cutmix = layers.CutMix() if augmentation.cutmix else None
        for layer in filter(None, (self._mixup, self._cutmix)):
            layer.backend.set_backend("tensorflow")

    def __call__(
        self, inputs: dict[str, tf.Tensor], targets: tf.Tensor, weights: tf.Tensor, given: dict[str, tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        """Mixes a batch with itself.

        The loss of a mixed image is share · w · loss(y) + (1 - share) · w' · loss(y'), with the weights and targets of
        both. Cross-entropy is linear in the target, so one target and one weight say the same.

        Args:
            inputs: ``image`` float32 (B, S, S, 3), and ``tabular`` float32 (B, F) where there is one.
            targets: float32 (B, C) or (B, 1).
            weights: float32 (B,).
            given: ``partner``, ``share`` and ``box`` of these images.
        """
        import tensorflow as tf

        partner, share, box = given["partner"], given["share"], given["box"]
        image = inputs["image"]
        whole = tf.reduce_any(box > 0)
        told = {"permutation_order": partner, "mix_weight": tf.where(whole, tf.ones_like(share), share)}
        if self._mixup is not None:
            image = self._mixup.transform_images(image, told, training=True)
        if self._cutmix is not None:
            told = {"permutation_order": partner, "batch_masks": inside(box, tf.shape(image)[1])}
            image = self._cutmix.transform_images(image, told, training=True)
        mixed = {**inputs, "image": image}
        rest = 1 - share
        if "tabular" in inputs:
            table = inputs["tabular"]
            mixed["tabular"] = share[:, None] * table + rest[:, None] * tf.gather(table, partner)
        mine, theirs = share * weights, rest * tf.gather(weights, partner)
        weight = mine + theirs
        target = mine[:, None] * targets + theirs[:, None] * tf.gather(targets, partner)
        return mixed, tf.math.divide_no_nan(target, weight[:, None]), weight
