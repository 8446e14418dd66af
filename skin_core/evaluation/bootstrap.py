"""95 % intervals by resampling lesions, not images: pictures of one lesion are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 1000
_CELLS = 4_000_000


def with_intervals(
    metrics: Callable[[np.ndarray], dict[str, np.ndarray]],
    groups: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Each metric with its percentile interval.

    Args:
        metrics: weights (B, N) → name → (B,); see `evaluation.metrics`.
        groups: (N,) lesion or patient of each image; any hashable values.
        resamples: how many times as many lesions as there are are drawn with replacement.
        seed: of the draws.

    Returns:
        name → {"value", "low", "high"}; NaN where undefined. An interval that less than half of the resamples define
        is NaN.
    """
    _, index = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    plain = metrics(np.ones((1, len(index))))
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in plain}
    for weights in _resampled(index, resamples, seed):
        for name, values in metrics(weights).items():
            drawn[name].append(values)
    return {name: {"value": float(plain[name][0]), **_interval(drawn[name])} for name in plain}


def _resampled(index: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    n_groups = int(index.max()) + 1 if len(index) else 0
    if n_groups == 0:
        return
    # A fixed number of resamples a chunk would let memory grow with the set.
    step = max(1, min(resamples, _CELLS // len(index)))
    for start in range(0, resamples, step):
        some = min(step, resamples - start)
        counts = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=some)
        yield counts[:, index].astype(np.float64)


def _interval(chunks: list[np.ndarray]) -> dict[str, float]:
    values = np.concatenate(chunks) if chunks else np.array([])
    defined = values[~np.isnan(values)]
    if not len(defined) or len(defined) < len(values) / 2:
        return {"low": float("nan"), "high": float("nan")}
    low, high = np.quantile(defined, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}
