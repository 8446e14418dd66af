"""A second opinion: which regions of the picture raise the risk or a class, which lower it, and by how much."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from pages.ui.errors import showing_errors
from pages.ui.progress import showing_progress
from pages.ui.screen.results import Result, remembered_regions, screen_again
from pages.ui.words import count, duration, plain, probability_words
from skin_core.services.screening import Bundle, Prediction
from skin_core.services.second_opinion import RISK, Regions, Told, second_opinion, seconds_needed, signed_picture, told

RISK_WORDS = "The risk"
# What takes longer is asked for knowingly.
_AT_ONCE_SECONDS = 12
_AGREES, _DIFFERS = 0.5, 0.2


def regions_of(bundle: Bundle, result: Result) -> Regions | None:
    """The regions, computed at the first call; the button for them where that takes long and was not asked for."""
    store = remembered_regions()
    if result.key in store:
        return store[result.key]
    seconds = seconds_needed(bundle)
    if seconds > _AT_ONCE_SECONDS:
        place = st.empty()
        with place.container():
            st.info(
                f"Hiding the picture's regions in turn takes this model about {duration(seconds)}.",
                icon=":material/schedule:",
            )
            if not st.button("Hide the regions in turn", type="primary", key=f"screen_regions_{result.picture.digest}"):
                return None
        place.empty()
    person = result.key[2]
    with showing_errors(), showing_progress("Hiding regions of the picture") as report:
        store[result.key] = second_opinion(
            bundle, screen_again(bundle, result), age=person.age, sex=person.sex, site=person.site, progress=report
        )
    return store.get(result.key)


def targets(bundle: Bundle, prediction: Prediction, first: str) -> list[str]:
    """What can be explained: the risk itself where there is one, then the classes, likeliest first.

    Args:
        first: the class that comes first where there is no risk.
    """
    classes = sorted(prediction.classes, key=lambda name: (name != first, -prediction.probabilities[name]))
    return [RISK, *classes] if bundle.info.has_risk else classes


def target_words(bundle: Bundle, target: str) -> str:
    """A target for a list."""
    return RISK_WORDS if target == RISK else plain(bundle.info.titles[target])


def regions_picture(result: Result, regions: Regions, target: str, opacity: float) -> np.ndarray:
    """The tinted picture at display size."""
    return signed_picture(result.prediction, regions, target, opacity)


def show_parts(bundle: Bundle, result: Result, regions: Regions, target: str) -> None:
    """The regions in words: what they add up to, the largest, and whether Grad-CAM says the same."""
    found = told(bundle.info, result.prediction, regions, target)
    name = "The risk" if target == RISK else f"The probability of {plain(bundle.info.titles[target])}"
    st.markdown(
        f"**{name} is {probability_words(found.whole)} with the whole picture and {probability_words(found.base)} with "
        f"every region hidden.** Orange regions (+) raise it, together by {_points(found.raised)}; blue regions (−) lower "
        f"it, together by {_points(-found.lowered)}; all others, each too small to tell, come to {_signed(found.rest)}. "
        f"{_largest(found)}"
    )
    st.caption(
        f"{_beside_gradcam(found.agreement)} A point is 1 in 100; a region without colour makes no clear difference. "
        f"Hidden means painted in the picture's mean colour; the network was asked {regions.passes:,} times "
        "(Kernel SHAP). It says what the model used, not what the lesion is."
    )


def _largest(found: Told) -> str:
    if not found.parts:
        return "No single region makes a clear difference of half a point."
    parts = ", ".join(f"{part.place} {_signed(part.value)}" for part in found.parts[:3])
    return f"The largest: {parts}."


def _points(value: float) -> str:
    """``12 points``, of 0 or more."""
    return count(round(100 * value), "point")


def _signed(value: float) -> str:
    """``+12``, ``−3``; what rounds to nothing is 0."""
    number = round(100 * value)
    return f"{number:+d}".replace("-", "−") if number else "0"


def _beside_gradcam(agreement: float) -> str:
    if math.isnan(agreement):
        return "Grad-CAM is flat here, so the two cannot be compared."
    number = f"rank agreement {agreement:.2f}, where 1 is the same order"
    if agreement >= _AGREES:
        return f"Grad-CAM ranks the regions much alike ({number})."
    if agreement >= _DIFFERS:
        return f"Grad-CAM ranks the regions alike in part ({number})."
    return f"Grad-CAM does not rank the regions alike ({number}): lean on neither."
