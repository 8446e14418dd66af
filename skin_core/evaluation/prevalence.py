"""What a risk, and a decision, mean where the endpoint is rarer or more common than in validation.

The assumption is that a melanoma looks alike in both places and only its share differs ("label shift"). A clinic that
sees other kinds of lesions breaks it, and no formula mends that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.errors import ConfigError


@dataclass(frozen=True)
class PredictiveValues:
    """Of a decision at a prevalence.

    Attributes:
        prevalence: of the endpoint, 0–1.
        ppv: share of the referred that are positive; NaN if nobody is referred.
        npv: share of those not referred that are negative; NaN if everybody is referred.
        referred: share of all that are referred.
        number_needed_to_refer: referred for each positive one; NaN if none is found.
    """

    prevalence: float
    ppv: float
    npv: float
    referred: float
    number_needed_to_refer: float


def at_prevalence(risk: np.ndarray | float, fitted: float, wanted: float) -> np.ndarray:
    """A risk for another prevalence: its odds times the ratio of the prior odds.

    Elkan 2001, "The foundations of cost-sensitive learning", theorem 2; Saerens, Latinne and Decaestecker 2002,
    doi:10.1162/089976602753284446, eq. 2.4. The order of risks, and so the AUC and each decision, stays; a threshold
    moves with the risks if it is put through this, too.

    Args:
        risk: 0–1, for the prevalence ``fitted``.
        fitted, wanted: prevalences, between 0 and 1, both ends excluded.

    Raises:
        ConfigError: for a prevalence that is none.
    """
    checked_prevalence(fitted)
    checked_prevalence(wanted)
    risk = np.asarray(risk, dtype=np.float64)
    # Written without odds, so that a risk of 1 stays 1.
    ups, downs = risk * (wanted / fitted), (1 - risk) * ((1 - wanted) / (1 - fitted))
    return ups / (ups + downs)


def threshold_at(threshold: float, fitted: float, wanted: float) -> float:
    """A threshold for another prevalence, moved as the risks are, so that each decision stays.

    Args:
        threshold: on the risk for the prevalence ``fitted``. One above 1 refers nobody, at any prevalence, and stays.
        fitted, wanted: prevalences, between 0 and 1, both ends excluded.

    Raises:
        ConfigError: for a prevalence that is none.
    """
    return threshold if threshold > 1 else float(at_prevalence(threshold, fitted, wanted))


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> PredictiveValues:
    """Bayes' theorem for a decision (Altman and Bland 1994, doi:10.1136/bmj.309.6947.102).

    Raises:
        ConfigError: for a prevalence that is none.
    """
    checked_prevalence(prevalence)
    found, alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    missed, cleared = (1 - sensitivity) * prevalence, specificity * (1 - prevalence)
    return PredictiveValues(
        prevalence=prevalence,
        ppv=_ratio(found, found + alarms),
        npv=_ratio(cleared, cleared + missed),
        referred=found + alarms,
        number_needed_to_refer=_ratio(found + alarms, found),
    )


def checked_prevalence(value: float) -> float:
    """The value, if a prevalence can have it.

    Raises:
        ConfigError: if it is not above 0 and below 1.
    """
    if not 0 < value < 1:
        raise ConfigError(f"A prevalence must be above 0 and below 1 (0.02 is 2 in 100); got {value:g}.")
    return value


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
