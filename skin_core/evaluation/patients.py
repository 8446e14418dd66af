"""How a score ranks the lesions of one patient: the question that a total body photograph puts."""

from __future__ import annotations

import numpy as np

TOP = 15


def in_top(score: np.ndarray, patients: np.ndarray, top: int = TOP) -> np.ndarray:
    """Whether each image is among the highest scores of its patient, float (N,), 0 to 1.

    Of images that tie across the border each has the share that is left for them, as if drawn by lot.
    """
    _, index = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    order = np.lexsort((-score, index))
    owner, ranked = index[order], score[order]
    first = np.searchsorted(owner, owner)
    place = np.arange(len(owner)) - first
    starts = np.flatnonzero(np.r_[True, (owner[1:] != owner[:-1]) | (ranked[1:] != ranked[:-1])])
    tied = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(owner)]))
    size, ahead = np.diff(np.r_[starts, len(owner)])[tied], place[starts][tied]
    share = np.zeros(len(score))
    share[order] = np.clip((top - ahead) / size, 0, 1)
    return share


def top_sensitivity(
    weights: np.ndarray, positive: np.ndarray, score: np.ndarray, patients: np.ndarray, top: int = TOP
) -> np.ndarray:
    """Share of the positives that are among the ``top`` most suspect lesions of their patient, (B,).

    ISIC 2024's second score, "top-15 retrieval sensitivity" (ISIC-Research/Challenge-2024-Metrics).

    Args:
        weights: (B, N). positive: bool (N,). score: float (N,). patients: (N,).

    Returns:
        NaN without positives, where a score is NaN, or where no patient has more than ``top`` images: then it would
        be 1 whatever the model does.
    """
    counts = np.unique(np.asarray(patients).astype(str), return_counts=True)[1]
    if not len(score) or np.isnan(score).any() or counts.max() <= top:
        return np.full(len(weights), np.nan)
    hits = weights @ (in_top(score, patients, top) * positive)
    total = weights @ positive.astype(float)
    return np.divide(hits, total, out=np.full(len(weights), np.nan), where=total > 0)
