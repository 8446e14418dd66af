"""Everything that a run has left to look at."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.figures import show
from pages.ui.fold_view import which_validation
from pages.ui.live_charts import SCORE_WORDS, Curve, score_chart
from pages.ui.run_figures import confusion_chart, distribution_chart
from pages.ui.run_status import metric_words
from pages.ui.words import count, figure, plain
from skin_core.services import cross_validation, results, runs
from skin_core.services.runs import RunView


def history(run: RunView) -> None:
    """Curves, and the epochs as a table and as csv."""
    fold = None
    if run.config.folds:
        options = list(range(1, (run.fold or 1) + 1))
        fold = st.segmented_control("Fold", options, default=options[-1], required=True, key="history_fold")
        st.caption(which_validation(run))
    table = runs.epoch_history(run.run_id, fold)
    if table.empty:
        st.info("No epoch is done yet.", icon=":material/hourglass_empty:")
        return
    best = run.best_epoch
    if fold is not None:
        best = cross_validation.members_of(run_id=run.run_id)[fold - 1].best_epoch
    curve = [Curve(run.title, table, best, run.epochs)]
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Loss**")
        show(score_chart(curve, "loss"), key="history_loss", tools=True)
    with right:
        st.markdown(f"**{SCORE_WORDS['auc']}**")
        show(score_chart(curve, "auc"), key="history_auc", tools=True)
    st.dataframe(
        table.dropna(axis="columns", how="all"),
        hide_index=True,
        key="history_table",
        column_config={
            "epoch": st.column_config.NumberColumn("Epoch", pinned=True),
            "learning_rate": st.column_config.NumberColumn("Learning rate", format="%.2e"),
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
            "images_per_second": st.column_config.NumberColumn("Images a second", format="%.0f"),
            **{name: _score_column(name) for name in table if name.removeprefix("val_") in ("loss", *SCORE_WORDS)},
        },
    )
    st.download_button(
        "History as csv",
        table.to_csv(index=False),
        file_name=f"{run.run_id}_history.csv",
        mime="text/csv",
        icon=":material/download:",
        key="history_csv",
        on_click="ignore",
    )


def _score_column(name: str) -> dict:
    words = metric_words(name)
    side = "validation" if name.startswith("val_") else "train"
    return st.column_config.NumberColumn(f"{words[:1].upper()}{words[1:]}, {side}", format="%.3f")


def in_words(report: pd.DataFrame) -> pd.DataFrame:
    """The classification report with three digits, and "undefined" where a figure is."""
    shown = report.copy()
    for name in ("precision", "recall", "f1"):
        shown[name] = [figure(value) for value in report[name]]
    return shown


def validation(run: RunView) -> None:
    """Confusion matrix and classification report of the best epoch, on validation."""
    found = results.results_of(run.run_id)
    if found.confusion is None or found.report is None:
        st.info(
            "The confusion matrix and the report are written when the run ends or is stopped.",
            icon=":material/hourglass_empty:",
        )
        return
    n = int(found.confusion.to_numpy().sum())
    if run.config.folds:
        st.caption(
            f"{count(n, 'image')}, each by the network of its fold, which never saw its lesion; as the networks gave it."
        )
    else:
        st.caption(f"{count(n, 'image')} of the validation split, weights of epoch {run.best_epoch}.")
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Confusion matrix**")
        show(confusion_chart(found.confusion), key="confusion")
    with right:
        st.markdown("**Classification report**")
        st.dataframe(in_words(found.report), height="content", key="classification_report")


def data(run: RunView) -> None:
    """The split that was used, the balancing, and what was left out."""
    found = results.results_of(run.run_id)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**Images by class and {'fold' if run.config.folds else 'split'}**")
        if found.split is None:
            st.caption("Not split yet.")
        else:
            st.dataframe(found.split, key="run_split")
    with right:
        of = "What fold 1 learns from" if run.config.folds else "Training split"
        st.markdown(f"**{of}, before and after balancing**")
        if found.distribution is None:
            st.caption("Not balanced yet.")
        else:
            show(distribution_chart(found.distribution), key="distribution")
    if found.excluded is not None and len(found.excluded):
        with st.expander(f"Left out of the split: {len(found.excluded):,} images", icon=":material/filter_alt_off:"):
            st.dataframe(found.excluded.head(500), hide_index=True, key="run_excluded")
            if len(found.excluded) > 500:
                st.caption(f"The first 500; all are in {plain(str(run.directory / 'excluded.csv'))}.")
    recorded = {key: value for key, value in results.fingerprint_of(run.run_id).items() if isinstance(value, str | int)}
    if recorded:
        with st.expander("What the run recorded of its data", icon=":material/fingerprint:"):
            st.json(recorded)


def settings(run: RunView) -> None:
    """The configuration, enough to repeat the run, and the saved files."""
    st.json(run.config.model_dump(mode="json"), expanded=1)
    st.caption(f"Folder: {plain(str(run.directory))}")
    files = results.files_of(run.run_id)
    if files:
        with st.container(horizontal=True):
            for path in files:
                st.download_button(
                    path.name,
                    path.read_bytes(),
                    file_name=f"{run.run_id}_{path.name}",
                    key=f"file_{path.name}",
                    icon=":material/download:",
                    on_click="ignore",
                )
    with st.expander("Log", icon=":material/receipt_long:"):
        st.code(runs.log_tail(run.run_id, 200) or "Nothing was logged.", language=None, wrap_lines=True)
