"""By which rule a run decides once it is published: chosen here, fitted on validation only."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import showing_errors
from pages.ui.judged import store
from pages.ui.judged.figures import share_words
from pages.ui.words import plain
from skin_core.services import judged, referral
from skin_core.services.judged import Interval
from skin_core.services.runs import RunView

_RULES = {
    "sensitivity": "Sensitivity of at least …",
    "specificity": "Specificity of at least …",
    "youden": "Highest sum of sensitivity and specificity (Youden)",
    "cost": "By what a missed lesion costs",
    "prevalence": "As many referred as are ill in a clinic",
}
# As `draft` fits it: the words that need no rule.
_USUAL = "sensitivity=0.95"


def choose_rule(run: RunView) -> str:
    """The rule, as `publishing.publish_run` takes it, and what it gives on validation; "" is the usual one."""
    known = "validation" in judged.available(run.run_id)
    if known and not store.judged_run(run.run_id, "validation").points:
        st.caption("Its classes know no malignancy, or validation has one outcome only: it decides nothing.")
        return ""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        kind = st.selectbox(
            "Decide by",
            list(_RULES),
            format_func=_RULES.__getitem__,
            key=f"rule_{run.run_id}",
            help="How the threshold on the risk is chosen. It is fitted on validation; the test split only shows what it "
            "does. The bundle's card and the Screen page tell the rule.",
        )
    with right:
        rule = _with_number(run, kind)
    with showing_errors():
        if known:
            point = referral.point_by_rule(run.run_id, rule)
            spared = (
                ""
                if point.specificity is None
                else f" and leaves alone {_counted(point.specificity)} of the benign ones"
            )
            st.caption(
                f"On validation: {plain(point.chosen)}; a threshold of {point.threshold:.3f}, which refers "
                f"{_counted(point.sensitivity)} of the malignant or premalignant lesions{spared} ({point.n_positive:,} and "
                f"{point.n_negative:,} images)."
            )
    return "" if rule == _USUAL else rule


def _counted(share: float) -> str:
    """All of eight is "all": they were counted, and eight do not tell "over 99 in 100"."""
    return share_words(Interval(share))


def _with_number(run: RunView, kind: str) -> str:
    if kind == "youden":
        return kind
    if kind == "cost":
        cost, share = st.columns(2)
        with cost:
            ratio = st.number_input(
                "Needless referrals that a missed lesion is worth",
                min_value=0.1,
                max_value=10_000.0,
                value=20.0,
                step=1.0,
                format="%.1f",
                key=f"rule_cost_{run.run_id}",
            )
        with share:
            stated = st.number_input(
                "Malignant or premalignant in your clinic (in 100)",
                min_value=0.1,
                max_value=99.0,
                value=None,
                step=0.5,
                format="%.1f",
                placeholder="as in validation",
                key=f"rule_cost_prevalence_{run.run_id}",
            )
        return f"cost={ratio:g}" + ("" if stated is None else f"@{stated / 100:g}")
    usual = {"sensitivity": 95.0, "specificity": 90.0, "prevalence": 10.0}[kind]
    words = "Malignant or premalignant in your clinic (in 100)" if kind == "prevalence" else "At least (in 100)"
    number = st.number_input(
        words,
        min_value=0.1,
        max_value=99.0 if kind == "prevalence" else 100.0,
        value=usual,
        step=0.5,
        format="%.1f",
        key=f"rule_{kind}_{run.run_id}",
    )
    return f"{kind}={number / 100:g}"
