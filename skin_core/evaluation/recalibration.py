"""Calibration slope and intercept: the logistic regression of the outcome on the log odds of the risk.

Cox 1958, doi:10.1093/biomet/45.3-4.562; read as Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7, advise:
slope 1 and intercept 0 are right; a slope below 1 is a model too sure of itself; an intercept above 0, too low risks.
"""

from __future__ import annotations

import numpy as np

# A risk of 0 or 1 has no log odds; one in a million is as sure as a set of this kind can tell.
_SUREST = 1e-6
_STEPS = 40
_CLOSE = 1e-9
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
    intercept, found = _start(weights, positive)
    slope = np.zeros(len(weights))
    for _ in range(_STEPS):
        share = _sigmoid(intercept[:, np.newaxis] + slope[:, np.newaxis] * x)
        error = weights * (positive - share)
        curve = weights * share * (1 - share)
        g0, g1 = error.sum(axis=1), error @ x
        h00, h01, h11 = curve.sum(axis=1), curve @ x, curve @ x**2
        determinant = h00 * h11 - h01**2
        usable = found & (determinant > 1e-12 * np.maximum(h00 * h11, 1e-300)) & (np.abs(slope) < _STEEPEST)
        by = np.where(usable, determinant, 1)
        step0 = np.where(usable, (h11 * g0 - h01 * g1) / by, 0)
        step1 = np.where(usable, (h00 * g1 - h01 * g0) / by, 0)
        intercept, slope, found = intercept + step0, slope + step1, usable
        if max(np.abs(step0).max(initial=0), np.abs(step1).max(initial=0)) < _CLOSE:
            break
    found &= np.maximum(np.abs(step0), np.abs(step1)) < 1e-4
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
    _, found = _start(weights, positive)
    intercept = np.zeros(len(weights))
    for _ in range(_STEPS):
        share = _sigmoid(intercept[:, np.newaxis] + x)
        gradient = (weights * (positive - share)).sum(axis=1)
        curve = (weights * share * (1 - share)).sum(axis=1)
        # Far from the answer the curve is nearly flat and a whole step would overshoot.
        step = np.clip(gradient / np.maximum(curve, 1e-12), -2, 2) * found
        intercept = intercept + step
        if np.abs(step).max(initial=0) < _CLOSE:
            break
    return np.where(found, intercept, np.nan)


def _start(weights: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of the prevalence, and whether there are both outcomes."""
    hits, total = weights @ positive.astype(float), weights.sum(axis=1)
    both = (hits > 0) & (hits < total)
    share = np.where(both, hits / np.where(total > 0, total, 1), 0.5)
    return np.log(share) - np.log1p(-share), both


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(values / 2))
