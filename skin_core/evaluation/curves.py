"""Curves as arrays, each with the band in which 95 of 100 resamples of lesions or patients lie; nothing is drawn here.

Bands are pointwise. As with figures, what is undefined is NaN, and a point that a fifth of the resamples leave undefined
has no band.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skin_core.evaluation.bootstrap import RESAMPLES, draws
from skin_core.evaluation.ranking import Ranked
from skin_core.evaluation.reliability import BINS, equal_mass_bins

POINTS = 101
_MOST_UNDEFINED = 0.2


@dataclass(frozen=True)
class Curve:
    """A curve over a fixed grid.

    Attributes:
        x: float (P,), the grid. y: float (P,), the curve of the set.
        low, high: float (P,), its band; NaN where it is not known.
    """

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram over bins of equal mass.

    Attributes:
        predicted: float (K,), mean risk in each bin, rising.
        observed: float (K,), share of positives in it. low, high: its interval.
        n, n_positive: int (K,), images in each bin.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray
    n_positive: np.ndarray


@dataclass(frozen=True)
class Decision:
    """A decision curve: net benefit for each image at each threshold probability, in true positives.

    Attributes:
        model: referring by the risk, with its band.
        everybody, nobody: float (P,), referring all and none, on the same grid.
    """

    model: Curve
    everybody: np.ndarray
    nobody: np.ndarray


def roc_curve(
    positive: np.ndarray, score: np.ndarray, groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Curve:
    """Sensitivity (y) over 1 - specificity (x), averaged vertically (Fawcett 2006, doi:10.1016/j.patrec.2005.10.010).

    Args:
        positive: bool (N,). score: float (N,). groups: (N,), lesion or patient.
    """
    grid = np.linspace(0, 1, POINTS)

    def at(weights: np.ndarray) -> np.ndarray:
        ranked = Ranked.of(weights, positive, score)
        return _interpolated(grid, 1 - ranked.specificities, ranked.sensitivities)

    return banded(grid, at, groups, resamples, seed)


def precision_recall_curve(
    positive: np.ndarray, score: np.ndarray, groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Curve:
    """Precision (y) over sensitivity (x): of the thresholds that reach the sensitivity, the highest.

    Straight lines between points would promise too much (Davis and Goadrich 2006, doi:10.1145/1143844.1143874).

    Args:
        positive: bool (N,). score: float (N,). groups: (N,).
    """
    grid = np.linspace(0, 1, POINTS)

    def at(weights: np.ndarray) -> np.ndarray:
        ranked = Ranked.of(weights, positive, score)
        called = ranked.hits + ranked.alarms
        precision = np.divide(ranked.hits, called, out=np.zeros_like(called), where=called > 0)
        undefined = np.isnan(ranked.sensitivities[0]) | np.isnan(ranked.specificities[0])
        # The best from each threshold on, so that the step at a sensitivity is the best that reaches it.
        best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        found = np.full((best.shape[1], POINTS), np.nan)
        for row in np.flatnonzero(~undefined):
            reached = np.searchsorted(ranked.sensitivities[:, row], grid - 1e-9, side="left")
            found[row] = best[np.minimum(reached, len(best) - 1), row]
        return found

    return banded(grid, at, groups, resamples, seed)


def decision_curve(
    positive: np.ndarray,
    risk: np.ndarray,
    groups: np.ndarray,
    *,
    thresholds: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Decision:
    """Net benefit ``TP / n - FP / n · t / (1 - t)`` at each threshold probability t.

    Vickers and Elkin 2006, doi:10.1177/0272989X06295361. The prevalence is the set's own.

    Args:
        positive: bool (N,). risk: float (N,), calibrated. groups: (N,).
        thresholds: float (P,), rising, from 0 to below 1; 0 to 0.6 in steps of 0.01 by default.
    """
    grid = np.linspace(0, 0.6, 61) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    odds = grid / (1 - grid)
    referred = risk[:, np.newaxis] >= grid
    # What one image adds: for each threshold, 1 if it is rightly referred, less the odds if needlessly.
    gain = np.where(referred, np.where(positive[:, np.newaxis], 1.0, -odds), 0.0)
    if np.isnan(risk).any():
        gain[:] = np.nan

    def at(weights: np.ndarray) -> np.ndarray:
        return weights @ gain / np.maximum(weights.sum(axis=1, keepdims=True), 1)

    share = positive.mean() if len(positive) else np.nan
    model = banded(grid, at, groups, resamples, seed)
    return Decision(model, share - (1 - share) * odds, np.zeros(len(grid)))


def reliability_diagram(
    positive: np.ndarray,
    risk: np.ndarray,
    groups: np.ndarray,
    *,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Reliability:
    """Share of positives against mean risk, in bins that hold about equally many images.

    Args:
        positive: bool (N,). risk: float (N,), without NaN. groups: (N,). bins: at most so many.
    """
    place = equal_mass_bins(risk, bins)
    n = np.bincount(place)
    n_positive = np.bincount(place, positive, len(n)).astype(int)
    inside = np.eye(len(n))[place] if len(place) else np.zeros((0, 0))

    def at(weights: np.ndarray) -> np.ndarray:
        mass = weights @ inside
        return np.divide(
            weights @ (inside * positive[:, np.newaxis]), mass, out=np.full_like(mass, np.nan), where=mass > 0
        )

    predicted = np.bincount(place, risk, len(n)) / np.maximum(n, 1)
    curve = banded(predicted, at, groups, resamples, seed)
    low, high = _exact_where_flat(curve, place, groups)
    return Reliability(predicted, curve.y, low, high, n, n_positive)


def score_histogram(
    positive: np.ndarray, score: np.ndarray, *, bins: int = 40
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How the scores of positives and negatives lie.

    Args:
        positive: bool (N,). score: float (N,), 0–1.

    Returns:
        Edges (bins + 1,) from 0 to 1, and the counts of positives and of negatives, int (bins,).
    """
    edges = np.linspace(0, 1, bins + 1)
    return edges, np.histogram(score[positive], edges)[0], np.histogram(score[~positive], edges)[0]


