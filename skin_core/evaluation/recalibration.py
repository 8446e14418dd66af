"""Calibration slope and intercept: the logistic regression of the outcome on the log odds of the risk.

Cox 1958, doi:10.1093/biomet/45.3-4.562; read as Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7, advise:
slope 1 and intercept 0 are right; a slope below 1 is a model too sure of itself; an intercept above 0, too low risks.
"""

from __future__ import annotations

import numpy as np

# A risk of 0 or 1 has no log odds; one in a million is as sure as a set of this kind can tell.
_SUREST = 1e-6
_STEPS = 40
# The error of a step of Newton's method is about the square of the step.
_CLOSE = 1e-7
# Beyond these the outcome is separated, or nearly: the likelihood has no maximum there.
_STEEPEST = 1e3


def log_odds(risk: np.ndarray) -> np.ndarray:
    """``ln(risk / (1 - risk))`` with the risk kept in 1e-6 to 1 - 1e-6."""
    kept = np.clip(risk, _SUREST, 1 - _SUREST)
    return np.log(kept) - np.log1p(-kept)


def calibration_slope(weights: np.ndarray, positive: np.ndarray, risk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits ``logit P(positive) = a + b · logit(risk)`` for each weighting.

    Args:
        weights: (B, N). positive: bool (N,). risk: float (N,), 0–1.

    Returns:
        Slope b and intercept a, (B,) each; NaN without positives or negatives, for constant risks, where the risks
        separate the outcomes, or where a risk is NaN.
    """
    if not len(risk) or np.isnan(risk).any():
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    x = log_odds(risk)
    centre, scale = x.mean(), x.std() or 1.0
    x = (x - centre) / scale
    whole = _line(_Outcomes(np.ones((1, len(x))), positive, x))
    outcomes = _Outcomes(weights, positive, x)
    # What holds of the set is close to what holds of its resamples.
    intercept, slope, found = _line(outcomes, whole[0], whole[1]) if whole[2][0] else _line(outcomes)
    missed = outcomes.both & ~found
    if missed.any():
        # From the prevalence, so that where one begins does not decide whether there is an answer.
        intercept[missed], slope[missed], found[missed] = _line(_Outcomes(weights[missed], positive, x))
    slope = slope / scale
    return np.where(found, slope, np.nan), np.where(found, intercept - slope * centre, np.nan)


def calibration_in_the_large(weights: np.ndarray, positive: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """The intercept a of ``logit P(positive) = a + logit(risk)``: whether the risks are right on the whole, (B,).

    It is this one that is called calibration intercept in reports. NaN without positives or negatives, or where a risk
    is NaN.
    """
    if not len(risk) or np.isnan(risk).any():
        return np.full(len(weights), np.nan)
    x = log_odds(risk)
    start = _shift(_Outcomes(np.ones((1, len(x))), positive, x), 0.0)[0]
    outcomes = _Outcomes(weights, positive, x)
    return np.where(outcomes.both, _shift(outcomes, start), np.nan)


class _Outcomes:
    """Outcomes under many weightings, with the derivatives of their log likelihood for ``sigmoid(a + b x)``.

    Images are rows here: then a resample is a column, and sums over images run through whole rows. With
    ``t = tanh((a + b x) / 2)`` a probability p is (1 + t) / 2 and p (1 - p) is (1 - t²) / 4.
    """

    def __init__(self, weights: np.ndarray, positive: np.ndarray, x: np.ndarray) -> None:
        self._columns = np.ascontiguousarray(weights.T, dtype=np.float64)
        self._powers = np.stack([np.ones_like(x), x, x**2])
        self._totals = self._powers @ self._columns
        self._hits = (self._powers[:2] * positive) @ self._columns
        self._t, self._weighted = np.empty_like(self._columns), np.empty_like(self._columns)
        hits, total = self._hits[0], self._totals[0]
        self.both = (hits > 0) & (hits < total)
        share = np.where(self.both, hits / np.where(total > 0, total, 1), 0.5)
        self.log_odds = np.log(share) - np.log1p(-share)

    def derivatives(self, intercept: np.ndarray, slope: np.ndarray, powers: int) -> tuple[np.ndarray, np.ndarray]:
        """The first derivatives (powers, B), and Σ w p (1 - p) xᵏ for the first ``2 powers - 1`` k."""
        t, weighted = self._t, self._weighted
        np.multiply.outer(self._powers[1], slope / 2, out=t)
        t += intercept / 2
        np.tanh(t, out=t)
        np.multiply(self._columns, t, out=weighted)
        first = self._hits[:powers] - (self._totals[:powers] + self._powers[:powers] @ weighted) / 2
        # w t · t is taken from w image by image: where p is near 0 or 1, sums would lose the difference.
        np.multiply(weighted, t, out=t)
        np.subtract(self._columns, t, out=t)
        return first, self._powers[: 2 * powers - 1] @ t / 4


def _line(
    outcomes: _Outcomes, intercept: np.ndarray | None = None, slope: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method for intercept and slope, (B,) each, and where it came to an end.

    Args:
        intercept, slope: to begin with, (1,) or (B,); the log odds of the prevalence and 0 by default.
    """
    n = len(outcomes.both)
    intercept = outcomes.log_odds.copy() if intercept is None else np.broadcast_to(intercept, n).copy()
    slope = np.zeros(n) if slope is None else np.broadcast_to(slope, n).copy()
    found = outcomes.both
    for _ in range(_STEPS):
        (g0, g1), (h00, h01, h11) = outcomes.derivatives(intercept, slope, 2)
        determinant = h00 * h11 - h01**2
        usable = found & (determinant > 1e-12 * np.maximum(h00 * h11, 1e-300)) & (np.abs(slope) < _STEEPEST)
        by = np.where(usable, determinant, 1)
        step0 = np.where(usable, (h11 * g0 - h01 * g1) / by, 0)
        step1 = np.where(usable, (h00 * g1 - h01 * g0) / by, 0)
        intercept, slope, found = intercept + step0, slope + step1, usable
        if max(np.abs(step0).max(initial=0), np.abs(step1).max(initial=0)) < _CLOSE:
            break
    return intercept, slope, found & (np.maximum(np.abs(step0), np.abs(step1)) < 1e-4)


def _shift(outcomes: _Outcomes, start: float) -> np.ndarray:
    """Newton's method for the intercept beside a slope of 1, (B,)."""
    intercept, one = np.full(len(outcomes.both), start), np.ones(len(outcomes.both))
    for _ in range(_STEPS):
        (gradient,), (curve,) = outcomes.derivatives(intercept, one, 1)
        # Far from the answer the curve is nearly flat and a whole step would overshoot.
        step = np.clip(gradient / np.maximum(curve, 1e-12), -2, 2) * outcomes.both
        intercept = intercept + step
        if np.abs(step).max(initial=0) < _CLOSE:
            break
    return intercept
