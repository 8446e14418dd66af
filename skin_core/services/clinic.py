"""What a bundle's risk and decision mean in a clinic where the endpoint is rarer or more common than in validation."""

from __future__ import annotations

from dataclasses import dataclass

from skin_core.errors import BundleError
from skin_core.evaluation.prevalence import at_prevalence, checked_prevalence, predictive_values, threshold_at
from skin_core.screening.record import BundleInfo, OperatingPoint


@dataclass(frozen=True)
class AtPrevalence:
    """A bundle at a prevalence of the endpoint.

    Attributes:
        prevalence: the one assumed, 0–1. fitted: the one of validation, which the bundle's own risks are for.
        risk: the picture's risk at ``prevalence``, or None where none was given.
        threshold: of the decision, moved as the risk is, so that the decision stays.
        sensitivity, specificity: of the threshold, on validation; these do not depend on the prevalence.
        ppv, npv: of the decision at ``prevalence``; NaN where nobody or everybody is referred.
        referred: share that is referred. number_needed_to_refer: referred for each positive one.
    """

    prevalence: float
    fitted: float
    risk: float | None
    threshold: float
    sensitivity: float
    specificity: float
    ppv: float
    npv: float
    referred: float
    number_needed_to_refer: float


def at_clinic_prevalence(
    info: BundleInfo, prevalence: float, risk: float | None = None, *, point: OperatingPoint | None = None
) -> AtPrevalence:
    """Recomputes risk, PPV and NPV for a stated prevalence.

    Args:
        info: of the bundle. prevalence: of malignant or premalignant lesions among those seen, above 0 and below 1.
        risk: a prediction's ``malignancy``.
        point: an operating point of the bundle; the one by which it decides by default.

    Raises:
        ConfigError: for a prevalence that is none.
        BundleError: if the bundle has no operating point, or does not tell its prevalence.
    """
    checked_prevalence(prevalence)
    point = point or info.operating_point
    fitted = info.prevalence
    if point is None or point.specificity is None or fitted is None:
        raise BundleError(
            f"Bundle '{info.name}' tells no operating point with its sensitivity and specificity, so nothing can be worked out for another prevalence; take another bundle."
        )
    values = predictive_values(point.sensitivity, point.specificity, prevalence)
    return AtPrevalence(
        prevalence=prevalence,
        fitted=fitted,
        risk=None if risk is None else float(at_prevalence(risk, fitted, prevalence)),
        threshold=threshold_at(point.threshold, fitted, prevalence),
        sensitivity=point.sensitivity,
        specificity=point.specificity,
        ppv=values.ppv,
        npv=values.npv,
        referred=values.referred,
        number_needed_to_refer=values.number_needed_to_refer,
    )
