"""Figures of decisions and means, for one weighting of the images or for a thousand at once.

Every function takes ``weights`` (B, N): how often each image counts in each of B resamples (all ones for the plain
figure), and returns (B,). So the figure and its bootstrap interval come from the same line of code. What is undefined
(a recall of a class that is not there, a precision of a class that is never named) is NaN, never 0 or 1.

Beside it: `ranking` (areas under curves), `reliability` and `recalibration` (whether a probability means what it
says), `patients` (ranks within a patient).
"""

from __future__ import annotations

import numpy as np

from skin_core.evaluation.sums import sums


def confusion(weights: np.ndarray, labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts (B, C, C): rows are true classes, columns predicted ones. ``labels`` and ``predicted``: int (N,)."""
    counts = sums(weights, labels * n_classes + predicted, n_classes * n_classes)
    return counts.T.reshape(len(weights), n_classes, n_classes)


def accuracy(table: np.ndarray) -> np.ndarray:
    """Share of images in their class, (B,), from confusion counts (B, C, C)."""
    return ratio(np.trace(table, axis1=1, axis2=2), table.sum(axis=(1, 2)))


def recalls(table: np.ndarray) -> np.ndarray:
    """Sensitivity of each class, TP / (TP + FN), (B, C); NaN for a class that is not there.

    Their mean over the classes (`mean_over`) is balanced accuracy, which is ISIC 2018's score (Codella et al. 2019,
    arXiv:1902.03368).
    """
    return ratio(np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2))


def precisions(table: np.ndarray) -> np.ndarray:
    """Precision of each class, TP / (TP + FP), (B, C); NaN for a class that is never named."""
    return ratio(np.diagonal(table, axis1=1, axis2=2), table.sum(axis=1))


def specificities(table: np.ndarray) -> np.ndarray:
    """Specificity of each class against the rest, TN / (TN + FP), (B, C); NaN where there is no rest."""
    hits = np.diagonal(table, axis1=1, axis2=2)
    everything = table.sum(axis=(1, 2))[:, np.newaxis]
    others = everything - table.sum(axis=2)
    return ratio(others - (table.sum(axis=1) - hits), others)


def f1_scores(table: np.ndarray) -> np.ndarray:
    """F1 of each class, (B, C): 2·TP / (2·TP + FP + FN); NaN where the class is neither there nor predicted."""
    hits = np.diagonal(table, axis1=1, axis2=2)
    return ratio(2 * hits, table.sum(axis=1) + table.sum(axis=2))


def mean_over(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Mean over the classes that the set has, (B,), of values (B, C).

    A class that the set lacks does not count (balanced accuracy as scikit-learn has it); one that only a resample
    lost makes that resample NaN, so that an interval does not mix means over different classes.

    Args:
        present: bool (C,).
    """
    return values[:, present].mean(axis=1) if present.any() else np.full(len(values), np.nan)


def mean_by_support(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Mean over the classes, each weighted by its images ("weighted" in scikit-learn), (B,), of values (B, C)."""
    support = table.sum(axis=2)
    return ratio((np.where(support > 0, values, 0) * support).sum(axis=1), support.sum(axis=1))


def mean_of(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted mean of one value an image, (B,): Brier score, log loss, sensitivity of a decision.

    With ``(risk - positive) ** 2`` it is the Brier score of a risk; with the squared distances of all classes summed
    it is Brier's own, 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2, from 0 to 2.
    """
    return ratio(weights @ values, weights.sum(axis=1))


def number_needed_to_refer(weights: np.ndarray, positive: np.ndarray, referred: np.ndarray) -> np.ndarray:
    """Referred lesions for each that is positive: 1 / PPV, (B,); NaN where no positive one is referred.

    As the number needed to excise, Hansen et al. 2009 (J Am Acad Dermatol 61:599), at the set's own prevalence.

    Args:
        positive: bool (N,). referred: bool (N,).
    """
    return ratio(weights @ referred.astype(float), weights @ (referred & positive).astype(float))


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """``over / under``, NaN where there is nothing to divide by."""
    under = np.broadcast_to(np.asarray(under, dtype=np.float64), np.shape(over))
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under != 0)
