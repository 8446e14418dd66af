"""Variance and difference of AUCs where lesions or patients have several images, without resampling.

DeLong, DeLong and Clarke-Pearson 1988, doi:10.2307/2531595, for clusters: Obuchowski 1997, doi:10.2307/2533958. It is
the check on the bootstrap, from which it should differ by little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AucDifference:
    """Two AUCs of the same images.

    Attributes:
        first, second: the AUCs.
        difference: first - second; ``low``, ``high``: its 95 % interval by the normal distribution.
        p: two-sided; NaN where the standard error is 0 or unknown.
        standard_error: of the difference.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    standard_error: float


def auc_covariance(positive: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs of several scores and their covariance.

    Args:
        positive: bool (N,). scores: float (M, N). groups: (N,), cluster of each image.

    Returns:
        AUCs (M,) and covariance (M, M); NaN without two clusters that hold positives and two that hold negatives, or
        where a score is NaN.
    """
    _, index = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n_groups, m, n = index.max(initial=-1) + 1, int(positive.sum()), int((~positive).sum())
    unknown = np.full(len(scores), np.nan), np.full((len(scores), len(scores)), np.nan)
    if not m or not n or np.isnan(scores).any():
        return unknown
    of_positive = np.stack([_beaten(score[positive], score[~positive]) for score in scores])
    of_negative = np.stack([1 - _beaten(score[~positive], score[positive]) for score in scores])
    areas = of_positive.mean(axis=1)
    with_positive, with_negative = len(np.unique(index[positive])), len(np.unique(index[~positive]))
    if min(with_positive, with_negative) < 2:
        return areas, unknown[1]
    # Each cluster's sum of components, less what its images would have on average.
    ups = _summed(of_positive - areas[:, np.newaxis], index[positive], n_groups)
    downs = _summed(of_negative - areas[:, np.newaxis], index[~positive], n_groups)
    cross = ups @ downs.T
    return areas, (
        with_positive / (with_positive - 1) / m**2 * (ups @ ups.T)
        + with_negative / (with_negative - 1) / n**2 * (downs @ downs.T)
        + n_groups / (n_groups - 1) / (m * n) * (cross + cross.T)
    )


def auc_difference(positive: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> AucDifference:
    """Compares two scores of the same images.

    Args:
        positive: bool (N,). first, second: float (N,). groups: (N,).
    """
    from scipy.special import ndtr

    areas, covariance = auc_covariance(positive, np.stack([first, second]), groups)
    difference = float(areas[0] - areas[1])
    # Rounding may leave a hair below 0 for two equal scores.
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    p = float(2 * ndtr(-abs(difference) / error)) if error > 1e-12 else float("nan")
    wide = 1.959963984540054 * error
    return AucDifference(float(areas[0]), float(areas[1]), difference, difference - wide, difference + wide, p, error)


def _beaten(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of the others that each value is above, ties half."""
    ranked = np.sort(others)
    return (np.searchsorted(ranked, values, "left") + np.searchsorted(ranked, values, "right")) / 2 / len(ranked)


def _summed(values: np.ndarray, index: np.ndarray, n_groups: int) -> np.ndarray:
    return np.stack([np.bincount(index, row, minlength=n_groups) for row in values])
