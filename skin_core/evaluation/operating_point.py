"""The threshold on the risk: the highest that still catches 95 in 100 of the endpoint in validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_SENSITIVITY = 0.95


@dataclass(frozen=True)
class FittedPoint:
    """A threshold and how it did where it was fitted; see `screening.record.OperatingPoint`."""

    threshold: float
    sensitivity: float
    specificity: float | None
    n_positive: int
    n_negative: int


def fit_threshold(
    risk: np.ndarray, positive: np.ndarray, *, min_sensitivity: float = MIN_SENSITIVITY
) -> FittedPoint | None:
    """The highest threshold with at least ``min_sensitivity`` on these images; risk at or above it means positive.

    It lies half-way between the last positive it must catch and the next lower risk, so that the last decimals of
    another machine do not tip an image over.

    Args:
        risk: float (N,), 0–1. positive: bool (N,).

    Returns:
        None where there is no positive image: a sensitivity cannot be had then.
    """
    caught = np.sort(risk[positive])[::-1]
    if not len(caught):
        return None
    # A hair is taken off, because 0.95 * 20 is 19.000000000000004 on some machines.
    needed = max(1, int(np.ceil(min_sensitivity * len(caught) - 1e-9)))
    last = caught[needed - 1]
    lower = risk[risk < last]
    threshold = float((last + lower.max()) / 2) if len(lower) else float(last)
    refused = risk[~positive] < threshold
    return FittedPoint(
        threshold=threshold,
        sensitivity=float((caught >= threshold).mean()),
        specificity=float(refused.mean()) if len(refused) else None,
        n_positive=len(caught),
        n_negative=len(refused),
    )
