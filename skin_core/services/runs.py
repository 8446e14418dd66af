"""Runs for pages and the command line: start, stop, resume, follow. Imports neither TensorFlow nor MLflow."""

from __future__ import annotations

import time

import pandas as pd

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.recipes import recipe as recipe_of
from skin_core.training import store, worked
from skin_core.training.folder import BATCH_COLUMNS, EPOCH_COLUMNS, RunFolder, read_rows
from skin_core.training.store import RunView

POLL_SECONDS = 0.3


def create_run(config: RunConfig, *, recipe: str = "") -> str:
    """Checks a configuration and makes a run of it, without starting it.

    Args:
        config: the settings.
        recipe: name of the recipe that they come from, kept as a tag; empty for none.

    Returns:
        The run's id.

    Raises:
        ConfigError: if family and settings do not go together.
        DataSourceError: if the data path does not exist.
        RunError: if the run to start from does not exist or has no weights yet, or the recipe goes on from a run and
            none is named.
    """
    if recipe and (before := recipe_of(recipe).after) and not config.start_from:
        raise RunError(
            f"The recipe {recipe} goes on from a run of the recipe {before}: train that one first, then name it as start_from."
        )
    return store.create(config, {"recipe": recipe} if recipe else None)


def to_go_on_from(recipe: str, data: str) -> str:
    """The newest run that a recipe can go on from.

    Args:
        recipe: name of the recipe.
        data: path of the data set; the run must have been trained on the same.

    Returns:
        The id of a finished or stopped run with an epoch, of the recipe that comes before; empty where there is none, or
        where the recipe goes on from nothing.

    Raises:
        ConfigError: if there is no such recipe.
    """
    before = recipe_of(recipe).after
    if not before:
        return ""
    fitting = (
        run.run_id
        for run in list_runs()
        if run.tags.get("recipe") == before
        and run.config.data == data
        and run.status in ("finished", "stopped")
        and run.best_epoch
    )
    return next(fitting, "")


def start_run(config: RunConfig, *, recipe: str = "") -> str:
    """Makes a run, queues it and starts its worker process, which outlives the caller.

    Args:
        config, recipe: see `create_run`.

    Returns:
        The run's id.

    Raises:
        ConfigError, DataSourceError, RunError: see `create_run`.
    """
    run_id = create_run(config, recipe=recipe)
    store.start(run_id)
    return run_id


def stop_run(run_id: str) -> None:
    """Asks a run to stop at its next batch; it can be resumed.

    Raises:
        RunError: if there is no such run or it is not at work.
    """
    store.stop(run_id)


def resume_run(run_id: str) -> None:
    """Queues a stopped, failed or interrupted run again; it goes on from its last checkpoint.

    Raises:
        RunError: if there is no such run, or it is at work or finished.
    """
    store.start(run_id)


def delete_run(run_id: str) -> None:
    """Removes a run and its files.

    Raises:
        RunError: if there is no such run or it is at work.
    """
    store.delete(run_id)


def run_in_foreground(run_id: str, progress: ProgressCallback = ignore_progress) -> RunView:
    """Starts or resumes a run and waits for its end, telling its progress.

    The work is done by the same worker process as ever. Ctrl-C asks it to stop at the next batch and waits for that.

    Returns:
        The run at its end: finished, stopped or failed.

    Raises:
        RunError: if there is no such run, if it cannot be started, or if its worker was killed.
        KeyboardInterrupt: after the run has stopped on Ctrl-C.
    """
    store.start(run_id)
    try:
        view = _follow(run_id, progress)
    except KeyboardInterrupt:
        if store.view(run_id).at_work:
            store.stop(run_id)
            _follow(run_id, progress)
        raise
    if view.status == "interrupted":
        raise RunError(f"The worker of run {run_id} was killed; resume it to go on from its last checkpoint.")
    return view


def list_runs() -> list[RunView]:
    """Every run, the newest first."""
    return store.views()


def get_run(run_id: str) -> RunView:
    """One run as it is now.

    Raises:
        RunError: if there is no such run.
    """
    return store.view(run_id)


def epoch_history(run_id: str, fold: int | None = None) -> pd.DataFrame:
    """One row an epoch done.

    Args:
        run_id: the run.
        fold: of a cross-validated run, from 1; by default the fold under way or last at work.

    Returns:
        Columns ``epoch`` (int, from 1), ``loss``, ``val_loss``, and for each of auc, accuracy, balanced_accuracy and
        malignancy_auc the training figure and the one with ``val_`` before it; ``learning_rate`` (of the epoch's last
        step), ``seconds``, ``images_per_second``. An undefined figure is NaN.

    Raises:
        RunError: if there is no such run.
    """
    frame = pd.DataFrame(
        read_rows(_learning(run_id, fold).history, EPOCH_COLUMNS), columns=list(EPOCH_COLUMNS), dtype=float
    )
    return frame.astype({"epoch": int})


def batch_history(run_id: str, fold: int | None = None) -> pd.DataFrame:
    """The loss of single batches, about one a second.

    Args:
        run_id, fold: as in `epoch_history`.

    Returns:
        Columns ``step`` (int, batches since the start), ``epoch`` (int, from 1), ``loss``.

    Raises:
        RunError: if there is no such run.
    """
    frame = pd.DataFrame(
        read_rows(_learning(run_id, fold).batches, BATCH_COLUMNS), columns=list(BATCH_COLUMNS), dtype=float
    )
    return frame.astype({"step": int, "epoch": int})


def log_tail(run_id: str, lines: int = 40) -> str:
    """The last lines of a run's log.

    Raises:
        RunError: if there is no such run.
    """
    return worked.log_tail(RunFolder.of(run_id).log, lines)


def _learning(run_id: str, fold: int | None) -> RunFolder:
    """The folder in which the epochs are written: a run's own, or that of a member of a cross-validated one."""
    folder = RunFolder.of(run_id)
    if not folder.members.is_dir():
        return folder
    return folder.member(fold or folder.read_state().fold or 1)


def _follow(run_id: str, progress: ProgressCallback) -> RunView:
    told = None
    while True:
        view = store.view(run_id)
        if view.progress is not None and view.progress != told:
            told = view.progress
            progress(told)
        if not view.at_work:
            return view
        time.sleep(POLL_SECONDS)
