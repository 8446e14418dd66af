"""The clinic's own prevalence: asked in folded settings, said beside every risk."""

from __future__ import annotations

import math

import streamlit as st

from pages.ui.words import in_hundred
from skin_core.services.clinic import at_clinic_prevalence
from skin_core.services.screening import BundleInfo


def ask_prevalence(info: BundleInfo) -> float | None:
    """The prevalence that the reader states, 0–1; None where none is stated or the model's risk cannot be moved."""
    point = info.operating_point
    if info.prevalence is None or point is None or point.specificity is None:
        return None
    with st.expander("Settings", icon=":material/tune:"):
        stated = st.number_input(
            "Malignant or premalignant lesions in your clinic (in 100)",
            min_value=0.1,
            max_value=99.0,
            value=None,
            step=0.5,
            format="%.1f",
            placeholder=f"as in the model's validation: {_hundredths(info.prevalence)}",
            key=f"screen_prevalence_{info.name}",
            help="Of the lesions that you screen. A risk depends on how many of them are malignant to begin with; the "
            "decision of the model stays as it is.",
        )
    return None if stated is None else stated / 100


def risk_shown(info: BundleInfo, risk: float, prevalence: float | None) -> float:
    """The risk at the stated prevalence, or as the model gives it."""
    if prevalence is None or not math.isfinite(risk):
        return risk
    return at_clinic_prevalence(info, prevalence, risk).risk


def threshold_shown(info: BundleInfo, prevalence: float | None) -> float | None:
    """The threshold on the risk as it is shown; None without one."""
    if info.operating_point is None or prevalence is None:
        return info.operating_point.threshold if info.operating_point else None
    return at_clinic_prevalence(info, prevalence).threshold


def classes_words(fitted: float) -> str:
    """Which prevalence the classes assume, beside a risk that was moved to the clinic's."""
    return (
        f"As the model gives them, where {_hundredths(fitted)} in 100 lesions are malignant or premalignant; only the risk is "
        "recomputed for your clinic."
    )


def assumed_words(info: BundleInfo, risk: float, prevalence: float | None) -> str:
    """Which prevalence a risk assumes."""
    if prevalence is None:
        if info.prevalence is None:
            return "It assumes the prevalence of the model's validation pictures, which this model does not tell."
        return (
            f"It assumes that {_hundredths(info.prevalence)} in 100 lesions are malignant or premalignant, as in the "
            "model's validation; state your clinic's share in the settings."
        )
    at = at_clinic_prevalence(info, prevalence, risk)
    found = "" if math.isnan(at.ppv) else f" Of those that it refers, {in_hundred(at.ppv)} would be"
    spared = "" if math.isnan(at.npv) else f"; of those that it does not, {in_hundred(1 - at.npv)}"
    values = f"{found} malignant or premalignant{spared}." if found else ""
    return (
        f"Recomputed for your clinic's {_hundredths(prevalence)} in 100; at the {_hundredths(at.fitted)} in 100 of the "
        f"model's validation it is {in_hundred(risk)}.{values}"
    )


def _hundredths(share: float) -> str:
    return f"{100 * share:.1f}"
