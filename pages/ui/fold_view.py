"""The folds of a cross-validated run while they are trained: which is under way, and the curves of each."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.live_charts import RUN_COLORS, Curve
from skin_core.services import folds, runs
from skin_core.services.runs import RunView

_STATES = {"waiting": "waits", "training": "under way", "done": "done"}


def curves_of(run: RunView, name: str) -> list[Curve]:
    """What a chart needs of a run: one curve, or one a fold; of many folds those begun last.

    Args:
        run: any run.
        name: what the reader knows it by.
    """
    if not run.config.folds:
        return [Curve(name, runs.epoch_history(run.run_id), run.best_epoch, run.epochs)]
    begun = [member for member in folds.members_of(run_id=run.run_id) if member.state != "waiting"]
    return [
        Curve(f"fold {member.fold}", runs.epoch_history(run.run_id, member.fold), member.best_epoch, member.epochs)
        for member in begun[-len(RUN_COLORS) :]
    ] or [Curve(name, runs.epoch_history(run.run_id), None, run.epochs)]


def fold_table(run: RunView) -> pd.DataFrame:
    """One row a fold: its state, its epochs, the epoch whose weights are kept so far."""
    return pd.DataFrame(
        [
            {
                "Fold": member.fold,
                "State": _STATES[member.state],
                "Epochs": f"{member.epoch} of {member.epochs}",
                "Epoch kept": member.best_epoch,
            }
            for member in folds.members_of(run_id=run.run_id)
        ]
    )


def show_folds_under_way(run: RunView) -> None:
    """Which folds are done, which is under way, which wait."""
    st.dataframe(
        fold_table(run), hide_index=True, key="live_folds", height="content", width="content", placeholder="not yet"
    )


def which_validation(run: RunView) -> str:
    """Whose figures the validation line of a fold shows, a sentence; "" for any other run."""
    if not run.config.folds:
        return ""
    if run.config.cv_select == "inner":
        return (
            "Validation is the inner part that chooses the epoch; what the folds' networks say of the lesions held out of them "
            "is told on the Runs page, once all folds are done."
        )
    if run.config.cv_select == "last":
        return "Validation is the held fold, to look at: nothing is chosen by it."
    return "Validation is the held fold, which also chooses the epoch: the figures flatter."
