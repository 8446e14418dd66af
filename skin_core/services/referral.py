"""What a threshold of a run does in the reader's own clinic, whose share of malignant lesions is another one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skin_core.errors import RunError
from skin_core.evaluation import metrics
from skin_core.evaluation.bootstrap import resamples_for, with_intervals
from skin_core.evaluation.operating_point import Rule
from skin_core.evaluation.prevalence import checked_prevalence, predictive_values, threshold_at
from skin_core.evaluation.scored import UNKNOWN, Scored
from skin_core.screening.record import OperatingPoint
from skin_core.screening.thresholds import fitted as fitted_by
from skin_core.services.figure_rows import Interval
from skin_core.services.kept import Split, predictions_of
from skin_core.training.folder import RunFolder


@dataclass(frozen=True)
class Referral:
    """A threshold at a stated prevalence, from what it did on a split.

    Attributes:
        prevalence: stated, 0–1.
        threshold: on the risk as it was calibrated; ``moved``: the same decision on the risk of that clinic, NaN where
            the risk's own prevalence is not known.
        sensitivity, specificity: on the split, with n_positive and n_negative images behind them.
        ppv, npv, referred, number_needed_to_refer: at the stated prevalence.
    """

    prevalence: float
    threshold: float
    moved: float
    sensitivity: Interval
    specificity: Interval
    n_positive: int
    n_negative: int
    ppv: Interval
    npv: Interval
    referred: Interval
    number_needed_to_refer: Interval

    def in_a_thousand(self) -> dict[str, int]:
        """Of 1,000 lesions: ill, found, missed, alarms (benign and referred), spared; empty where undefined."""
        if math.isnan(self.sensitivity.value) or math.isnan(self.specificity.value):
            return {}
        ill = round(1000 * self.prevalence)
        found = round(ill * self.sensitivity.value)
        alarms = round((1000 - ill) * (1 - self.specificity.value))
        return {"ill": ill, "found": found, "missed": ill - found, "alarms": alarms, "spared": 1000 - ill - alarms}


def referral_of_run(
    run_id: str,
    split: Split,
    threshold: float,
    prevalence: float,
    *,
    fitted: float | None = None,
    resamples: int | None = None,
    seed: int | None = None,
) -> Referral:
    """What a threshold does at a prevalence, with intervals by drawing lesions or patients anew.

    Args:
        run_id, split: whose predictions; the stated prevalence itself has no error.
        threshold: on the risk as calibrated.
        prevalence: of malignant or premalignant lesions in the clinic, between 0 and 1.
        fitted: prevalence that the risk is for.
        resamples, seed: of the intervals; None draws as the run's evaluation did, so that both tell the same interval.

    Raises:
        RunError: if the run was not judged on that split, or knows no malignancy there.
        ConfigError: for a prevalence that is none.
    """
    checked_prevalence(prevalence)
    _, truth = predictions_of(run_id, split)
    if seed is None:
        seed = 0 if split == "external" else RunFolder.of(run_id).read_config().seed
    return referral_of(truth, threshold, prevalence, fitted=fitted, resamples=resamples, seed=seed)


def referral_of(
    truth: Scored,
    threshold: float,
    prevalence: float,
    *,
    fitted: float | None = None,
    resamples: int | None = None,
    seed: int = 0,
) -> Referral:
    """As `referral_of_run`, of predictions in memory."""
    known = truth.levels != UNKNOWN
    if truth.risk is None or not known.any():
        raise RunError("The classes of this run know no malignancy, so there is nothing to refer by; choose another.")
    positive, referred = truth.levels[known] > 0, truth.risk[known] >= threshold

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        sensitivity = metrics.mean_of(weights[:, positive], referred[positive].astype(float))
        specificity = metrics.mean_of(weights[:, ~positive], 1.0 - referred[~positive])
        # Bayes' theorem as in `evaluation.prevalence.predictive_values`, for all resamples at once.
        found, alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
        cleared, missed = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
        return {
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": metrics.ratio(found, found + alarms),
            "npv": metrics.ratio(cleared, cleared + missed),
            "referred": found + alarms,
            "number_needed_to_refer": metrics.ratio(found + alarms, found),
        }

    resamples = resamples_for(len(positive)) if resamples is None else resamples
    shares = {"sensitivity": positive, "specificity": ~positive}
    found = with_intervals(figures, truth.groups[known], resamples=resamples, seed=seed, shares=shares)
    intervals = {name: Interval.of(entry) for name, entry in found.items()}
    _widen(intervals, prevalence)
    return Referral(
        prevalence=prevalence,
        threshold=threshold,
        moved=math.nan if fitted is None else threshold_at(threshold, fitted, prevalence),
        n_positive=int(positive.sum()),
        n_negative=int((~positive).sum()),
        **intervals,
    )


def _widen(found: dict[str, Interval], prevalence: float) -> None:
    """Where nobody was missed (or alarmed), a predictive value is 1 in every resample; the exact interval of the
    sensitivity (or specificity) says how far it may be from that."""
    sensitivity, specificity = found["sensitivity"], found["specificity"]
    if found["npv"].value == 1 and not math.isnan(sensitivity.low):
        low = predictive_values(sensitivity.low, specificity.value, prevalence).npv
        found["npv"] = Interval(1.0, low, 1.0)
    if found["ppv"].value == 1 and not math.isnan(specificity.low):
        low = predictive_values(sensitivity.value, specificity.low, prevalence).ppv
        found["ppv"] = Interval(1.0, low, 1.0)


def cheapest_point(run_id: str, cost_ratio: float, prevalence: float) -> OperatingPoint:
    """The threshold that costs least in a clinic, chosen on validation.

    Args:
        run_id: an evaluated or published run.
        cost_ratio: what a missed lesion costs, in needless referrals.
        prevalence: of the clinic.

    Raises:
        RunError: if nothing was fitted on validation yet, or it has one outcome only.
        ConfigError: for a cost or a prevalence that is none.
    """
    return _point(run_id, Rule("cost", cost_ratio=cost_ratio, prevalence=prevalence))


def point_by_rule(run_id: str, rule: str) -> OperatingPoint:
    """The threshold that a run would be published with, chosen on validation.

    Args:
        run_id: an evaluated or published run.
        rule: as `evaluation.operating_point.Rule.parse` reads it ("youden", "sensitivity=0.95", "cost=20@0.04", ...).

    Raises:
        RunError: if nothing was fitted on validation yet, or it has one outcome only.
        ConfigError: for what is no rule.
    """
    return _point(run_id, Rule.parse(rule))


def _point(run_id: str, rule: Rule) -> OperatingPoint:
    point = fitted_by(predictions_of(run_id, "validation")[1], rule)
    if point is None:
        raise RunError(f"Validation of run {run_id} has one outcome only, so no threshold can be chosen on it.")
    return point
