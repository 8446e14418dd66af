"""Figures of how a score ranks positives above negatives: areas under curves, and points on them.

As in `evaluation.metrics`, each takes weights of many resamples at once. The set is sorted once and each threshold's
counts are summed once; every figure reads those. Only distinct scores are thresholds, so ties can never be cut apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skin_core.evaluation.sums import sums

# Shares such as 18 / 20 and 0.9 must compare as equal.
_HAIR = 1e-9


@dataclass(frozen=True)
class Ranked:
    """Counts at each threshold, from "nobody is referred" to "everybody is".

    Thresholds are rows, because sums down the columns of many resamples are three times as fast as along them.

    Attributes:
        hits: float (U + 1, B), weight of the positives at or above each of U distinct scores, highest first; 0 first.
        alarms: the same for the negatives.
    """

    hits: np.ndarray
    alarms: np.ndarray

    @classmethod
    def of(cls, weights: np.ndarray, positive: np.ndarray, score: np.ndarray, *, corners: bool = False) -> Ranked:
        """Sorts and counts.

        A score that is NaN ranks nowhere: then every figure of the set is NaN, rather than one of those that are left.

        Args:
            weights: (B, N). positive: bool (N,). score: float (N,), higher is more suspect.
            corners: leaves thresholds out that add negatives only and lie between two such: of a rare class few are
                left, and no figure changes, since each hangs on the corners of the curve. The curve itself, with its
                straight lines from one threshold to the next, needs them all.
        """
        if np.isnan(score).any() or not len(score):
            undefined = np.full((2, len(weights)), np.nan)
            return cls(undefined, undefined)
        order = np.argsort(-score, kind="stable")
        step = _steps(score[order], positive[order], corners=corners)
        place = np.empty_like(step)
        place[order] = step
        counts = np.zeros((2, step[-1] + 2, len(weights)))
        for row, wanted in zip(counts, (positive, ~positive), strict=True):
            np.cumsum(sums(weights, np.where(wanted, place, -1), step[-1] + 1), axis=0, out=row[1:])
        return cls(counts[0], counts[1])

    @cached_property
    def sensitivities(self) -> np.ndarray:
        """(U + 1, B), rising; NaN without positives."""
        return self.hits * _inverse(self.hits[-1])

    @cached_property
    def specificities(self) -> np.ndarray:
        """(U + 1, B), falling; NaN without negatives."""
        return 1 - self.alarms * _inverse(self.alarms[-1])

    def auc(self) -> np.ndarray:
        """Area under the ROC curve: P(score of a positive > score of a negative), ties counted half.

        Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747. (B,); NaN without positives or negatives.
        """
        # Twice the area, between a threshold's alarms and the next one's.
        twice = np.einsum("ub,ub->b", np.diff(self.alarms, axis=0), self.hits[1:] + self.hits[:-1])
        return twice / 2 * _inverse(self.hits[-1] * self.alarms[-1])

    def average_precision(self) -> np.ndarray:
        """Sum over thresholds of precision times the gain in sensitivity, without interpolation.

        As scikit-learn's ``average_precision_score``. (B,); NaN without positives or negatives: 1 would say nothing.
        """
        gains = np.diff(self.hits, axis=0)
        # Where nobody is called yet, nobody was gained either.
        called = np.maximum(self.hits[1:] + self.alarms[1:], 1e-300)
        area = np.einsum("ub,ub->b", self.hits[1:] / called, gains) * _inverse(self.hits[-1])
        return np.where(self.alarms[-1] > 0, area, np.nan)

    def partial_auc(self, least_sensitivity: float = 0.8) -> np.ndarray:
        """Area under the ROC curve and above a sensitivity, as the ISIC 2024 challenge scores it.

        Ranges from 0 to 1 - least_sensitivity, so 0.2; chance gives 0.02. It is neither divided by that nor corrected
        as scikit-learn's ``max_fpr`` is (McClish 1989). https://www.kaggle.com/competitions/isic-2024-challenge; its
        score swaps the classes and reads the area left of a false-positive rate of 0.2, which is the same.

        Returns:
            (B,); NaN without positives or negatives.
        """
        reached, cleared = self.sensitivities, self.specificities
        # The thresholds that reach the sensitivity in some resample, and the one before.
        first = max(0, int((reached > least_sensitivity).any(axis=1).argmax()) - 1)
        reached, cleared = reached[first:], cleared[first:]
        start, end = reached[:-1], reached[1:]
        gain = end - start
        cut = np.maximum(start, least_sensitivity)
        part = np.divide(cut - start, gain, out=np.zeros_like(gain), where=gain > 0)
        at_cut = cleared[:-1] + part * np.diff(cleared, axis=0)
        return (np.maximum(end - cut, 0) * (at_cut + cleared[1:]) / 2).sum(axis=0)

    def sensitivity_at(self, specificity: float) -> np.ndarray:
        """Highest sensitivity of a threshold with at least this specificity; not interpolated. (B,)."""
        return _best(self.sensitivities, self.specificities, specificity)

    def specificity_at(self, sensitivity: float) -> np.ndarray:
        """Highest specificity of a threshold with at least this sensitivity; not interpolated. (B,)."""
        return _best(self.specificities, self.sensitivities, sensitivity)


def _steps(ranked: np.ndarray, positive: np.ndarray, *, corners: bool) -> np.ndarray:
    """The step of the curve that each image belongs to, int (N,) from 0, of sorted scores."""
    tied = np.cumsum(np.r_[0, ranked[1:] != ranked[:-1]])
    if not corners:
        return tied
    gains = np.bincount(tied, positive) > 0
    # A new step where a score has positives, or the one before had.
    starts = gains | np.r_[True, gains[:-1]]
    return (np.cumsum(starts) - 1)[tied]


def auc(weights: np.ndarray, positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """`Ranked.auc` of one score, (B,).

    Args:
        weights: (B, N). positive: bool (N,). score: float (N,).
    """
    return Ranked.of(weights, positive, score, corners=True).auc()


def _best(values: np.ndarray, kept: np.ndarray, least: float) -> np.ndarray:
    best = np.where(kept >= least - _HAIR, values, 0).max(axis=0)
    return np.where(np.isnan(values[0]) | np.isnan(kept[0]), np.nan, best)


def _inverse(total: np.ndarray) -> np.ndarray:
    return np.divide(1, total, out=np.full(total.shape, np.nan), where=total > 0)
