"""Batches for training, validation and prediction: NumPy arrays, made ahead by a few threads, for any backend.

Order and augmentation are functions of (seed, epoch, place in the epoch) alone: an epoch may be started at any batch and
gives exactly what the unbroken one would have given from there.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from skin_core.augmentation import Augmentation
from skin_core.data.augment import epoch_draws, parameters, view_draws
from skin_core.data.mixing import mixed, mixing

# Batches that are made while one is trained on. More would only take memory.
_AHEAD = 3

Inputs = dict[str, np.ndarray]
Batch = TypeVar("Batch")

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
) -> Iterator[tuple[Inputs, np.ndarray, np.ndarray]]:
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
        Tuples (inputs, target, weight): inputs is {"image": uint8 (B, S, S, 3)} and "tabular" float32 (B, F) where
        given; weight is float32 (B,). Images that MixUp or CutMix blended are float32, 0–255.

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
    blend = mixing(augmentation, len(rows), batch_size=batch_size, size=size, seed=seed, epoch=epoch)
    if blend is not None and np.ndim(targets) != 2:
        raise ValueError(f"MixUp and CutMix need targets of shape (N, C) or (N, 1); got {np.shape(targets)}")
    weights = np.ones(len(targets), np.float32) if sample_weights is None else np.float32(sample_weights)

    def make(part: slice) -> tuple[Inputs, np.ndarray, np.ndarray]:
        chosen = rows[part]
        inputs = _inputs(pixels, chosen, tabular, {name: values[part] for name, values in changes.items()})
        if blend is not None:
            return mixed(inputs, targets[chosen], weights[chosen], blend.part(part))
        return inputs, targets[chosen], weights[chosen]

    return _in_order(make, len(rows), batch_size, start_batch)


def plain_batches(
    pixels: Pixels,
    rows: np.ndarray,
    *,
    batch_size: int,
    targets: np.ndarray | None = None,
    tabular: np.ndarray | None = None,
    start_batch: int = 0,
) -> Iterator[tuple[Any, ...]]:
    """Batches in the given order, unchanged: for validation, test and prediction.

    Args:
        pixels: uint8 (N, S, S, 3).
        rows: int (M,), rows of ``pixels``.
        batch_size: images a batch.
        targets: of every row of ``pixels``; None where they are not needed.
        tabular: float32 (N, F), or None.
        start_batch: batches to leave out at the start.

    Returns:
        Tuples (inputs,) or (inputs, target); inputs as in `training_batches`.
    """
    rows = np.asarray(rows, dtype=np.int64)

    def make(part: slice) -> tuple[Any, ...]:
        inputs = _inputs(pixels, rows[part], tabular, {})
        return (inputs,) if targets is None else (inputs, targets[rows[part]])

    return _in_order(make, len(rows), batch_size, start_batch)


def view_batches(
    pixels: Pixels,
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    view: int,
    augmentation: Augmentation | None = None,
    start_batch: int = 0,
) -> Iterator[tuple[Inputs]]:
    """Images in the given order, as the view that a frozen backbone's features are cached of.

    View 0 is the image itself; view v > 0 of row i is a function of (seed, v, i). MixUp and CutMix, which need two
    images, are not part of a view.

    Returns:
        Tuples (inputs,): {"image": uint8 (B, S, S, 3)}.
    """
    augmentation = augmentation or Augmentation()
    rows = np.asarray(rows, dtype=np.int64)
    changes: dict[str, np.ndarray] = {}
    if view > 0 and augmentation.active:
        draws = view_draws(pixels.shape[0], seed=seed, view=view)[rows]
        changes = parameters(augmentation, draws, pixels.shape[1])

    def make(part: slice) -> tuple[Inputs]:
        return (_inputs(pixels, rows[part], None, {name: values[part] for name, values in changes.items()}),)

    return _in_order(make, len(rows), batch_size, start_batch)


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
) -> Iterator[tuple[Inputs, np.ndarray, np.ndarray]]:
    """One epoch of shuffled batches of cached features, each image in a view drawn from (seed, epoch, place).

    Args:
        features: float16 or float32 (V, N, ...), V views of N rows.
        rows, targets, batch_size, seed, epoch, start_batch, tabular, sample_weights: as in `training_batches`.
        copies: bool (M,), rows that are added copies: they are never shown in view 0, the unchanged one.

    Returns:
        Tuples (inputs, target, weight): inputs is {"features": float32 (B, ...)} and "tabular" where given.
    """
    rows = np.asarray(rows, dtype=np.int64)
    order = epoch_order(len(rows), seed=seed, epoch=epoch)
    n_views = features.shape[0]
    views = np.random.default_rng((seed, epoch, _WHICH_VIEW_STREAM)).integers(0, n_views, len(rows))
    rows = rows[order]
    if copies is not None and n_views > 1:
        views = np.where(np.asarray(copies)[order] & (views == 0), 1 + np.arange(len(rows)) % (n_views - 1), views)
    weights = np.ones(len(targets), np.float32) if sample_weights is None else np.float32(sample_weights)

    def make(part: slice) -> tuple[Inputs, np.ndarray, np.ndarray]:
        chosen = rows[part]
        inputs = {"features": np.asarray(features[views[part], chosen], np.float32)}
        if tabular is not None:
            inputs["tabular"] = np.float32(tabular[chosen])
        return inputs, targets[chosen], weights[chosen]

    return _in_order(make, len(rows), batch_size, start_batch)


def _inputs(pixels: Pixels, rows: np.ndarray, tabular: np.ndarray | None, changes: dict[str, np.ndarray]) -> Inputs:
    image = np.ascontiguousarray(pixels[rows])
    if changes:
        from skin_core.data.changes import changed

        image = changed(image, changes)
    return {"image": image} if tabular is None else {"image": image, "tabular": np.float32(tabular[rows])}


def _in_order(make: Callable[[slice], Batch], n: int, batch_size: int, start_batch: int) -> Iterator[Batch]:
    """Batches one after the other, the next ones made by threads meanwhile."""
    parts = (slice(start, min(start + batch_size, n)) for start in range(start_batch * batch_size, n, batch_size))
    threads = ThreadPoolExecutor(min(_AHEAD, len(os.sched_getaffinity(0))), thread_name_prefix="batches")
    waiting: deque[Future[Batch]] = deque()
    try:
        for part in parts:
            waiting.append(threads.submit(make, part))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
