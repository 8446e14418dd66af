"""Expected calibration error over bins of equal mass, debiased, and what a perfectly calibrated model would show.

With n images even a perfect model shows an error, because each bin's share is an estimate. The plain estimator counts
that as miscalibration; debiasing takes most of it away, and what is left is told beside the figure.
"""

from __future__ import annotations

import numpy as np

from skin_core.evaluation.sums import sums

BINS = 15
_IMAGES_A_BIN = 20
SIMULATIONS = 500
# Simulated outcomes at a time; all of a large set's at once would not fit into memory.
_CELLS = 1_000_000


def equal_mass_bins(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of each value: about equally many in each, equal values together, at least 20 a bin.

    Args:
        values: float (N,), without NaN.

    Returns:
        int (N,), from 0 without gaps; fewer bins where there are few or tied values, and one where there are fewer than 20.
    """
    if not len(values):
        return np.zeros(0, dtype=int)
    bins = max(1, min(bins, len(values) // _IMAGES_A_BIN))
    # An edge is a value that occurs, so equal values cannot fall on two sides of it.
    edges = np.quantile(values, np.arange(1, bins) / bins, method="higher")
    found = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]
    return _large_enough(np.bincount(found))[found]


def _large_enough(sizes: np.ndarray) -> np.ndarray:
    """New numbers of bins, (B,): ties leave some small, which go to the next one, and the last to the one before."""
    numbers, held = [0], sizes[0]
    for size in sizes[1:]:
        full = held >= _IMAGES_A_BIN
        numbers.append(numbers[-1] + full)
        held = size if full else held + size
    last = numbers[-1] - (held < _IMAGES_A_BIN)
    return np.minimum(numbers, max(0, last))


def expected_calibration_error(
    weights: np.ndarray, correct: np.ndarray, confidence: np.ndarray, *, debiased: bool = True
) -> np.ndarray:
    """Mean |mean confidence - share correct| over bins of equal mass, less what chance adds to it, (B,), at least 0.

    The bias of each bin's |difference| is worked out for a normal error of the share, as Kumar, Liang and Ma 2019
    (arXiv:1909.10155) estimate it by drawing; here in closed form (mean of a folded normal). The bins are those of the
    whole set in every resample. The error of a share is Σw² / (Σw)² times its variance, which in a resample is twice
    that of the set, so a resample is not mistaken for a less calibrated model.

    Args:
        weights: (B, N). correct: bool (N,) or (B, N); for a risk, whether the image is positive.
        confidence: float (N,), 0–1.
        debiased: False gives the plain estimator.

    Returns:
        (B,); NaN for no image or where a confidence is NaN.
    """
    if not len(confidence) or np.isnan(confidence).any():
        return np.full(len(weights), np.nan)
    bins = equal_mass_bins(confidence)
    n = bins.max() + 1
    mass = sums(weights, bins, n).T
    gaps, right = (
        sums(weights, bins, n, values).T if np.ndim(correct) == 1 else sums(weights * values, bins, n).T
        for values in (confidence - correct, correct)
    )
    # Mean confidence less share correct; the share itself is needed for its error only.
    gap = np.abs(_mean(gaps, mass))
    if debiased:
        share = _mean(right, mass)
        spread = np.sqrt(share * (1 - share) * _mean(sums(weights**2, bins, n).T, mass**2))
        gap = gap - (_folded_mean(gap, spread) - gap)
    total = mass.sum(axis=1)
    error = np.divide((gap * mass).sum(axis=1), total, out=np.full(len(weights), np.nan), where=total > 0)
    return np.maximum(error, 0)


def error_if_calibrated(
    confidence: np.ndarray, groups: np.ndarray, *, simulations: int = SIMULATIONS, seed: int = 0
) -> dict[str, float]:
    """What `expected_calibration_error` shows of a model whose probabilities are exactly right, for these images.

    Each image is made correct with its own confidence; images of one group share one draw, as they share one diagnosis.

    Args:
        confidence: float (N,), 0–1. groups: (N,), lesion or patient.
        simulations: sets drawn. seed: of the draws.

    Returns:
        The mean as "value", and between "low" and "high" 95 in 100 of the sets; NaN for no image.
    """
    if not len(confidence) or np.isnan(confidence).any():
        return dict.fromkeys(("value", "low", "high"), float("nan"))
    _, index = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // len(confidence))
    parts = []
    for start in range(0, simulations, step):
        some = min(step, simulations - start)
        correct = generator.random((some, index.max() + 1))[:, index] < confidence
        parts.append(expected_calibration_error(np.ones(correct.shape), correct, confidence))
    found = np.concatenate(parts)
    low, high = np.quantile(found, [0.025, 0.975])
    return {"value": float(found.mean()), "low": float(low), "high": float(high)}


def _folded_mean(distance: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """E|X| of a normal X, Leone, Nelson and Nottingham 1961, doi:10.1080/00401706.1961.10489974."""
    from scipy.special import ndtr

    z = np.divide(distance, spread, out=np.full_like(distance, np.inf), where=spread > 0)
    bent = spread * np.sqrt(2 / np.pi) * np.exp(-(np.minimum(z, 40) ** 2) / 2)
    return bent + distance * (2 * ndtr(z) - 1)


def _mean(total: np.ndarray, mass: np.ndarray) -> np.ndarray:
    return np.divide(total, mass, out=np.zeros_like(total), where=mass > 0)
