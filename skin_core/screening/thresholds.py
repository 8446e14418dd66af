"""A threshold that a stated rule gives on scored pictures. Light: pages read it, and bring no engine for it."""

from __future__ import annotations

from skin_core.evaluation.operating_point import Rule, fit_point
from skin_core.evaluation.scored import UNKNOWN, Scored
from skin_core.screening.record import OperatingPoint


def fitted(truth: Scored, rule: Rule) -> OperatingPoint | None:
    """The threshold that a rule gives; None where the classes know no malignancy or one outcome is missing.

    Args:
        truth: validation, never a test split. rule: how to choose.
    """
    if truth.risk is None:
        return None
    known = truth.levels != UNKNOWN
    point = fit_point(truth.risk[known], truth.levels[known] > 0, rule)
    return None if point is None else OperatingPoint(**vars(point))
