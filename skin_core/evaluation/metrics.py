"""Metrics as pure functions of arrays, for one weighting of the images or for a thousand at once.

Every function takes ``weights`` (B, N): how often each image counts in each of B resamples (all ones for the plain
figure), and returns (B,). So the figure and its bootstrap interval come from the same line of code. What is undefined
(an AUC without positives, a recall of a class that is not there) is NaN, never 0 or 1.
"""

from __future__ import annotations

import numpy as np

ECE_BINS = 15


def auc(weights: np.ndarray, positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: P(score of a positive > score of a negative), ties counted half.

    Args:
        weights: (B, N). positive: bool (N,). score: float (N,).

    Returns:
        (B,); NaN where a resample has no positive or no negative.
    """
    if not len(score):
        return np.full(len(weights), np.nan)
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    ordered = weights[:, order]
    is_positive = positive[order]
    positives = np.add.reduceat(ordered * is_positive, starts, axis=1)
    negatives = np.add.reduceat(ordered * ~is_positive, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    won = (positives * (below + negatives / 2)).sum(axis=1)
    return _ratio(won, positives.sum(axis=1) * negatives.sum(axis=1))


def confusion(weights: np.ndarray, labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts (B, C, C): rows are true classes, columns predicted ones. ``labels`` and ``predicted``: int (N,)."""
    table = np.zeros((len(weights), n_classes, n_classes))
    for true in range(n_classes):
        for guess in range(n_classes):
            chosen = (labels == true) & (predicted == guess)
            if chosen.any():
                table[:, true, guess] = weights[:, chosen].sum(axis=1)
    return table


def accuracy(table: np.ndarray) -> np.ndarray:
    """Share of images in their class, (B,), from confusion counts (B, C, C)."""
    return _ratio(np.trace(table, axis1=1, axis2=2), table.sum(axis=(1, 2)))


def recalls(table: np.ndarray) -> np.ndarray:
    """Sensitivity of each class, (B, C); NaN for a class that is not there."""
    return _ratio(np.diagonal(table, axis1=1, axis2=2), table.sum(axis=2))


def specificities(table: np.ndarray) -> np.ndarray:
    """Specificity of each class against the rest, (B, C); NaN where there is no rest."""
    hits = np.diagonal(table, axis1=1, axis2=2)
    everything = table.sum(axis=(1, 2))[:, np.newaxis]
    others = everything - table.sum(axis=2)
    return _ratio(others - (table.sum(axis=1) - hits), others)


def f1_scores(table: np.ndarray) -> np.ndarray:
    """F1 of each class, (B, C): 2·TP / (2·TP + FP + FN); NaN where the class is neither there nor predicted."""
    hits = np.diagonal(table, axis1=1, axis2=2)
    return _ratio(2 * hits, table.sum(axis=1) + table.sum(axis=2))


def mean_over(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Mean over the classes that the set has, (B,), of values (B, C).

    A class that the set lacks does not count (balanced accuracy as scikit-learn has it); one that only a resample
    lost makes that resample NaN, so that an interval does not mix means over different classes.

    Args:
        present: bool (C,).
    """
    return values[:, present].mean(axis=1) if present.any() else np.full(len(values), np.nan)


def expected_calibration_error(weights: np.ndarray, correct: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Mean |share correct - mean confidence| over 15 equal bins of confidence (Guo et al. 2017), (B,).

    Args:
        correct: bool (N,); for a risk, whether the image is positive. confidence: float (N,), 0–1.
    """
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gap = np.zeros(len(weights))
    for number in np.unique(bins):
        inside = bins == number
        gap += np.abs(weights[:, inside] @ (correct[inside] - confidence[inside]))
    return _ratio(gap, weights.sum(axis=1))


def mean_of(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted mean of one value an image, (B,): Brier score, log loss, sensitivity of a decision."""
    return _ratio(weights @ values, weights.sum(axis=1))


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    under = np.broadcast_to(np.asarray(under, dtype=np.float64), np.shape(over))
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under != 0)
