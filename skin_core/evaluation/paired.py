"""Whether one model is better than another on the same images: the difference, its interval and a p-value.

Both are resampled together: how hard the images of a resample are then falls out of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.evaluation.bootstrap import RESAMPLES, Figures, draws, interval


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same images.

    Attributes:
        first, second: the figure of each; NaN where undefined.
        difference: first - second.
        low, high: 95 % interval of the difference.
        p: two-sided, of the hypothesis that there is no difference; NaN where the interval is.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


def paired_differences(
    first: Figures, second: Figures, groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Difference]:
    """Compares the figures that both models have, by paired bootstrap over groups.

    The p-value is that of the percentile interval (the level at which it just touches 0), with one added to counts,
    so it is never 0 (Davison and Hinkley 1997, eq. 4.11).

    Args:
        first, second: weights (B, N) → name → (B,), of the same N images in the same order.
        groups: (N,), lesion or patient of each image.
        resamples, seed: of the draws.
    """
    ones = np.ones((1, len(groups)))
    plain = first(ones), second(ones)
    names = [name for name in plain[0] if name in plain[1]]
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for weights in draws(groups, resamples=resamples, seed=seed):
        found = first(weights), second(weights)
        for name in names:
            drawn[name].append(found[0][name] - found[1][name])
    result = {}
    for name in names:
        one, other = float(plain[0][name][0]), float(plain[1][name][0])
        values = np.concatenate(drawn[name]) if drawn[name] else np.zeros(0)
        result[name] = Difference(one, other, one - other, *_judged(values, one - other))
    return result


def _judged(values: np.ndarray, difference: float) -> tuple[float, float, float]:
    defined = values[~np.isnan(values)]
    if abs(difference) < 1e-12 and len(defined) and np.abs(defined).max() < 1e-12:
        # Twice the same model: every resample says so.
        return 0.0, 0.0, 1.0
    low, high = interval(values, difference)
    if np.isnan(low):
        return low, high, float("nan")
    tail = 1 + min((defined <= 0).sum(), (defined >= 0).sum())
    return low, high, float(min(1.0, 2 * tail / (len(defined) + 1)))
