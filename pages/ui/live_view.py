"""The live view of one or several runs: polled from the run's folder while anything is at work, still afterwards."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import show_error
from pages.ui.fold_view import curves_of, show_folds_under_way, which_validation
from pages.ui.live_charts import SCORE_WORDS, Curve, batch_chart, score_chart
from pages.ui.run_status import (
    best_words,
    metric_words,
    run_header,
    show_notes,
    status_badge,
    status_line,
    stop_or_resume,
    titles_of,
)
from pages.ui.steady import load_library, show_live
from pages.ui.words import duration, figure, plain
from skin_core.errors import RunError
from skin_core.services import runs
from skin_core.services.runs import RunView

EVERY_SECONDS = 1.5
_MOST_LINES = 6


def live_view(run_ids: list[str]) -> None:
    """Shows these runs and keeps them moving while one of them is at work.

    Whenever one of them ends, the whole page is drawn once more; without the polling, if it was the last.
    """
    live = _live(_views(run_ids))
    load_library()
    st.fragment(_view, run_every=EVERY_SECONDS if live else None)(run_ids, live)


def _live(found: list[RunView]) -> list[str]:
    return [run.run_id for run in found if run.at_work]


def _view(run_ids: list[str], was_live: list[str]) -> None:
    found = _views(run_ids)
    if was_live and _live(found) != was_live:
        st.rerun()
    if not found:
        return
    if len(found) == 1:
        _one(found[0])
    else:
        _several(found)
    _charts(found)


def _views(run_ids: list[str]) -> list[RunView]:
    found = []
    for run_id in run_ids[:_MOST_LINES]:
        try:
            found.append(runs.get_run(run_id))
        except RunError as error:
            show_error(error)
    return found


def _one(run: RunView) -> None:
    label = None
    if run.status == "finished":
        label = "See it on the Runs page" if run.bundles or run.config.folds else "Publish it"
    run_header(run, link="pages/4_Runs.py", label=label, icon=":material/publish:")
    status_line(run)
    show_notes(run)
    history = runs.epoch_history(run.run_id)
    pace = history["images_per_second"].dropna()
    if run.config.folds:
        _folds(run, pace)
        return
    with st.container(horizontal=True, gap="medium"):
        st.metric("Epoch", f"{run.epoch} of {run.epochs}", width="content")
        st.metric(
            f"Best {metric_words(run.config.monitor)}",
            figure(run.best.get(run.config.monitor)) if run.best_epoch else "not yet",
            width="content",
            help=f"{best_words(run).capitalize()}; these weights are kept.",
        )
        if run.config.monitor != "val_auc":
            st.metric("AUC there", figure(run.best.get("val_auc")) if run.best_epoch else "not yet", width="content")
        st.metric("Images a second", f"{pace.iloc[-1]:,.0f}" if len(pace) else "not yet", width="content")
        left = seconds_left(run)
        if left:
            st.metric("Time left", duration(left), width="content", help="All epochs left, at the pace so far.")


def _folds(run: RunView, pace) -> None:
    with st.container(horizontal=True, gap="medium"):
        st.metric("Fold", f"{run.fold or 1} of {run.config.folds}", width="content")
        st.metric("Epoch of this fold", f"{run.epoch} of {run.epochs}", width="content")
        if run.best:
            name = run.config.monitor
            st.metric(f"Out-of-fold {metric_words(name)}", figure(run.best.get(name)), width="content")
        st.metric("Images a second", f"{pace.iloc[-1]:,.0f}" if len(pace) else "not yet", width="content")
        left = seconds_left(run)
        if left:
            words = "At the pace of this fold and those before."
            st.metric("Time left, all folds", duration(left), width="content", help=words)
    show_folds_under_way(run)


def _several(found: list[RunView]) -> None:
    for run in found:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(run.title)}**", width="content")
                status_badge(run)
                st.caption(f"epoch {run.epoch} of {run.epochs}; {best_words(run)}", width="content")
                st.space("stretch")
                stop_or_resume(run)
            if run.at_work or run.error:
                status_line(run)


def _charts(found: list[RunView]) -> None:
    names = titles_of(found)
    if len(found) == 1:
        curves = curves_of(found[0], names[0])
    else:
        curves = [
            Curve(name, runs.epoch_history(run.run_id), run.best_epoch, run.epochs)
            for name, run in zip(names, found, strict=True)
        ]
    # Above both charts: in half the page's width the last choice was cut off.
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Loss**", width="content")
        st.space("stretch")
        score = st.segmented_control(
            "Figure",
            list(SCORE_WORDS),
            default="auc",
            format_func=SCORE_WORDS.__getitem__,
            key="live_score",
            label_visibility="collapsed",
            required=True,
        )
    left, right = st.columns(2, gap="medium")
    with left:
        show_live(score_chart(curves, "loss"), "loss", "Loss over epochs, train and validation")
    with right:
        show_live(score_chart(curves, score), "scores", f"{SCORE_WORDS[score]} over epochs, train and validation")
    st.caption(
        "Validation is the solid line, training the dashed one; the ring marks the epoch whose weights are kept. "
        "The endpoint is malignant or premalignant. " + " ".join(dict.fromkeys(which_validation(run) for run in found))
    )
    with st.expander("Loss of single batches", icon=":material/show_chart:"):
        show_live(
            batch_chart([(name, runs.batch_history(run.run_id)) for name, run in zip(names, found, strict=True)]),
            "batches",
            "Loss of single batches over steps",
        )
    with st.expander("Log", icon=":material/receipt_long:"):
        for name, run in zip(names, found, strict=True):
            if len(found) > 1:
                st.markdown(f"**{plain(name)}**")
            st.code(runs.log_tail(run.run_id) or "Nothing was logged yet.", language=None, wrap_lines=True)


def seconds_left(run: RunView) -> float | None:
    """Time for the training that is left, the same that the bar above tells; None while nothing is trained.

    Not from the epochs' own seconds: the first one's hold the building of the network, and told 1 min beside the bar's 13 s.
    """
    if run.progress is None or not run.progress.what.casefold().endswith("training"):
        return None
    return run.progress.seconds_left
