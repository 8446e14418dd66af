"""A run's state in a word, an icon and a sentence: the same on every page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from pages.ui.progress import show_progress
from pages.ui.words import duration, figure, plain, told_apart
from skin_core.errors import RunError
from skin_core.services import runs
from skin_core.services.runs import RunView

_WORDS = {
    "queued": ("Queued", "hourglass_empty", "gray"),
    "preparing": ("Preparing", "pending", "blue"),
    "running": ("Training", "play_circle", "blue"),
    "stopping": ("Stopping", "stop_circle", "orange"),
    "stopped": ("Stopped", "pause_circle", "orange"),
    "finished": ("Finished", "check_circle", "green"),
    "failed": ("Failed", "error", "red"),
    "interrupted": ("Interrupted", "power_off", "red"),
}


def status_word(status: str) -> str:
    """The state as a person says it."""
    return _WORDS.get(status, (status.capitalize(), "help", "gray"))[0]


def choice_words(listed: Sequence[RunView]) -> dict[str, str]:
    """Runs in a list to choose from, id → words; told so that they stay true until the run ends, no two the same.

    Streamlit goes by the words: of two that are the same, choosing one may show the other.
    """
    # Without the state: two that will be the same once both have ended are told apart from the start.
    ends = told_apart({run.run_id: f"{run.title} {run.run_id[:15]}" for run in listed})
    words = {}
    for run in listed:
        state = "at work" if run.at_work else status_word(run.status).lower()
        end = ends[run.run_id]
        words[run.run_id] = f"{run.title}, {state} ({run.run_id[:15]}{f', {end}' if end else ''})"
    return words


def titles_of(shown: Sequence[RunView]) -> list[str]:
    """The title of each, with the end of the id where two are the same."""
    ends = told_apart({run.run_id: run.title for run in shown})
    return [f"{run.title} ({ends[run.run_id]})" if ends[run.run_id] else run.title for run in shown]


def status_badge(run: RunView) -> None:
    """Word, icon and colour of the state."""
    word, icon, color = _WORDS.get(run.status, (run.status.capitalize(), "help", "gray"))
    st.badge(word, icon=f":material/{icon}:", color=color)


def run_header(run: RunView, *, link: str, label: str | None, icon: str) -> None:
    """Name, state, the one button that makes sense now, and the way to the run on another page.

    Args:
        run: the run.
        link: file of the other page.
        label: what its link says; None shows none.
        icon: of the link.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.title), anchor=False, width="content")
        status_badge(run)
        st.space("stretch")
        stop_or_resume(run)
        if label is not None:
            st.page_link(link, label=label, icon=icon, query_params={"run": run.run_id})


def best_words(run: RunView) -> str:
    """The monitored figure at the best epoch: ``balanced accuracy 0.812 at epoch 7``; of a cross-validated run out of fold."""
    if run.config.folds:
        if not run.best:
            return f"cross-validated, {run.config.folds} folds, not all done yet"
        name = run.config.monitor
        return f"out-of-fold {metric_words(name)} {figure(run.best.get(name))} over {run.config.folds} folds"
    if run.best_epoch is None:
        return "no epoch is done yet"
    name = run.config.monitor
    value = run.best.get(name)
    return f"validation {metric_words(name)} {figure(value)} at epoch {run.best_epoch}"


def origin_words(run: RunView) -> str:
    """Where a run comes from: "trial 3 of the search NAME", "recipe NAME"; empty for one made by hand."""
    words = []
    if "search" in run.tags:
        words.append(f"trial {run.tags.get('trial', '')} of the search {plain(run.tags['search'])}")
    if "recipe" in run.tags:
        words.append(f"recipe {plain(run.tags['recipe'])}")
    return ", ".join(words)


def metric_words(name: str) -> str:
    """``val_balanced_accuracy`` as "balanced accuracy"."""
    return name.removeprefix("val_").replace("_", " ").replace("auc", "AUC")


def show_notes(run: RunView) -> None:
    """What the reader of a run must know, in small print."""
    if run.notes:
        st.caption("  \n".join(f":material/info: {plain(note)}" for note in run.notes))


def _since(run: RunView) -> str:
    """How long it stands as it is: what tells slow from stuck."""
    return f"for {duration((datetime.now(UTC) - run.updated).total_seconds())}"


def status_line(run: RunView) -> None:
    """What the run is doing now, or why it ended: a bar while it works, a sentence else."""
    if run.status == "queued":
        ahead = [other for other in runs.list_runs() if _goes_first(other, run)]
        if ahead:
            st.info(f"Waits for {_names(ahead)}: runs go one at a time on a device.", icon=":material/hourglass_empty:")
        else:
            st.info(f"Waits for its worker to start, {_since(run)}.", icon=":material/hourglass_empty:")
    elif run.at_work and run.progress is not None:
        show_progress(run.progress)
    elif run.at_work:
        st.progress(0.0, text=f"Starting, {_since(run)} …")
    elif run.status == "failed":
        st.error(
            plain(run.error) if run.error else "The run failed without a word; its log may tell why.",
            icon=":material/error:",
        )
    elif run.status == "interrupted":
        st.warning(
            plain(run.error) if run.error else "The worker is gone; resume the run to go on.",
            icon=":material/power_off:",
        )
    elif run.status == "stopped":
        where = f"in fold {run.fold or 1} of {run.config.folds}, " if run.config.folds else ""
        st.info(
            f"Stopped {where}after epoch {run.epoch} of {run.epochs}; Resume goes on from there.",
            icon=":material/pause_circle:",
        )
    elif run.status == "finished" and run.config.folds:
        st.success(f"All {run.config.folds} folds are done: {best_words(run)}.", icon=":material/check_circle:")
    elif run.status == "finished":
        early = f" (early, of {run.epochs})" if run.epoch < run.epochs else ""
        st.success(f"Finished after {run.epoch} epochs{early}: {best_words(run)}.", icon=":material/check_circle:")


def stop_or_resume(run: RunView) -> None:
    """The one button that makes sense now; the request is told by the run's state, not by the page."""
    if run.at_work:
        if st.button(
            "Stop training",
            icon=":material/stop_circle:",
            key=f"stop_{run.run_id}",
            disabled=run.status == "stopping",
            help="Stops at the next batch and keeps everything; the run can be resumed.",
        ):
            _asked(runs.stop_run, run.run_id)
    elif run.resumable and st.button(
        "Resume", icon=":material/resume:", key=f"resume_{run.run_id}", help="Goes on from the last checkpoint."
    ):
        _asked(runs.resume_run, run.run_id)


def _asked(request, run_id: str) -> None:
    try:
        request(run_id)
    except RunError as error:  # Another browser was quicker; the state below says what is so.
        st.toast(str(error), icon=":material/info:")
    else:
        st.rerun()


def _goes_first(other: RunView, run: RunView) -> bool:
    if other.run_id == run.run_id or not other.at_work:
        return False
    return other.status != "queued" or other.updated <= run.updated


def _names(ahead: list[RunView]) -> str:
    first = f"“{plain(ahead[-1].title)}”"
    return first if len(ahead) == 1 else f"{first} and {len(ahead) - 1} more"
