"""The answer: what, how sure, what now; then the class probabilities."""

from __future__ import annotations

import html
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.colors import class_colors
from pages.ui.figures import calm, show
from pages.ui.screen.clinic import assumed_words, classes_words, risk_shown, threshold_shown
from pages.ui.screen.results import Result
from pages.ui.words import count, in_hundred, plain, probability_words, with_interval
from skin_core.services.screening import BundleInfo, Prediction, standing_warnings

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DECISIONS = {
    "refer": "Refer",
    "no referral": "No referral by the model",
    "refused": "No answer for this picture",
    "undecided": "No decision",
}
_ICONS = {"refer": "arrow_circle_right", "no referral": "check_circle", "refused": "block", "undecided": "help"}
_ROW = 46
_LABEL_LETTERS = 44


def show_summary(info: BundleInfo, results: Sequence[Result], prevalence: float | None = None) -> None:
    """One row a picture, highest risk first."""
    rows = [_row(info, result, prevalence) for result in results]
    st.dataframe(rows, hide_index=True, width="stretch", key="screen_summary")


def show_answer(info: BundleInfo, result: Result, prevalence: float | None = None) -> None:
    """Risk and decision, large; warnings; then each class.

    Args:
        info, result: the model, and the picture with its prediction.
        prevalence: of the clinic, as the reader states it; None leaves the risk as the model gives it.
    """
    prediction = result.prediction
    answer, classes = st.columns([1, 1], gap="large")
    with answer:
        _risk(info, prediction, prevalence)
        _decision(prediction)
        _rule(info, prediction)
        own = _own_warnings(info, prediction)
        for warning in own:
            st.markdown(f":material/warning: {plain(warning)}")
        if prediction.in_distribution and not own:
            st.markdown(":material/check: The picture resembles those that the model learnt from.")
        if prediction.in_distribution:
            _how_good(info)
    if prediction.probabilities:
        with classes:
            st.markdown("**How the probability is spread over the classes**")
            if prevalence is not None and info.prevalence is not None and prediction.malignancy is not None:
                st.caption(classes_words(info.prevalence))
            show(class_bars(info, prediction), key=f"screen_bars_{result.picture.digest}")
    else:
        with classes:
            st.image(prediction.pixels, caption="The picture as it was read", width="stretch", output_format="JPEG")


def class_bars(info: BundleInfo, prediction: Prediction) -> Figure:
    """Horizontal bars, likeliest on top, each with its name and its figure written beside it."""
    import plotly.graph_objects as go

    # Plotly looks into pandas where it finds it, even half imported by another thread: this waits for the whole. Where
    # nobody has begun with it, the first answer does without, which saves a third of a second.
    if "pandas" in sys.modules:
        import pandas  # noqa: F401

    names = sorted(prediction.probabilities, key=prediction.probabilities.__getitem__)
    colors = class_colors(info.class_names)
    labels = [_label(info, name) for name in names]
    # A name that takes two lines, as on a phone, gets the room for them.
    rows = [1 + 0.42 * label.count("<br>") for label in labels]
    places = [sum(rows[:position]) for position in range(len(rows))]
    values = [prediction.probabilities[name] for name in names]
    bars = {
        "type": "bar",
        "x": values,
        "y": places,
        "orientation": "h",
        "width": 0.4,
        "marker": {"color": [colors[name] for name in names]},
        "text": [in_hundred(value) for value in values],
        "textposition": "outside",
        "textfont": {"size": 14},
        "cliponaxis": False,
        "hovertemplate": "%{customdata}: %{x:.3f}<extra></extra>",
        "customdata": labels,
    }
    titles = [
        {
            "x": 0,
            "y": place + 0.2,
            "text": label,
            "align": "left",
            "showarrow": False,
            "xanchor": "left",
            "yanchor": "bottom",
            "xshift": -3,
            "font": {"size": 14},
        }
        for place, label in zip(places, labels, strict=True)
    ]
    layout = {
        "annotations": titles,
        "xaxis": {"range": [0, 1.28], "tickvals": [0, 0.25, 0.5, 0.75, 1]},
        "yaxis": {"visible": False, "range": [-0.6, sum(rows) - 0.25]},
    }
    # As a whole and unchecked: built bit by bit, the checks take longer than the network.
    figure = go.Figure({"data": [bars], "layout": layout}, _validate=False)
    calm(figure, height=round(_ROW * sum(rows)) + 60, x="Probability")
    figure.layout.margin.t = 0
    return figure


