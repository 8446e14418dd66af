"""Folds for cross-validation: whole groups, each class evenly, no test picture in them, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skin_core.data.assignment import Group, deal
from skin_core.data.split import Split
from skin_core.errors import DataSourceError

NO_FOLD = -1


def cross_validation_folds(split: Split, labels: Sequence[str], *, folds: int = 5, seed: int = 42) -> np.ndarray:
    """Deals the training and validation pictures of a split into folds; the test pictures get none.

    Args:
        split: of the set; its groups (lesions, patients, twins) stay whole.
        labels: class of each row of ``split.frame``.
        folds: how many, at least 2.
        seed: which group goes where.

    Returns:
        int64, one number a row of ``split.frame``: 0 to ``folds`` - 1, or `NO_FOLD` for a test picture.

    Raises:
        DataSourceError: if there are fewer groups than folds.
        ValueError: for fewer than two folds.
    """
    used = (split.frame["split"] != "test").to_numpy(dtype=bool)
    groups = split.frame["group"].to_numpy(dtype=object)
    found = np.full(len(used), NO_FOLD, dtype=np.int64)
    found[used] = grouped_folds(groups[used], np.asarray(labels, dtype=object)[used], folds=folds, seed=seed)
    return found


def grouped_folds(groups: np.ndarray, labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Deals groups into folds of equal shares of each class, by the quotas and hashes of `assignment.deal`.

    Args:
        groups: (N,), what must stay together, named by text: the names decide the order, so they must be the same
            wherever the folds are to be the same.
        labels: (N,), class of each picture.
        folds: how many, at least 2.
        seed: which group goes where.

    Returns:
        int64 (N,), the fold of each picture.

    Raises:
        DataSourceError: if there are fewer groups than folds.
        ValueError: for fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"folds must be at least 2; got {folds}")
    named, index = _counted(groups, labels)
    if len(named) < folds:
        raise DataSourceError(f"{folds} folds need as many lesions or patients; there are {len(named)}: ask for fewer.")
    dealt = deal(named, {str(number): 1 / folds for number in range(folds)}, seed)
    return np.array([int(fold) for fold in dealt], dtype=np.int64)[index]


def inner_validation(groups: np.ndarray, labels: np.ndarray, *, fraction: float, seed: int) -> np.ndarray:
    """Deals a validation part out of the pictures that a fold's network may learn from, whole groups, each class evenly.

    Args:
        groups: (N,), what must stay together, named by text.
        labels: (N,), class of each picture.
        fraction: share of each class for validation, above 0 and below 1.
        seed: which group goes where.

    Returns:
        bool (N,), whether a picture validates; each class keeps a group in training.

    Raises:
        ValueError: for a fraction out of its range.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be in (0, 1); got {fraction}")
    named, index = _counted(groups, labels)
    sides = deal(named, {"train": 1 - fraction, "validation": fraction}, seed)
    for label in sorted({label for group in named for label in group.counts}):
        holders = [place for place, group in enumerate(named) if label in group.counts]
        if all(sides[place] == "validation" for place in holders):
            sides[min(holders, key=lambda place: (named[place].size, named[place].key))] = "train"
    return np.array([side == "validation" for side in sides], dtype=bool)[index]


def _counted(groups: np.ndarray, labels: np.ndarray) -> tuple[list[Group], np.ndarray]:
    """The groups in the order of their names, and the number of each picture's."""
    names, index = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    classes, code = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (index, code), 1)
    found = [
        Group(name, int(row.sum()), {str(classes[place]): int(row[place]) for place in np.flatnonzero(row)})
        for name, row in zip(names.tolist(), counts, strict=True)
    ]
    return found, index
