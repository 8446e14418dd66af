"""Two runs side by side: what differs in their settings, and what came of it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.figures import show
from pages.ui.judged.differences import show_differences
from pages.ui.live_charts import Curve, score_chart
from pages.ui.run_detail import in_words
from pages.ui.run_figures import confusion_chart, distribution_chart
from pages.ui.run_status import metric_words, status_badge, titles_of
from pages.ui.words import figure, plain
from skin_core.services import results, runs
from skin_core.services.runs import RunView

_FIGURES = ("val_balanced_accuracy", "val_auc", "val_malignancy_auc", "val_accuracy", "val_loss")
_NOT_A_SETTING = ("title",)


def compare(first: RunView, second: RunView) -> None:
    """Figures, settings that differ, curves laid over each other, and the tables beside each other."""
    names = titles_of((first, second))
    pair = list(zip(names, (first, second), strict=True))
    for column, (name, run) in zip(st.columns(2, gap="large"), pair, strict=True):
        with column:
            st.subheader(plain(name), anchor=False)
            status_badge(run)
    folds = [bool(run.config.folds) for run in (first, second)]
    where = "out of fold" if all(folds) else "on validation, or out of fold" if any(folds) else "on validation"
    st.markdown(f"**Figures {where}**" if any(folds) else "**Best epoch, on validation**")
    st.dataframe(figures(pair), hide_index=True, key="compare_figures")
    show_differences(names, first, second)
    st.markdown("**Settings that differ**")
    differing = differences(pair)
    if differing.empty:
        st.caption("None: the two runs were asked to do the same.")
    else:
        st.dataframe(differing, hide_index=True, key="compare_settings")
    curves = [Curve(name, runs.epoch_history(run.run_id), run.best_epoch, run.epochs) for name, run in pair]
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Loss**")
        show(score_chart(curves, "loss"), key="compare_loss", tools=True)
    with right:
        st.markdown("**AUC**")
        show(score_chart(curves, "auc"), key="compare_auc", tools=True)
    if any(folds):
        st.caption("Of a cross-validated run, the curves of its last fold.")
    found = [results.results_of(run.run_id) for _, run in pair]
    _beside(names, "Classes before and after balancing", [each.distribution for each in found], _distribution)
    _beside(names, f"Confusion matrix, {where}", [each.confusion for each in found], _confusion)
    _beside(names, f"Classification report, {where}", [each.report for each in found], _report)
    if any(folds):
        st.caption(
            "Out of fold, matrix and report are of the likeliest class as the networks gave it; the figures above are of the "
            "probabilities brought to their meaning, and their balanced accuracy weighs classes alike: so the two differ."
        )


def _beside(names: list[str], heading: str, tables: list[pd.DataFrame | None], draw) -> None:
    """One part of both runs in a row, so that each stands at the other's height."""
    st.markdown(f"**{heading}**")
    for number, (column, name, table) in enumerate(zip(st.columns(2, gap="large"), names, tables, strict=True)):
        with column:
            st.caption(plain(name))
            if table is None:
                st.info("Not written yet: it comes when the run ends or is stopped.", icon=":material/hourglass_empty:")
            else:
                draw(table, number)


def _distribution(table: pd.DataFrame, number: int) -> None:
    show(distribution_chart(table), key=f"compare_distribution_{number}")


def _confusion(table: pd.DataFrame, number: int) -> None:
    show(confusion_chart(table), key=f"compare_confusion_{number}")


def _report(table: pd.DataFrame, number: int) -> None:
    st.dataframe(in_words(table), height="content", key=f"compare_report_{number}")


def figures(pair: list[tuple[str, RunView]]) -> pd.DataFrame:
    """One row a figure, one column a run; an undefined one is said as a word."""
    rows = []
    for name in _FIGURES:
        row = {"Figure": metric_words(name)}
        row |= {title: figure(run.best.get(name)) if run.best else _not_yet(run) for title, run in pair}
        rows.append(row)
    rows.append({"Figure": "best epoch"} | {title: _best_epoch(run) for title, run in pair})
    return pd.DataFrame(rows)


def _not_yet(run: RunView) -> str:
    return "folds not done" if run.config.folds else "no epoch yet"


def _best_epoch(run: RunView) -> str:
    if run.config.folds:
        return "one a fold"
    return str(run.best_epoch or "none yet")


def differences(pair: list[tuple[str, RunView]]) -> pd.DataFrame:
    """One row a setting in which the two differ, nested ones told apart by a dot."""
    flat = [_flat(run.config.model_dump(mode="json")) for _, run in pair]
    rows = [
        {"Setting": name.replace("_", " "), pair[0][0]: str(flat[0][name]), pair[1][0]: str(flat[1][name])}
        for name in flat[0]
        if name not in _NOT_A_SETTING and flat[0][name] != flat[1].get(name)
    ]
    return pd.DataFrame(rows)


def _flat(values: dict) -> dict:
    flat: dict = {}
    for name, value in values.items():
        if isinstance(value, dict) and name != "risk_levels":
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat[name] = value
    return flat
