"""Thresholds on the risk, chosen on validation by a stated rule.

Only whole steps between distinct risks are tried, so images that tie are never cut apart and what a rule promises holds
on the images it was fitted on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from skin_core.errors import ConfigError

KINDS = ("youden", "sensitivity", "specificity", "cost", "prevalence")
MIN_SENSITIVITY = 0.95
# Shares such as 19 / 20 and 0.95 must compare as equal, and sums of the same shares, too.
_HAIR = 1e-9


@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen.

    "sensitivity" and "specificity" take the threshold that keeps at least ``target`` of the one and gives most of the
    other. "youden" maximises sensitivity + specificity - 1 (Youden 1950, Cancer 3:32). "cost" minimises
    ``prevalence · cost_ratio · (1 - sensitivity) + (1 - prevalence) · (1 - specificity)`` (Metz 1978,
    doi:10.1016/S0001-2998(78)80014-2). "prevalence" refers as many as are positive: it brings
    ``prevalence · sensitivity + (1 - prevalence) · (1 - specificity)`` as near to ``prevalence`` as it can (Freeman and
    Moisen 2008, doi:10.1016/j.ecolmodel.2008.05.015, "predicted prevalence = observed"). Of equal thresholds the more
    sensitive one is taken.

    Attributes:
        kind: as above.
        target: least share of the first two, 0 to 1.
        cost_ratio: what a missed positive costs, in needless referrals.
        prevalence: of the clinic, for "cost" and "prevalence"; None takes that of the images.
    """

    kind: Literal["sensitivity", "specificity", "youden", "cost", "prevalence"] = "sensitivity"
    target: float = MIN_SENSITIVITY
    cost_ratio: float = 1.0
    prevalence: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(
                f"A threshold is chosen by {', '.join(KINDS[:-1])} or {KINDS[-1]}; got '{self.kind}': choose one."
            )
        if not 0 < self.target <= 1:
            raise ConfigError(f"The least {self.kind} must be above 0 and at most 1; got {self.target:g}.")
        if not 0 < self.cost_ratio < np.inf:
            raise ConfigError(f"The cost of a missed lesion must be a number above 0; got {self.cost_ratio:g}.")
        if self.prevalence is not None and not 0 < self.prevalence < 1:
            raise ConfigError(f"A prevalence must be above 0 and below 1; got {self.prevalence:g}.")

    @classmethod
    def parse(cls, text: str) -> Rule:
        """A rule as it is typed: ``youden``, ``sensitivity=0.95``, ``specificity=0.9``, ``cost=20`` (at validation's
        prevalence), ``cost=20@0.04`` (at a clinic's), ``prevalence=0.04``.

        Raises:
            ConfigError: for anything else.
        """
        found = re.fullmatch(r"([a-z]+)(?:=([^@]+))?(?:@(.+))?", text.strip())
        kind, number, at = found.groups() if found else (None, None, None)
        takes_number = kind != "youden"
        if kind not in KINDS or takes_number == (number is None) or (at is not None and kind != "cost"):
            raise _unreadable(text)
        try:
            value = float(number) if takes_number else 1.0
            prevalence = None if at is None else float(at)
        except ValueError:
            raise _unreadable(text) from None
        if kind == "cost":
            return cls("cost", cost_ratio=value, prevalence=prevalence)
        if kind == "prevalence":
            return cls("prevalence", prevalence=value)
        return cls(kind, value)

    def words(self) -> str:
        """How a threshold was chosen, after "chosen on validation as"."""
        if self.kind == "sensitivity":
            return f"the highest with a sensitivity of at least {self.target:g}"
        if self.kind == "specificity":
            return f"the lowest with a specificity of at least {self.target:g}"
        if self.kind == "youden":
            return "the one with the highest sum of sensitivity and specificity"
        if self.kind == "prevalence":
            share = "of validation" if self.prevalence is None else f"of {self.prevalence:g}"
            return f"the one that refers as many as are malignant or premalignant at a prevalence {share}"
        where = "validation's prevalence" if self.prevalence is None else f"a prevalence of {self.prevalence:g}"
        return f"the cheapest at {where} if a missed lesion costs as much as {self.cost_ratio:g} needless referrals"


