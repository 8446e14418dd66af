"""Batches for training, validation and prediction, as ``tf.data`` pipelines.

Order and augmentation are functions of (seed, epoch, place in the epoch) alone: the pipeline may be started at any batch
and gives exactly what the unbroken epoch would have given from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from skin_core.config import Augmentation
from skin_core.data.augment import Augmenter, Mixer, epoch_draws, mixing, parameters, view_draws

if TYPE_CHECKING:
    import tensorflow as tf

_ORDER_STREAM, _WHICH_VIEW_STREAM = 31, 32


class Pixels(Protocol):
    """What `open_pixels` gives: images by row, from memory-mapped pixels or decoded on the way."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray: ...


def epoch_order(n: int, *, seed: int, epoch: int) -> np.ndarray:
    """The order of n rows in an epoch: int64 (n,), a permutation."""
    return np.random.default_rng((seed, epoch, _ORDER_STREAM)).permutation(n)


def n_batches(n: int, batch_size: int) -> int:
    """Batches an epoch; the last one may be smaller."""
    return -(-n // batch_size)


def training_batches(
    pixels: Pixels,
    rows: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    start_batch: int = 0,
    augmentation: Augmentation | None = None,
    copies: np.ndarray | None = None,
    tabular: np.ndarray | None = None,
    sample_weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """One epoch of shuffled, augmented batches.

    Args:
        pixels: uint8 (N, S, S, 3).
        rows: int (M,), rows of ``pixels`` in this epoch; repeated rows are augmented each in its own way.
        targets: of every row of ``pixels``, in the form of `Objective.targets`: (N,), (N, 1) or (N, C). MixUp and
            CutMix need float targets of two dimensions.
        batch_size: images a batch.
        seed: of the run.
        epoch: number of the epoch.
        start_batch: batches to leave out at the start; the rest is what the whole epoch would give.
        augmentation: None for none.
        copies: bool (M,), the rows that are added copies (`balance.Plan.copies`) and must be changed.
        tabular: float32 (N, F), or None.
        sample_weights: float32 (N,), or None for 1.

    Returns:
        Elements (inputs, target, weight): inputs is {"image": (B, S, S, 3), 0–255} and "tabular" float32 (B, F) where
        given; weight is float32 (B,). Images are float32, and uint8 where nothing is changed: the step casts them, and
        four times fewer bytes are moved until then.

    Raises:
        ValueError: for MixUp or CutMix with class numbers as targets.
    """
    augmentation = augmentation or Augmentation()
    rows = np.asarray(rows, dtype=np.int64)
    size = pixels.shape[1]
    order = epoch_order(len(rows), seed=seed, epoch=epoch)
    rows = rows[order]
    copies = None if copies is None else np.asarray(copies)[order]
    changes = parameters(augmentation, epoch_draws(len(rows), seed=seed, epoch=epoch), size, copies=copies)
    mixed = mixing(augmentation, len(rows), batch_size=batch_size, size=size, seed=seed, epoch=epoch)
    if mixed is not None and np.ndim(targets) != 2:
        raise ValueError(f"MixUp and CutMix need targets of shape (N, C) or (N, 1); got {np.shape(targets)}")
    weights = np.ones(len(targets), np.float32) if sample_weights is None else sample_weights

    columns: dict[str, Any] = {"rows": rows, "target": targets[rows], "weight": np.float32(weights[rows])}
    if tabular is not None:
        columns["tabular"] = np.float32(tabular[rows])
    columns["changes"] = changes
    if mixed is not None:
        columns["mixing"] = vars(mixed)
    augmenter = Augmenter(tuple(changes)) if changes else None
    mixer = Mixer(augmentation) if mixed is not None else None

    def finish(item: dict[str, Any]) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        image = _image(pixels, item["rows"])
        if augmenter is not None or mixer is not None:
            image = _as_float(image)
        if augmenter is not None:
            image = augmenter(image, item["changes"])
        inputs = {"image": image, **({"tabular": item["tabular"]} if tabular is not None else {})}
        if mixer is not None:
            return mixer(inputs, item["target"], item["weight"], item["mixing"])
        return inputs, item["target"], item["weight"]

    return _pipeline(columns, batch_size, start_batch, finish)


def plain_batches(
    pixels: Pixels,
    rows: np.ndarray,
    *,
    batch_size: int,
    targets: np.ndarray | None = None,
    tabular: np.ndarray | None = None,
    start_batch: int = 0,
) -> tf.data.Dataset:
    """Batches in the given order, unchanged: for validation, test and prediction.

    Args:
        pixels: uint8 (N, S, S, 3).
        rows: int (M,), rows of ``pixels``.
        batch_size: images a batch.
        targets: of every row of ``pixels``; None where they are not needed.
        tabular: float32 (N, F), or None.
        start_batch: batches to leave out at the start.

    Returns:
        Elements (inputs,) or (inputs, target); inputs as in `training_batches`, images uint8.
    """
    rows = np.asarray(rows, dtype=np.int64)
    columns: dict[str, Any] = {"rows": rows}
    if targets is not None:
        columns["target"] = targets[rows]
    if tabular is not None:
        columns["tabular"] = np.float32(tabular[rows])

    def finish(item: dict[str, Any]) -> tuple:
        inputs = {"image": _image(pixels, item["rows"])}
        if tabular is not None:
            inputs["tabular"] = item["tabular"]
        return (inputs,) if targets is None else (inputs, item["target"])

    return _pipeline(columns, batch_size, start_batch, finish)


def view_batches(
    pixels: Pixels,
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    view: int,
    augmentation: Augmentation | None = None,
    start_batch: int = 0,
) -> tf.data.Dataset:
    """Images in the given order, as the view that a frozen backbone's features are cached of.

    View 0 is the image itself; view v > 0 of row i is a function of (seed, v, i). MixUp and CutMix, which need two
    images, are not part of a view.

    Returns:
        Elements (inputs,): {"image": float32 (B, S, S, 3), 0–255}.
    """
    augmentation = augmentation or Augmentation()
    rows = np.asarray(rows, dtype=np.int64)
    columns: dict[str, Any] = {"rows": rows, "changes": {}}
    augmenter = None
    if view > 0 and augmentation.active:
        draws = view_draws(pixels.shape[0], seed=seed, view=view)[rows]
        columns["changes"] = parameters(augmentation, draws, pixels.shape[1])
        augmenter = Augmenter(tuple(columns["changes"]))

    def finish(item: dict[str, Any]) -> tuple[dict[str, tf.Tensor]]:
        image = _as_float(_image(pixels, item["rows"]))
        return ({"image": image if augmenter is None else augmenter(image, item["changes"])},)

    return _pipeline(columns, batch_size, start_batch, finish)


def feature_batches(
    features: np.ndarray,
    rows: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    start_batch: int = 0,
    tabular: np.ndarray | None = None,
    sample_weights: np.ndarray | None = None,
    copies: np.ndarray | None = None,
) -> tf.data.Dataset:
    """One epoch of shuffled batches of cached features, each image in a view drawn from (seed, epoch, place).

    Args:
        features: float16 or float32 (V, N, ...), V views of N rows.
        rows, targets, batch_size, seed, epoch, start_batch, tabular, sample_weights: as in `training_batches`.
        copies: bool (M,), rows that are added copies: they are never shown in view 0, the unchanged one.

    Returns:
        Elements (inputs, target, weight): inputs is {"features": float32 (B, ...)} and "tabular" where given.
    """
    rows = np.asarray(rows, dtype=np.int64)
    order = epoch_order(len(rows), seed=seed, epoch=epoch)
    n_views = features.shape[0]
    views = np.random.default_rng((seed, epoch, _WHICH_VIEW_STREAM)).integers(0, n_views, len(rows))
    rows = rows[order]
    if copies is not None and n_views > 1:
        views = np.where(np.asarray(copies)[order] & (views == 0), 1 + np.arange(len(rows)) % (n_views - 1), views)
    weights = np.ones(len(targets), np.float32) if sample_weights is None else sample_weights
    columns: dict[str, Any] = {
        "rows": rows,
        "views": views,
        "target": targets[rows],
        "weight": np.float32(weights[rows]),
    }
    if tabular is not None:
        columns["tabular"] = np.float32(tabular[rows])
    shape = features.shape[2:]

    def finish(item: dict[str, Any]) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        import tensorflow as tf

        taken = tf.numpy_function(
            lambda view, row: np.asarray(features[view, row], np.float32),
            [item["views"], item["rows"]],
            tf.float32,
            stateful=False,
        )
        inputs = {"features": tf.ensure_shape(taken, (None, *shape))}
        if tabular is not None:
            inputs["tabular"] = item["tabular"]
        return inputs, item["target"], item["weight"]

    return _pipeline(columns, batch_size, start_batch, finish)


def _image(pixels: Pixels, rows: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    # Pixels stay outside the graph: a constant would copy the whole cache into memory.
    taken = tf.numpy_function(lambda chosen: np.ascontiguousarray(pixels[chosen]), [rows], tf.uint8, stateful=False)
    return tf.ensure_shape(taken, (None, *pixels.shape[1:]))


def _as_float(image: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.cast(image, tf.float32)


def _pipeline(columns: dict[str, Any], batch_size: int, start_batch: int, finish) -> tf.data.Dataset:
    import tensorflow as tf

    n = len(columns["rows"])
    held = tf.nest.map_structure(tf.constant, columns)

    def batch(number: tf.Tensor) -> Any:
        # Cut out of the whole columns: to deal out rows one by one and gather them again took longer than the pixels.
        begin = number * batch_size
        end = tf.minimum(begin + batch_size, n)
        return finish(tf.nest.map_structure(lambda column: column[begin:end], held))

    options = tf.data.Options()
    options.deterministic = True
    numbers = tf.data.Dataset.range(start_batch, n_batches(n, batch_size))
    return (
        numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .with_options(options)
        .prefetch(tf.data.AUTOTUNE)
    )
