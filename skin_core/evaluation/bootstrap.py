"""95 % intervals by resampling lesions or patients, not images: pictures of one lesion are not independent.

Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13 (percentile interval), with clusters drawn whole
(Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x). Where a set knows neither lesion nor patient, its twin
clusters are drawn; `Groups.word` keeps what it was, so that whoever reads the interval is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
# Of a set of hundreds of thousands fewer resamples do: the ends of its narrow intervals are known as well.
_FEWEST_RESAMPLES = 500
_MOST_CELLS = 120_000_000
_ENDS = (0.025, 0.975)
# A chunk of weights that fits the processor's cache is worked through three times as fast as one that does not.
_CELLS = 250_000
# Where more resamples than this leave a figure undefined (with one positive lesion, a third), its spread is not known.
_MOST_UNDEFINED = 0.2
# Values that differ by less differ by rounding.
_HAIR = 1e-9

Figures = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Groups:
    """What is drawn.

    Attributes:
        names: (N,), the group of each image; any hashable values.
        word: what a group is, in the plural: "lesions", "patients", "twin clusters" or "pictures".
    """

    names: np.ndarray
    word: str = "lesions"

    @property
    def count(self) -> int:
        """How many there are."""
        return len(np.unique(np.asarray(self.names).astype(str)))

    def sentence(self, resamples: int | None = None) -> str:
        """How the intervals came about, for the reader of them; ``resamples`` as `resamples_for` by default."""
        resamples = resamples_for(len(self.names)) if resamples is None else resamples
        how = f"95 % intervals by drawing the {self.count:,} {self.word} anew {resamples:,} times"
        if self.word in ("lesions", "patients"):
            return f"{how}."
        return f"{how}: the set tells neither lesion nor patient, so the intervals may be too narrow."


def resamples_for(n: int) -> int:
    """How many resamples a set of n images gets: 2,000, and fewer, down to 500, above 60,000 images."""
    return int(np.clip(_MOST_CELLS // max(n, 1), _FEWEST_RESAMPLES, RESAMPLES))


def with_intervals(
    metrics: Figures,
    groups: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    shares: Mapping[str, np.ndarray] | None = None,
) -> dict[str, dict[str, float]]:
    """Each metric with its percentile interval.

    Args:
        metrics: weights (B, N) → name → (B,); see `evaluation.metrics`.
        groups: (N,) lesion or patient of each image; any hashable values.
        resamples: how many times as many groups as there are are drawn with replacement.
        seed: of the draws.
        shares: bool (N,) for each metric that is a share: the images it is a share of. A share of 0 or 1 is the same
            in every resample, which says nothing of its error; it gets the exact interval (Clopper and Pearson 1934)
            of that many groups in place of it.

    Returns:
        name → {"value", "low", "high"}; NaN where undefined. The interval is NaN, too, if more than a fifth of the
        resamples leave the figure undefined, or if all give the same value and it is not a share.
    """
    plain = metrics(np.ones((1, len(groups))))
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in plain}
    for weights in draws(groups, resamples=resamples, seed=seed):
        for name, values in metrics(weights).items():
            drawn[name].append(values)
    found = {}
    for name, value in plain.items():
        low, high = interval(np.concatenate(drawn[name]) if drawn[name] else np.zeros(0), float(value[0]))
        if shares is not None and name in shares and min(abs(value[0]), abs(1 - value[0])) < _HAIR:
            low, high = _exact(round(float(value[0])), Groups(np.asarray(groups)[shares[name]]).count)
        found[name] = {"value": float(value[0]), "low": low, "high": high}
    return found


def draws(groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """Weights of the images in each resample, float64 (some, N) at a time; the same seed gives the same draws.

    An image's weights in all resamples lie beside each other in memory, as what sums over images wants them.
    """
    _, index = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if not len(index):
        return
    generator = np.random.default_rng(seed)
    n_groups = int(index.max()) + 1
    # A fixed number of resamples a chunk would let memory grow with the set.
    step = max(1, min(resamples, _CELLS // len(index)))
    for start in range(0, resamples, step):
        some = min(step, resamples - start)
        chosen = generator.integers(n_groups, size=(some, n_groups))
        chosen += n_groups * np.arange(some)[:, np.newaxis]
        counts = np.bincount(chosen.ravel(), minlength=some * n_groups).reshape(some, n_groups)
        yield np.ascontiguousarray(counts.T, dtype=np.float64)[index].T


def interval(values: np.ndarray, value: float) -> tuple[float, float]:
    """The middle 95 % of resampled values, widened to hold the figure itself if it lies outside.

    Args:
        values: (B,), NaN where a resample left it undefined. value: the figure of the set.

    Returns:
        Low and high; NaN where the values cannot tell.
    """
    defined = values[~np.isnan(values)]
    if np.isnan(value) or len(defined) < max(2, (1 - _MOST_UNDEFINED) * len(values)):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, _ENDS)
    if np.ptp(defined) < _HAIR:
        return float("nan"), float("nan")
    return float(min(low, value)), float(max(high, value))


def _exact(value: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of 0 of n or n of n."""
    edge = _ENDS[0] ** (1 / max(n, 1))
    return (edge, 1.0) if value == 1 else (0.0, 1 - edge)