def _label(info: BundleInfo, name: str) -> str:
    entry = next(entry for entry in info.classes if entry.name == name)
    known = entry.risk_level and entry.risk_level != entry.title.casefold()
    words = f"{entry.title} ({entry.risk_level})" if known else entry.title
    return "<br>".join(html.escape(line) for line in textwrap.wrap(words, _LABEL_LETTERS))


def _risk(info: BundleInfo, prediction: Prediction, prevalence: float | None) -> None:
    if prediction.decision == "refused":
        return
    if prediction.malignancy is None:
        st.metric("Likeliest class", info.titles[prediction.top])
        st.caption(f"Probability {probability_words(prediction.probabilities[prediction.top])}")
        return
    risk = risk_shown(info, prediction.malignancy, prevalence)
    st.metric("Risk: malignant or premalignant", in_hundred(risk))
    limit = threshold_shown(info, prevalence)
    # A rare disease makes small thresholds.
    threshold = "" if limit is None else f" · threshold {limit:.{2 if prevalence is None else 3}f}"
    st.caption(
        f"Probability {probability_words(risk)}{threshold} · likeliest: {plain(info.titles[prediction.top])}  \n"
        f"{assumed_words(info, prediction.malignancy, prevalence)}"
    )


def _decision(prediction: Prediction) -> None:
    box = st.warning if prediction.decision in ("refer", "refused") else st.info
    box(
        f"**{DECISIONS[prediction.decision]}.** {plain(prediction.sentence)}",
        icon=f":material/{_ICONS[prediction.decision]}:",
    )


def _rule(info: BundleInfo, prediction: Prediction) -> None:
    """By which rule the model decides."""
    if info.operating_point is not None and prediction.decision in ("refer", "no referral"):
        st.caption(f"Its threshold was chosen on validation as {plain(info.operating_point.chosen)}.")


def _how_good(info: BundleInfo) -> None:
    """What the threshold did on pictures that the model had not learnt from, then the AUC."""
    measured = info.test or info.validation
    if measured is None:
        return
    known = {name: metric for name, metric in measured.metrics.items() if metric.value is not None}
    told = []
    if caught := known.get("malignancy_sensitivity"):
        words = in_hundred(caught.value, caught.low, caught.high)
        told.append(f"it referred {words} of those malignant or premalignant")
    if spared := known.get("malignancy_specificity"):
        low, high = (None if end is None else 1 - end for end in (spared.high, spared.low))
        told.append(f"{'' if told else 'it referred '}{in_hundred(1 - spared.value, low, high)} of the benign ones")
    if auc := known.get("malignancy_auc"):
        told.append(f"its AUC for malignant or premalignant is {with_interval(auc.model_dump(), 2)}")
    if told:
        of = "test" if measured.split == "test" else "validation"
        st.caption(f"How sure: on {count(measured.n, f'{of} image')}, {'; '.join(told)}.")


def _own_warnings(info: BundleInfo, prediction: Prediction) -> list[str]:
    # The standing ones are shown once, above all results.
    standing = standing_warnings(info)
    return [warning for warning in prediction.warnings if warning not in standing]


def _row(info: BundleInfo, result: Result, prevalence: float | None) -> dict[str, str]:
    prediction, name = result.prediction, result.picture.name
    if prediction is None:
        return {"Picture": name, "Risk": "", "Probability": "", "Decision": "Not usable", "Likeliest": ""}
    risk = None if prediction.malignancy is None else risk_shown(info, prediction.malignancy, prevalence)
    return {
        "Picture": name,
        "Risk": "" if risk is None else in_hundred(risk),
        "Probability": "" if risk is None else probability_words(risk),
        "Decision": DECISIONS[prediction.decision],
        "Likeliest": info.titles[prediction.top] if prediction.top else "",
    }
