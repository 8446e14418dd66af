"""Curves of one question: ROC, precision-recall, reliability, decision curve, scores by outcome."""

from __future__ import annotations

import streamlit as st

from pages.ui.figures import show
from pages.ui.judged import store
from pages.ui.judged.charts import (
    decision_chart,
    histogram_chart,
    precision_recall_chart,
    reliability_chart,
    roc_chart,
)
from pages.ui.words import count, plain
from skin_core.services.judged import Judged


def show_curves(found: Judged) -> None:
    """The question, then its curves."""
    asked = store.endpoints(found.run_id, found.split)
    if not asked:
        st.info("No class has both outcomes here, so there is no curve to draw.", icon=":material/info:")
        return
    titles = {endpoint.key: endpoint.title for endpoint in asked}
    key = st.selectbox(
        "Curves of",
        list(titles),
        format_func=lambda key: plain(titles[key]),
        key=f"judged_endpoint_{found.split}",
        width=320,
    )
    curves = store.curves(found.run_id, found.split, key)
    endpoint = curves.endpoint
    st.caption(
        f"{endpoint.n_positive:,} positive of {count(endpoint.n, 'image')}. Shaded and whiskers: where 95 in 100 "
        f"resamples of the {curves.n_groups:,} {plain(curves.group_word)} lie."
    )
    point = None
    if curves.threshold is not None:
        rows = [found.row(name) for name in ("malignancy_sensitivity", "malignancy_specificity")]
        point = tuple(row.figure.value for row in rows) if all(rows) else None
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**ROC curve**, AUC {curves.auc:.3f}")
        show(roc_chart(curves, point), key="judged_roc", tools=True)
        st.markdown("**Does the probability mean what it says?**")
        show(reliability_chart(curves), key="judged_reliability", tools=True)
    with right:
        st.markdown("**Precision and recall**")
        show(precision_recall_chart(curves), key="judged_precision_recall", tools=True)
        st.markdown("**Scores by outcome**")
        show(histogram_chart(curves), key="judged_scores", tools=True)
    if curves.decision is not None:
        st.markdown("**Is it worth using?** Net benefit against referring everybody and nobody")
        show(decision_chart(curves), key="judged_decision", tools=True)
        st.caption(
            "Read it at the risk from which you would refer: the model is worth using where its line lies above both "
            "others. At this set's own prevalence."
        )
