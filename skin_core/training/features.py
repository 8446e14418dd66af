"""What a frozen backbone makes of each picture, computed once and kept on disk; the head then trains on that."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_core.augmentation import Augmentation
from skin_core.config import RunConfig
from skin_core.data.augment import COPY_CHANGES
from skin_core.data.batches import Pixels, view_batches
from skin_core.errors import WorkspaceError
from skin_core.imaging.decode import PREPROCESSING_VERSION
from skin_core.paths import atomic_path, cache_dir
from skin_core.progress import ProgressCallback, tracked
from skin_core.training.steps import Forward, forward

if TYPE_CHECKING:
    import keras

# Raised whenever the same settings would give other features.
FEATURES_VERSION = 3

# Above this many numbers a picture (B7's map has 125,440) half precision halves a cache of many gigabytes.
HALF_PRECISION_FROM = 16_384

# EfficientNetB7 at 224 pixels takes 5 % less time in batches of 8 or 16 than of 32, whose maps leave the cache.
_BATCH = 16


class Features:
    """Views of the same rows, each in a file of its own, read where they are asked for.

    Args:
        views: one array a view, (rows, ...).
        rows: int64 (M,), which of them; None takes all.

    Attributes:
        shape: (views, rows, ...), as of one array.
    """

    def __init__(self, views: Sequence[np.ndarray], rows: np.ndarray | None = None) -> None:
        self._views = views
        self._rows = np.arange(len(views[0])) if rows is None else rows
        self.shape = (len(views), len(self._rows), *views[0].shape[1:])

    def part(self, rows: np.ndarray) -> Features:
        """Some of the rows, int64 (M,), in that order; nothing is copied."""
        return Features(self._views, self._rows[rows])

    def __getitem__(self, index: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Row by row: the features of ``rows[i]`` in ``views[i]``."""
        views, rows = index[0], self._rows[index[1]]
        taken = np.empty((len(rows), *self.shape[2:]), self._views[0].dtype)
        for view in np.unique(views):
            chosen = views == view
            taken[chosen] = self._views[view][rows[chosen]]
        return taken


def n_views(config: RunConfig) -> int:
    """Views of a training picture that a configuration asks for; one where nothing changes pictures."""
    return config.cached_views if _changes(config).active else 1


class Backbone:
    """A frozen network, compiled once for all sides and views.

    Args:
        model: from ``image`` to the tensor that is cached.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """As the model's."""
        return self._model.output_shape

    @cached_property
    def digest(self) -> str:
        """Of the weights, and of the backend: two of them round differently, and a run must repeat to the last bit."""
        import keras

        digest = hashlib.sha256(keras.backend.backend().encode())
        for weight in self._model.weights:
            digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
        return digest.hexdigest()

    @cached_property
    def run(self) -> Forward:
        """A compiled call; Keras' `predict` would add its own loop, callbacks and copies."""
        from skin_core.models.folded import with_folded_normalization

        # Folded, a pass of EfficientNetB7 at 224 pixels takes 74 ms a picture instead of 92, and compiles in half the time.
        return forward(with_folded_normalization(self._model))


def backbone_features(
    backbone: Backbone,
    pixels: Pixels,
    rows: np.ndarray,
    config: RunConfig,
    *,
    views: int,
    pictures: str,
    what: str,
    progress: ProgressCallback,
) -> Features:
    """Computes the features of some rows, or reads them where an earlier run left them.

    Args:
        backbone: the frozen network.
        pixels: uint8 (N, S, S, 3).
        rows: int64 (M,), rows of ``pixels``.
        config: family, size, crop, color constancy, seed and augmentation.
        views: how many views; view 0 is the unchanged picture.
        pictures: digest of what ``pixels`` holds (`Prepared.pictures`).
        what: name of the rows, for the progress ("training").
        progress: told of each view; may raise to give up, and what is done so far is kept.

    Raises:
        WorkspaceError: if the disk has no room for them.
    """
    shape = (len(rows), *backbone.output_shape[1:])
    dtype = np.float16 if math.prod(shape[1:]) >= HALF_PRECISION_FROM else np.float32
    files = []
    for view in range(views):
        changes = repr((_changes(config), config.seed, pixels.shape[0])) if view else "unchanged"
        # As it was before there was a RandAugment, so that features that are kept already serve.
        changes = changes.replace(", rand_augment=0, rand_magnitude=0.0", "")
        key = "|".join(
            str(part)
            for part in (
                FEATURES_VERSION,
                PREPROCESSING_VERSION,
                config.family,
                config.image_size,
                # As it was before there was a color constancy, so that features that are kept already serve.
                config.crop if config.color_constancy == "none" else f"{config.crop} {config.color_constancy}",
                pictures,
                hashlib.sha256(np.asarray(rows, np.int64).tobytes()).hexdigest(),
                backbone.digest,
                np.dtype(dtype),
                view,
                changes,
            )
        )
        files.append(cache_dir() / "features" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy")
    missing = [view for view, file in enumerate(files) if not file.exists()]
    _check_space(len(missing) * math.prod(shape) * np.dtype(dtype).itemsize)
    for view in missing:
        name = f"Computing features of {what} pictures" + (f", view {view + 1} of {views}" if views > 1 else "")
        _compute(backbone, pixels, rows, config, view, files[view], shape, dtype, name, progress)
    return Features([np.load(file, mmap_mode="r") for file in files])


def _compute(backbone: Backbone, pixels, rows, config, view, file: Path, shape, dtype, name: str, progress) -> None:
    batches = view_batches(pixels, rows, batch_size=_BATCH, seed=config.seed, view=view, augmentation=_changes(config))
    limit = np.finfo(dtype).max
    # Written as a stream, not through a map: on a full disk a map ends the process with a bus error.
    with atomic_path(file) as temporary, open(temporary, "wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for (inputs,) in tracked(batches, name, -(-len(rows) // _BATCH), progress):
            stream.write(np.clip(backbone.run(inputs), -limit, limit).astype(dtype).tobytes())


def _changes(config: RunConfig) -> Augmentation:
    if config.balance == "augment" and not config.augmentation.active:
        return COPY_CHANGES
    return config.augmentation


def _check_space(needed: int) -> None:
    free = shutil.disk_usage(cache_dir()).free
    if needed > free:
        raise WorkspaceError(
            f"The features need {needed / 1e9:.1f} GB, but the workspace's disk has {free / 1e9:.1f} GB free; free some "
            "space, lower cached_views, or move the workspace with LESIONLAB_HOME."
        )
