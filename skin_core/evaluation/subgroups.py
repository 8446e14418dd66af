"""Figures for each level of an attribute (sex, age, site, skin tone), and the largest gap between two levels.

All levels are drawn together, lesion by lesion, so that a gap and its interval come from the same resamples. As in
fairlearn's ``MetricFrame``, a gap is the largest less the smallest; a level too small to say anything takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skin_core.evaluation import metrics
from skin_core.evaluation.bootstrap import RESAMPLES, draws, interval, with_intervals
from skin_core.evaluation.ranking import auc

NOT_KNOWN = "not known"
# Of either outcome: with fewer, one lesion moves a share by more than a tenth.
FEWEST = 10
FIGURES = ("auc", "sensitivity", "specificity")
_WORDS = {"auc": "AUC"}
_AGES = ((30, "under 30"), (50, "30 to 49"), (70, "50 to 69"), (np.inf, "70 and over"))
AGE_BANDS = tuple(name for _, name in _AGES)


@dataclass(frozen=True)
class Level:
    """One level of an attribute.

    Attributes:
        attribute, name: such as "sex" and "female".
        n, n_positive: images, and those of the endpoint.
        too_small: fewer than `FEWEST` positives or negatives; then there are no figures.
        figures: name → {"value", "low", "high"}; those of `FIGURES` (without a threshold the AUC alone), and
            "prevalence" always.
    """

    attribute: str
    name: str
    n: int
    n_positive: int
    too_small: bool
    figures: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Gap:
    """The largest difference between two levels of one attribute.

    Attributes:
        attribute, figure: of what. best, worst: the two levels.
        difference: best less worst. low, high: its 95 % interval. p: two-sided, not corrected for the choice.
        comparisons: among how many attributes and figures it is the largest.
    """

    attribute: str
    figure: str
    best: str
    worst: str
    difference: float
    low: float
    high: float
    p: float
    comparisons: int

    def sentence(self) -> str:
        """For people; says that the largest of several was chosen."""
        words = (
            f"Largest gap: {_WORDS.get(self.figure, self.figure)} by {self.attribute}, {self.best} above {self.worst} by "
            f"{self.difference:.3f}"
        )
        if np.isnan(self.low):
            words += " (interval not known)."
        else:
            beyond = "does not hold 0" if self.low > 0 else "holds 0"
            words += f" ({self.low:.3f} to {self.high:.3f}). The interval {beyond}."
        if self.comparisons > 1:
            words += f" It is the largest of {self.comparisons} gaps, and the largest of several is partly chance."
        return words


def subgroup_figures(
    positive: np.ndarray,
    risk: np.ndarray,
    threshold: float | None,
    groups: np.ndarray,
    attributes: Mapping[str, np.ndarray],
    *,
    order: Sequence[str] = AGE_BANDS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[list[Level], Gap | None]:
    """Figures by level, and the largest gap.

    Args:
        positive: bool (N,). risk: float (N,). threshold: of the decision, or None. groups: (N,), lesion or patient.
        attributes: name → object (N,), the level of each image as text; None where it is not known.
        order: levels that have an order of their own, in it; all others are sorted by name.

    Returns:
        Levels in the attributes' order, in each "not known" last; the gap is None where no attribute
        has two levels that are large enough. Levels that are not known take no part in it.
    """
    levels, chances = [], []
    for attribute, values in attributes.items():
        places = {name: place for place, name in enumerate(order)}
        names = sorted({value for value in values if value is not None}, key=lambda name: (places.get(name, -1), name))
        named = {name: values == name for name in names}
        named[NOT_KNOWN] = np.array([value is None for value in values], dtype=bool)
        large = {}
        for name, inside in named.items():
            if not inside.any():
                continue
            level = _level(attribute, name, inside, positive, risk, threshold, groups, resamples, seed)
            levels.append(level)
            if not level.too_small and name != NOT_KNOWN:
                large[name] = level
        chances += _gaps(attribute, large)
    if not chances:
        return levels, None
    attribute, figure, best, worst, difference = max(chances, key=lambda chance: chance[-1])
    rows = [attributes[attribute] == name for name in (best, worst)]
    drawn = []
    for weights in draws(groups, resamples=resamples, seed=seed):
        both = [_figures(weights[:, inside], positive[inside], risk[inside], threshold)[figure] for inside in rows]
        drawn.append(both[0] - both[1])
    values = np.concatenate(drawn)
    low, high = interval(values, difference)
    defined = values[~np.isnan(values)]
    p = float("nan") if np.isnan(low) else float(min(1.0, 2 * (1 + (defined <= 0).sum()) / (len(defined) + 1)))
    return levels, Gap(attribute, figure, best, worst, difference, low, high, p, len(chances))


def age_bands(ages: np.ndarray) -> np.ndarray:
    """Bands of ages in years, object (N,); None where the age is NaN."""
    return np.array(
        [None if np.isnan(age) else next(name for below, name in _AGES if age < below) for age in ages], dtype=object
    )


def _level(
    attribute: str,
    name: str,
    inside: np.ndarray,
    positive: np.ndarray,
    risk: np.ndarray,
    threshold: float | None,
    groups: np.ndarray,
    resamples: int,
    seed: int,
) -> Level:
    own, own_risk, n = positive[inside], risk[inside], int(inside.sum())
    too_small = min(own.sum(), (~own).sum()) < FEWEST
    shares = {"prevalence": np.ones(n, dtype=bool), "sensitivity": own, "specificity": ~own}

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        found = {} if too_small else _figures(weights, own, own_risk, threshold)
        return {**found, "prevalence": metrics.mean_of(weights, own.astype(float))}

    found = with_intervals(figures, groups[inside], resamples=resamples, seed=seed, shares=shares)
    return Level(attribute, name, n, int(own.sum()), bool(too_small), found)


def _figures(
    weights: np.ndarray, positive: np.ndarray, risk: np.ndarray, threshold: float | None
) -> dict[str, np.ndarray]:
    found = {"auc": auc(weights, positive, risk)}
    if threshold is not None:
        referred = (risk >= threshold).astype(float)
        found["sensitivity"] = metrics.mean_of(weights[:, positive], referred[positive])
        found["specificity"] = metrics.mean_of(weights[:, ~positive], 1 - referred[~positive])
    return found


def _gaps(attribute: str, levels: Mapping[str, Level]) -> list[tuple[str, str, str, str, float]]:
    """(attribute, figure, best level, worst level, difference) for each figure that two levels have."""
    found = []
    for figure in FIGURES:
        values = {name: level.figures[figure]["value"] for name, level in levels.items() if figure in level.figures}
        values = {name: value for name, value in values.items() if not np.isnan(value)}
        if len(values) > 1:
            best, worst = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
            found.append((attribute, figure, best, worst, values[best] - values[worst]))
    return found
