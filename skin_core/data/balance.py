"""How class imbalance is met, within the training split only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

Method = Literal["none", "class_weights", "oversample", "undersample", "augment"]

# Keeps this draw apart from those of the order and of the augmentation, which share seed and epoch.
_STREAM = 11


@dataclass(frozen=True)
class Plan:
    """What one epoch trains on.

    Attributes:
        rows: int64 (M,), positions in the training split, ascending, some of them repeated or left out.
        copies: bool (M,), the rows that are there once more to balance; with method "augment" these are shown changed.
        class_weights: float32 (C,), the weight of a sample of each class; all 1 but for method "class_weights".
    """

    rows: np.ndarray
    copies: np.ndarray
    class_weights: np.ndarray


def plan(labels: np.ndarray, method: Method, *, n_classes: int, seed: int, epoch: int = 0) -> Plan:
    """Chooses the rows of an epoch.

    - "class_weights": every row once, weighted n / (k · n_c) with k classes present and n_c rows of the class, so that
      each class weighs the same and the mean weight is 1.
    - "oversample": every row, and rows of each smaller class again, up to the largest class.
    - "undersample": as many rows of each class as the smallest has; other ones each epoch.
    - "augment": the rows of "oversample"; the copies are shown rotated, flipped and zoomed.

    Args:
        labels: int (N,), the class numbers of the training split.
        method: see above.
        n_classes: C.
        seed: of the run.
        epoch: a draw depends on (seed, epoch) alone.
    """
    labels = np.asarray(labels)
    counts = np.bincount(labels, minlength=n_classes)
    weights = np.ones(n_classes, np.float32)
    everything = np.arange(len(labels), dtype=np.int64)
    if method == "class_weights":
        present = counts > 0
        weights[present] = len(labels) / (present.sum() * counts[present])
    if method in ("none", "class_weights") or len(labels) == 0:
        return Plan(everything, np.zeros(len(everything), bool), weights)

    rng = np.random.default_rng((seed, epoch, _STREAM))
    target = counts.max() if method in ("oversample", "augment") else counts[counts > 0].min()
    rows, copies = [], []
    for number in np.flatnonzero(counts):
        members = everything[labels == number]
        shuffled = rng.permutation(members)
        # Whole rounds first, so that no row is shown twice more often than another.
        chosen = np.resize(shuffled, target)
        rows.append(chosen)
        copies.append(np.arange(target) >= len(members))
    rows, copies = np.concatenate(rows), np.concatenate(copies)
    order = np.lexsort((copies, rows))
    return Plan(rows[order], copies[order], weights)


def distribution(labels: np.ndarray, balanced: Plan, classes: Sequence[str]) -> pd.DataFrame:
    """Images of each class before and after balancing.

    Args:
        labels: int (N,), as given to `plan`.
        balanced: what `plan` returned.
        classes: names by class number.

    Returns:
        Columns ``class``, ``before``, ``after`` (images an epoch), ``weight`` (of one of them) and ``share`` (of the
        class in the loss, 0 to 1).
    """
    labels = np.asarray(labels)
    before = np.bincount(labels, minlength=len(classes))
    after = np.bincount(labels[balanced.rows], minlength=len(classes))
    mass = after * balanced.class_weights.astype(np.float64)
    return pd.DataFrame(
        {
            "class": list(classes),
            "before": before,
            "after": after,
            "weight": balanced.class_weights.astype(np.float64),
            "share": mass / max(mass.sum(), 1e-12),
        }
    )
