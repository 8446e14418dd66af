"""What the model would do in the reader's clinic: a stated prevalence, a chosen threshold, 1,000 lesions."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.ui.errors import showing_errors
from pages.ui.judged import store
from pages.ui.judged.figures import share_words
from skin_core.services import referral
from skin_core.services.judged import Interval, Judged
from skin_core.services.referral import Referral

_BY_COST = "By what a missed lesion costs"


def show_clinic(found: Judged) -> None:
    """Prevalence and threshold in, predictive values out."""
    if not found.points:
        st.info(
            "There is no threshold to look at: validation has one outcome only, or the classes know no malignancy.",
            icon=":material/info:",
        )
        return
    left, right = st.columns(2, gap="large")
    with left:
        prevalence = st.number_input(
            "Malignant or premalignant lesions in your clinic (in 100)",
            min_value=0.1,
            max_value=99.0,
            value=round(100 * found.prevalence, 1) if found.prevalence else 10.0,
            step=0.5,
            format="%.1f",
            key=f"clinic_prevalence_{found.run_id}",
            help="Of the lesions that you would screen with the model. The model's own risks are for the prevalence of "
            "its validation pictures, which is seldom that of a clinic.",
        )
    with right:
        # A bundle does not bring its validation, on which alone a further threshold may be chosen.
        options = [*range(len(found.points)), *(() if found.split == "external" else (_BY_COST,))]
        chosen = st.selectbox(
            "Threshold",
            options,
            format_func=lambda option: option if option == _BY_COST else _words(found, option),
            key=f"clinic_point_{found.run_id}",
            help="All were chosen on validation; these pictures only show what they do.",
        )
    prevalence /= 100
    with showing_errors():
        threshold = _threshold(found, chosen, prevalence)
        _answer(found, store.referral_at(found, threshold, prevalence))


def _threshold(found: Judged, chosen: int | str, prevalence: float) -> float:
    if chosen != _BY_COST:
        return found.points[chosen].threshold
    cost = st.number_input(
        "A missed lesion costs as much as so many needless referrals",
        min_value=0.1,
        max_value=10_000.0,
        value=20.0,
        step=1.0,
        format="%.1f",
        key=f"clinic_cost_{found.run_id}",
        width=420,
    )
    point = referral.cheapest_point(found.run_id, cost, prevalence)
    st.caption(f"Chosen on validation as {point.chosen}.")
    return point.threshold


def _answer(found: Judged, at: Referral) -> None:
    people = at.in_a_thousand()
    if people:
        st.markdown(
            f"Of **1,000 lesions** like these, **{people['ill']:,}** would be malignant or premalignant. The model would "
            f"refer **{people['found']:,}** of them and miss **{people['missed']:,}**; of the {1000 - people['ill']:,} "
            f"benign ones it would refer **{people['alarms']:,}** needlessly."
        )
    rows = [
        ("Sensitivity", at.sensitivity, f"{at.n_positive:,} images"),
        ("Specificity", at.specificity, f"{at.n_negative:,} images"),
        ("Positive predictive value", at.ppv, "at your prevalence"),
        ("Negative predictive value", at.npv, "at your prevalence"),
        ("Share referred", at.referred, "at your prevalence"),
    ]
    table = [
        {
            "Figure": name,
            "Value (95 % interval)": value.in_words(),
            "In words": share_words(value),
            "Of": of,
        }
        for name, value, of in rows
    ]
    table.append(
        {
            "Figure": "Referred for each one found",
            "Value (95 % interval)": at.number_needed_to_refer.in_words(1),
            "In words": _needed(at.number_needed_to_refer),
            "Of": "at your prevalence",
        }
    )
    st.dataframe(pd.DataFrame(table), hide_index=True, key="clinic_figures", height="content")
    st.caption(_moved(found, at))


def _moved(found: Judged, at: Referral) -> str:
    assumed = (
        "The prevalence that the model's risks are for is not known, so they cannot be moved to yours."
        if found.prevalence is None
        else f"The model's risks are for a prevalence of {100 * found.prevalence:.1f} in 100 (validation)."
    )
    moved = ""
    # One that refers nobody stays where it is, at any prevalence.
    if not math.isnan(at.moved) and at.moved != at.threshold:
        moved = f" Its threshold of {at.threshold:.3f} is a risk of {at.moved:.3f} at {100 * at.prevalence:.1f} in 100."
    return (
        f"{assumed}{moved} The formula holds as far as malignant lesions look alike in both places and only their share "
        "differs."
    )


def _needed(value: Interval) -> str:
    return "" if math.isnan(value.value) else f"about {value.value:.0f} referrals for each one found"


def _words(found: Judged, option: int) -> str:
    point = found.points[option]
    used = ", in use" if option == 0 else ""
    return f"{point.chosen[:1].upper()}{point.chosen[1:]} ({point.threshold:.3f}{used})"
