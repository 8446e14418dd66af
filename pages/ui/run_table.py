"""The list of runs: what each was, how far it came, and its best epoch's figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.run_status import metric_words, status_word
from skin_core.services.runs import RunView

_FIGURES = ("val_balanced_accuracy", "val_auc", "val_malignancy_auc", "val_accuracy", "val_loss")


def filtered(listed: list[RunView]) -> list[RunView]:
    """Controls that narrow the list, and what is left; one run needs none."""
    if len(listed) < 2:
        return listed
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Find", key="runs_text", placeholder="title, family, data or id", width=280)
        statuses = sorted({run.status for run in listed})
        chosen = st.pills("State", statuses, selection_mode="multi", format_func=status_word, key="runs_states")
    text = text.strip().casefold()
    return [
        run
        for run in listed
        if (not chosen or run.status in chosen)
        and text in f"{run.title} {run.config.family} {run.config.data} {run.run_id}".casefold()
    ]


def run_table(listed: list[RunView]) -> pd.DataFrame:
    """One row a run, the newest first, figures of the best epoch on validation; an undefined one is empty."""
    rows = [
        {
            "Run": run.title,
            "State": status_word(run.status),
            "Epochs": _how_far(run),
            "Best epoch": run.best_epoch,
            **{_column(name): run.best.get(name) for name in _FIGURES},
            "Family": run.config.family,
            "Data": run.data_name,
            "Balance": run.config.balance.replace("_", " "),
            "Published as": ", ".join(run.bundles),
            "Started": run.created,
            "Id": run.run_id,
        }
        for run in listed
    ]
    return pd.DataFrame(rows)


def show_table(table: pd.DataFrame) -> None:
    """The table, sortable by a click on a column."""
    st.dataframe(
        table,
        hide_index=True,
        key="runs_table",
        placeholder="",
        column_config={
            **{_column(name): st.column_config.NumberColumn(format="%.3f") for name in _FIGURES},
            "Started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "Run": st.column_config.TextColumn(pinned=True),
        },
    )
    told = "Figures of each run's best epoch, on its validation split."
    if table["Epochs"].str.contains("fold").any():
        told += " Those of a cross-validated run are of all its out-of-fold pictures."
    st.caption(told)


def _how_far(run: RunView) -> str:
    if run.config.folds and run.status == "finished":
        return f"{run.config.folds} folds"
    if run.config.folds:
        return f"fold {run.fold or 1} of {run.config.folds}"
    return f"{run.epoch} of {run.epochs}"


def _column(name: str) -> str:
    words = metric_words(name)
    return words[:1].upper() + words[1:]