def banded(
    grid: np.ndarray, at: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, resamples: int, seed: int
) -> Curve:
    """Any curve with its band.

    Args:
        grid: float (P,). at: gives the curve (B, P) for weights (B, N). groups: (N,), lesion or patient.
        resamples, seed: of the draws.
    """
    unknown = np.full(len(grid), np.nan)
    if not len(groups):
        return Curve(grid, unknown, unknown, unknown)
    drawn = np.concatenate([at(weights) for weights in draws(groups, resamples=resamples, seed=seed)])
    y = at(np.ones((1, len(groups))))[0]
    enough = (np.isnan(drawn).mean(axis=0) <= _MOST_UNDEFINED) & ~np.isnan(y)
    low, high = unknown.copy(), unknown.copy()
    if enough.any():
        low[enough], high[enough] = np.nanquantile(drawn[:, enough], [0.025, 0.975], axis=0)
    return Curve(grid, y, np.fmin(low, np.where(enough, y, np.nan)), np.fmax(high, np.where(enough, y, np.nan)))


def _interpolated(grid: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of columns (U, B) with x rising: y at the grid, the highest where the curve stands upright, (B, P)."""
    found = np.full((x.shape[1], len(grid)), np.nan)
    for column in np.flatnonzero(~np.isnan(x[0]) & ~np.isnan(y[0])):
        across, up = x[:, column], y[:, column]
        last = np.flatnonzero(np.r_[across[1:] > across[:-1], True])
        found[column] = np.interp(grid, across[last], up[last])
    return found


def _exact_where_flat(curve: Curve, place: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A bin of all or none gets Clopper and Pearson's interval, as figures do."""
    low, high = curve.low.copy(), curve.high.copy()
    for number in np.flatnonzero((curve.y == 0) | (curve.y == 1)):
        edge = 0.025 ** (1 / len(np.unique(np.asarray(groups)[place == number].astype(str))))
        low[number], high[number] = (edge, 1.0) if curve.y[number] == 1 else (0.0, 1 - edge)
    return low, high
