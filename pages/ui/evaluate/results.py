"""What came out: the answer in two sentences, then everything that a run's evaluation shows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui import page
from pages.ui.judged import store
from pages.ui.judged.figures import share_words
from pages.ui.judged.section import show_evaluation
from pages.ui.words import count, figure, in_hundred, plain, told_apart
from skin_core.services import external_folder
from skin_core.services.external_folder import Listed
from skin_core.services.judged import Interval, Judged


def show_results(kept: list[Listed]) -> None:
    """The evaluation that the address names, else the newest.

    Args:
        kept: every evaluation, the newest first; not empty.
    """
    chosen = _choose(kept)
    found = store.judged_run(chosen.id, "external")
    st.subheader(plain(found.title), anchor=False)
    if not chosen.blind:
        st.warning(
            "Not blind: pictures that the model was made with were kept in. The figures flatter it.",
            icon=":material/visibility:",
        )
    if chosen.synthetic:
        st.badge(
            "Trained on drawn lesions: fit to try the program, not for skin", icon=":material/draw:", color="orange"
        )
    with st.container(border=True):
        _answer(found)
    show_evaluation(found)
    with st.expander("How the classes met", icon=":material/rule:"):
        st.dataframe(
            pd.DataFrame(
                [
                    {"Class in the set": label, "The model's class": name or "none of them"}
                    for label, name in chosen.mapping.items()
                ]
            ),
            hide_index=True,
            key="evaluate_mapping",
        )
    with st.popover("Delete this evaluation", icon=":material/delete:"):
        st.markdown("Its figures, its predictions and its report go; the pictures and the model stay.")
        if st.button("Delete", key="evaluate_delete", icon=":material/delete:"):
            external_folder.forget(chosen.id)
            st.query_params.pop("evaluation", None)
            st.session_state.pop("evaluate_chosen", None)
            st.rerun()


def _choose(kept: list[Listed]) -> Listed:
    by_id = {entry.id: entry for entry in kept}
    asked = st.query_params.get("evaluation")
    if "evaluate_chosen" not in st.session_state and asked:
        if asked in by_id:
            st.session_state["evaluate_chosen"] = asked
        else:
            st.warning(f"There is no evaluation '{plain(asked)}' in this workspace.", icon=":material/search_off:")
    if st.session_state.get("evaluate_chosen") not in by_id:
        st.session_state.pop("evaluate_chosen", None)
    chosen = st.selectbox("Evaluation", list(by_id), format_func=_labels(kept).__getitem__, key="evaluate_chosen")
    st.query_params["evaluation"] = chosen
    return by_id[chosen]


def _labels(kept: list[Listed]) -> dict[str, str]:
    labels = {entry.id: _words(entry) for entry in kept}
    ends = told_apart(labels)
    return {name: f"{words} ({ends[name]})" if ends[name] else words for name, words in labels.items()}


def _words(entry: Listed) -> str:
    blind = "" if entry.blind else ", not blind"
    when = f"{entry.time[:10]} {entry.time[11:16]} UTC"
    return f"{entry.title} on {entry.data}: {count(entry.n, 'image')}{blind}, {when}"


def _answer(found: Judged) -> None:
    """What the decision does here, beside what validation promised."""
    caught, spared = found.row("malignancy_sensitivity"), found.row("malignancy_specificity")
    auc = found.row("malignancy_auc")
    point = found.points[0] if found.points else None
    if point is None or caught is None or spared is None or auc is None or caught.figure.value != caught.figure.value:
        st.markdown(
            "Neither a risk nor a decision can be judged on these pictures; the figures of the classes are below."
        )
        return
    alarms = Interval(1 - spared.figure.value, 1 - spared.figure.high, 1 - spared.figure.low)
    left, right, last = st.columns(3)
    promised = "nothing" if point.specificity is None else share_words(Interval(1 - point.specificity))
    left.metric("Malignant or premalignant, referred", _value(caught.figure))
    left.caption(
        f"{share_words(caught.figure)}, of {count(caught.n, 'image')}; validation promised {share_words(Interval(point.sensitivity))}"
    )
    right.metric("Benign, referred needlessly", _value(alarms))
    right.caption(f"{share_words(alarms)}, of {count(spared.n, 'image')}; validation promised {promised}")
    last.metric("AUC, malignant or premalignant", figure(auc.figure.value, 2))
    last.caption(f"{auc.figure.in_words(2)}, of {count(auc.n, 'image')}")
    st.caption(
        f"{count(found.n, 'image')} of {count(found.n_groups, plain(found.group_word[:-1]), plain(found.group_word))}, decided at "
        f"the model's threshold of {point.threshold:.3f}, chosen on its validation as {plain(point.chosen)}."
    )
    page.disclaimer()


def _value(share: Interval) -> str:
    """The share alone, large: its interval does not fit beside it on a phone."""
    return {0.0: "none", 1.0: "all"}.get(share.value, in_hundred(share.value))
