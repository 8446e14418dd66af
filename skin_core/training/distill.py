"""Distillation: what earlier runs say of the training pictures becomes a part of what a network learns.

Hinton, Vinyals and Dean 2015 ("Distilling the Knowledge in a Neural Network", arXiv:1503.02531). A network that calls a
nevus "mel 0.2" says more of the picture than its label does. Several teachers are averaged, which distills an ensemble into
one network; a teacher of the run's own family makes a network that is taught by its like.

The target of an image is ``(1 - share) · one-hot + share · teacher``, and the loss the cross-entropy with it; both parts are
linear in the target, so this is the sum of the two losses of the paper. Only the teacher is softened; the network learns to
say those very probabilities at temperature 1, the one at which it is used, so no gradient needs the paper's T². That is why
the teacher is softened about the classes' shares, see `softened`: in the paper teacher and network soften alike, and the
shares of what is learnt stay the labels'. Softened as they stand, the probabilities would teach that rare classes are less
rare than the labels say.

A teacher looks once at each training picture as it is, in the size, crop and color constancy that it was trained with; what
it said is kept with the run, so a resume learns from the same numbers.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.config import RunConfig
from skin_core.models.outputs import class_probabilities
from skin_core.paths import atomic_path
from skin_core.progress import Progress, ProgressCallback, tracked
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared
from skin_core.training.scores import as_frequent
from skin_core.training.teachers import class_shares, teachers_of

if TYPE_CHECKING:
    import keras

log = logging.getLogger("skin_core.training")

_BATCH = 64


def taught(
    folder: RunFolder, config: RunConfig, prepared: Prepared, progress: ProgressCallback, *, fold: int | None = None
) -> np.ndarray | None:
    """What a run's teachers say of its training pictures, softened and averaged; asked once.

    Args:
        folder, config, prepared: of the run, or of one fold's member.
        progress: told how far the teachers are; may raise to give up.
        fold: number of the fold, from 1; None for one run.

    Returns:
        float32 (N, C), rows of the manifest that are trained on sum to 1 and the others are 0; None without a teacher.

    Raises:
        RunError: if a teacher is gone and was not asked before.
    """
    if not config.distill_from:
        return None
    rows = prepared.rows("train")
    ids = prepared.manifest.frame["image_id"].iloc[rows].tolist()
    found = _kept(folder, ids)
    if found is None:
        said = [_said(teacher, config, prepared, rows, progress, fold) for teacher in teachers_of(config)]
        found = np.mean(said, axis=0).astype(np.float32)
        with atomic_path(folder.taught) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, image_ids=np.array(ids, dtype=str), probabilities=found)
    every = np.zeros((len(prepared.labels), found.shape[1]), np.float32)
    every[rows] = found
    return every


def softened(probabilities: np.ndarray, temperature: float, shares: np.ndarray) -> np.ndarray:
    """Probabilities at another temperature, ``π (p / π)^(1/T)`` up to a factor for each row.

    What a picture says for and against a class, p / π, is softened; who knows nothing of a picture (p = π) says so at any
    temperature. Of equally frequent classes it is the softmax at temperature T.

    Args:
        probabilities: p, float (N, C), rows sum to 1.
        temperature: T, above 0; 1 changes nothing, more makes rows more like the shares.
        shares: π, float (C,), above 0, under which the probabilities hold.

    Returns:
        float64 (N, C), rows sum to 1.
    """
    values = (np.asarray(probabilities, np.float64) / shares) ** (1 / temperature) * shares
    return values / values.sum(axis=1, keepdims=True)


def _kept(folder: RunFolder, ids: list[str]) -> np.ndarray | None:
    try:
        stored = read_arrays(folder.taught)
        # Pictures that could be decoded then, and cannot now, are left out of what is learnt from.
        return stored["probabilities"] if stored["image_ids"].tolist() == ids else None
    except (OSError, ValueError, KeyError):
        return None


def _said(
    teacher: RunFolder,
    config: RunConfig,
    prepared: Prepared,
    rows: np.ndarray,
    progress: ProgressCallback,
    fold: int | None,
) -> np.ndarray:
    import keras

    from skin_core.data.cache import open_pixels

    theirs = teacher.read_config()
    member = teacher.member(fold) if theirs.folds and fold is not None else teacher
    progress(Progress(f"Loading run {teacher.run_id}, which teaches", 0, 0))
    model = keras.models.load_model(member.model, compile=False)
    pixels = open_pixels(
        prepared.manifest,
        size=theirs.image_size,
        crop=theirs.crop,
        constancy=theirs.color_constancy,
        progress=progress,
    ).pixels
    said = class_probabilities(
        _outputs(model, pixels, rows, _columns(member, prepared), f"Asking run {teacher.run_id}", progress),
        len(prepared.classes),
    )
    if theirs.equal_shares:
        said = as_frequent(said, class_shares(teacher, member, len(prepared.classes)))
    counts = np.maximum(np.bincount(prepared.labels[rows], minlength=len(prepared.classes)), 0.5)
    shares = counts / counts.sum()
    if config.balance != "none":
        # Labels that are weighed or drawn as if classes were equally frequent want a teacher who says so, too.
        said, shares = as_frequent(said, 1 / shares), np.full(len(shares), 1 / len(shares))
    log.info("Run %s was asked about %d training pictures", teacher.run_id, len(rows))
    return softened(said, config.distill_temperature, shares)


def _outputs(
    model: keras.Model, pixels, rows: np.ndarray, tabular: np.ndarray | None, what: str, progress: ProgressCallback
) -> np.ndarray:
    from skin_core.data.batches import n_batches, plain_batches
    from skin_core.training.steps import forward

    run = forward(model)
    batches = plain_batches(pixels, rows, batch_size=_BATCH, tabular=tabular)
    return np.concatenate([run(inputs) for (inputs,) in tracked(batches, what, n_batches(len(rows), _BATCH), progress)])


def _columns(member: RunFolder, prepared: Prepared) -> np.ndarray | None:
    """The columns beside the image as the teacher encodes them, float32 (N, F), or None."""
    if not member.tabular.exists():
        return None
    from skin_core.data.tabular import TabularEncoder

    encoder = TabularEncoder.from_dict(json.loads(member.tabular.read_text(encoding="utf-8")))
    return encoder.encode(prepared.manifest.frame)
