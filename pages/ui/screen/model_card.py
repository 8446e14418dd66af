"""What the model is: its classes, its data, its figures with intervals, its limits and its licence; folded away."""

from __future__ import annotations

import streamlit as st

from pages.ui.words import count, in_hundred, plain, with_interval
from skin_core.screening.card import class_rule_sentence, ensemble_sentences, model_card, shown_titles
from skin_core.screening.card_items import filled, open_items
from skin_core.services.screening import BundleInfo

_METRICS = {
    "malignancy_auc": "AUC, malignant or premalignant",
    "melanoma_auc": "AUC, melanoma",
    "balanced_accuracy": "Balanced accuracy",
    "balanced_accuracy_likeliest": "Balanced accuracy of the likeliest class",
    "accuracy": "Accuracy",
    "ece": "Calibration error (ECE, lower is better)",
}


def show_model_card(info: BundleInfo) -> None:
    """A folded card; Markdown tables, so that no table widget is loaded for it."""
    with st.expander("About this model", icon=":material/info:"):
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown(f"**{plain(info.title)}**")
            st.markdown(_data(info))
            for sentence in ensemble_sentences(info):
                st.markdown(plain(sentence))
            st.markdown(_classes(info))
        with right:
            st.markdown("**How well it does**")
            st.markdown(_figures(info))
            st.markdown("**Limits**")
            st.markdown(_limits(info))
            st.caption(f"Licence: {plain(info.data.licence or 'not stated')}")
        st.page_link("pages/5_Evaluate.py", label="Does it work on your own pictures?", icon=":material/fact_check:")
        st.download_button(
            "Model card (Markdown)",
            data=lambda: model_card(info).encode(),
            file_name=f"{info.name}-model-card.md",
            mime="text/markdown",
            icon=":material/download:",
            key="screen_card",
            on_click="ignore",
        )
    # Expanders do not hold each other, and a whole checklist would bury the figures.
    with st.expander("What reporting guidelines ask", icon=":material/checklist:"):
        st.markdown(_items(info))


def _items(info: BundleInfo) -> str:
    """After TRIPOD+AI, CLAIM and CLEAR Derm: what the program knows, then what only a person can answer."""
    rows = "\n".join(f"| {_cell(item.title)} | {_cell(text)} | {item.numbers} |" for item, text in filled(info))
    missing = open_items(info)
    opened = "\n".join(f"- {plain(item.title)} ({item.numbers})" for item in missing)
    return (
        "After TRIPOD+AI (2024), CLAIM (2024) and CLEAR Derm (2022), filled from the run where the program knows it.\n\n"
        f"| Item | Of this model | Asked in |\n| --- | --- | --- |\n{rows}\n\n"
        f"**Open items: {len(missing)}.** Only a person can answer these:\n\n{opened}"
    )


def _data(info: BundleInfo) -> str:
    data = info.data
    return (
        f"{plain(info.family_title or info.family)}, input {info.image_size} × {info.image_size} pixels. Trained on "
        f"{count(data.n_train, 'image')} of {plain(data.name)} ({plain(data.kind)})."
    )


def _classes(info: BundleInfo) -> str:
    rows = "\n".join(
        f"| {_cell(entry.title)} | {entry.risk_level or 'not known'} | {entry.n_train:,} |" for entry in info.classes
    )
    return f"| Class | Risk level | Training images |\n| --- | --- | ---: |\n{rows}"


def _figures(info: BundleInfo) -> str:
    measured = info.test or info.validation
    if measured is None or not measured.metrics:
        return "Not measured yet: evaluate the run on its test split on the Runs page."
    rows = "\n".join(
        f"| {title} | {with_interval(measured.metrics[name].model_dump())} |"
        for name, title in shown_titles(measured, _METRICS).items()
    )
    where = (
        "the locked test split" if measured.split == "test" else "the validation split, which also set the threshold"
    )
    return (
        f"On {count(measured.n, 'image')} of {where}; 95 % intervals in brackets.\n\n"
        f"| Figure | Value |\n| --- | --- |\n{rows}\n\n{class_rule_sentence(info)}"
    )


def _limits(info: BundleInfo) -> str:
    lines = []
    if point := info.operating_point:
        specificity = "undefined" if point.specificity is None else in_hundred(point.specificity)
        lines.append(
            f"At its threshold of {point.threshold:.3f}, chosen on validation as {plain(point.chosen)}, it caught {in_hundred(point.sensitivity)} malignant or "
            f"premalignant lesions and left alone {specificity} benign ones "
            f"({point.n_positive:,} and {point.n_negative:,} in validation)."
        )
    if info.unseen:
        lines.append(f"It has never seen: {plain(', '.join(info.unseen))}.")
    lines.append("Trained on few kinds of skin and cameras: on others its figures do not hold.")
    return "\n".join(f"- {line}" for line in lines)


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|")