def _unreadable(text: str) -> ConfigError:
    return ConfigError(
        f"A rule reads youden, sensitivity=0.95, specificity=0.9, cost=20, cost=20@0.04 (at a prevalence) or prevalence=0.04; got '{text}'."
    )


PROPOSED = (
    Rule("sensitivity", 0.95),
    Rule("sensitivity", 0.90),
    Rule("specificity", 0.90),
    Rule("youden"),
)


@dataclass(frozen=True)
class FittedPoint:
    """A threshold and how it did where it was fitted; see `screening.record.OperatingPoint`.

    Attributes:
        threshold: a risk at or above it is referred.
        sensitivity, specificity: 0–1; specificity None without negatives.
        n_positive, n_negative: images behind them.
        chosen: `Rule.words`.
    """

    threshold: float
    sensitivity: float
    specificity: float | None
    n_positive: int
    n_negative: int
    chosen: str = ""


def fit_point(risk: np.ndarray, positive: np.ndarray, rule: Rule) -> FittedPoint | None:
    """The threshold that a rule chooses on these images; risk at or above it means positive.

    It lies half-way between the last risk that is referred and the next lower one, so that the last decimals of another
    machine do not tip an image over.

    Args:
        risk: float (N,), 0–1. positive: bool (N,). rule: how to choose.

    Returns:
        None where there is no positive image, or no negative one for a rule that needs both.

    Raises:
        ValueError: if a risk is NaN.
    """
    if np.isnan(risk).any():
        raise ValueError("a threshold cannot be fitted to risks that are NaN")
    n_positive = int(positive.sum())
    n_negative = len(risk) - n_positive
    if not n_positive or (not n_negative and rule.kind != "sensitivity"):
        return None
    levels, place = np.unique(-risk, return_inverse=True)
    levels = -levels
    # From nobody referred to everybody.
    sensitivity = np.r_[0, np.cumsum(np.bincount(place, positive, len(levels)))] / n_positive
    alarms = np.r_[0, np.cumsum(np.bincount(place, ~positive, len(levels)))]
    specificity = 1 - alarms / max(n_negative, 1)
    step = _chosen(rule, sensitivity, specificity, n_positive / len(risk))
    return FittedPoint(
        threshold=_between(levels, step),
        sensitivity=float(sensitivity[step]),
        specificity=float(specificity[step]) if n_negative else None,
        n_positive=n_positive,
        n_negative=n_negative,
        chosen=rule.words(),
    )


def _chosen(rule: Rule, sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float) -> int:
    if rule.kind == "sensitivity":
        return int(np.argmax(sensitivity >= rule.target - _HAIR))
    if rule.kind == "specificity":
        return int(np.flatnonzero(specificity >= rule.target - _HAIR)[-1])
    gain = sensitivity + specificity
    prevalence = prevalence if rule.prevalence is None else rule.prevalence
    if rule.kind == "prevalence":
        gain = -np.abs(prevalence * sensitivity + (1 - prevalence) * (1 - specificity) - prevalence)
    if rule.kind == "cost":
        gain = prevalence * rule.cost_ratio * sensitivity + (1 - prevalence) * specificity
    return int(np.flatnonzero(gain >= gain.max() - _HAIR)[-1])


def _between(levels: np.ndarray, step: int) -> float:
    """A threshold that refers the ``step`` highest of the distinct risks (falling)."""
    if step == len(levels):
        return float(levels[-1])
    lower, upper = float(levels[step]), float(levels[step - 1]) if step else np.inf
    if not step:
        # Nobody: somewhere above the highest risk, and so above 1 if that is 1.
        return (lower + 1) / 2 if (lower + 1) / 2 > lower else float(np.nextafter(lower, np.inf))
    # Between two neighbouring numbers there is no middle.
    middle = lower + (upper - lower) / 2
    return middle if lower < middle <= upper else upper
