"""Runs as pages and the command line see them: made, started, stopped, resumed, listed. No TensorFlow, no MLflow."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from skin_core.config import RunConfig
from skin_core.errors import ConfigError, DataSourceError, RunError
from skin_core.locks import held
from skin_core.models.registry import family
from skin_core.paths import new_folder, runs_dir, write_text
from skin_core.progress import Progress
from skin_core.training import queue
from skin_core.training.folder import AT_WORK, RunFolder, RunState
from skin_core.training.publishable import instead_of_cross_validated, published, why_not_publishable
from skin_core.training.publishable import record_published as record_published
from skin_core.training.spawn import spawn_worker
from skin_core.training.teachers import check_teachers
from skin_core.training.worked import RESUMABLE, ask_to_stop, at_rest, forget_last_worker, status_of


@dataclass(frozen=True)
class RunView:
    """A run at one moment.

    Attributes:
        run_id: its id, which is its folder's name; sorts by time.
        title: the name given to it, or family and data set.
        status: "queued", "preparing", "running", "stopping", "stopped", "finished", "failed", or "interrupted": the
            worker is gone without a word (killed, power cut).
        config: what it was asked to do.
        created: when it was made (UTC).
        updated: when the worker last wrote its state (UTC).
        epoch: epochs done, of ``epochs``.
        progress: the step under way, or None.
        error: one sentence, where it failed or was interrupted.
        best: figures of the best epoch by name (``val_auc``, ...); an undefined one is absent.
        best_epoch: its number, from 1, or None before the first epoch's end.
        directory: its folder.
        classes: labels in output order, once known.
        synthetic: whether the data set is marked synthetic, once known.
        notes: sentences the reader must know.
        publishable: whether a bundle can be made of it; ``why_not`` says why if not.
        bundles: names under which it was published.
        tracking_id: its id in the tracking store, once there.
        fold: of a cross-validated run (``config.folds``): the fold under way or last at work, from 1; ``epoch`` is then of
            that fold, and ``best`` the pooled out-of-fold figures, once all folds are done.
        tags: where it comes from: "recipe", or "search" and "trial" (its number, from 1).
    """

    run_id: str
    title: str
    status: str
    config: RunConfig
    created: datetime
    updated: datetime
    epoch: int
    epochs: int
    progress: Progress | None
    error: str | None
    best: Mapping[str, float]
    best_epoch: int | None
    directory: Path
    classes: tuple[str, ...]
    synthetic: bool | None
    notes: tuple[str, ...]
    publishable: bool
    why_not: str | None
    bundles: tuple[str, ...]
    tracking_id: str | None
    fold: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_name(self) -> str:
        """Name of the data set: the path to it says more of the machine, and maybe of a person, than of the set."""
        return Path(self.config.data).name

    @property
    def at_work(self) -> bool:
        """Whether a worker is busy with it or waits for its turn."""
        return self.status in AT_WORK

    @property
    def resumable(self) -> bool:
        """Whether it can go on from where it ended."""
        return self.status in RESUMABLE


def create(config: RunConfig, tags: Mapping[str, str] | None = None) -> str:
    """Checks a configuration as far as that is quick, and makes the run's folder.

    Args:
        config: what to do.
        tags: where the run comes from: "recipe", or "search" and "trial" (its number, from 1). They change nothing in
            what it does, and go into the tracking store.

    Returns:
        The run's id. It is not started.

    Raises:
        ConfigError: if family and settings do not go together.
        DataSourceError: if the data path does not exist.
        RunError: if the run to start from, or to distill from, does not exist or has no weights yet.
    """
    config = checked(config)
    now = time.time()
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{config.family}-{secrets.token_hex(2)}"
    with new_folder(runs_dir(), run_id) as path:
        folder = RunFolder(path)
        write_text(folder.config, config.model_dump_json(indent=1))
        if tags:
            write_text(folder.tags, json.dumps(dict(tags), indent=1))
        folder.write_state(RunState(status="queued", created=now, updated=now, epochs=config.epochs))
        folder.log.touch()
    return run_id


def start(run_id: str) -> None:
    """Queues a new run, or one that ended early, and starts its worker.

    Raises:
        RunError: if there is no such run, if it is at work already, or if it has finished.
    """
    folder = RunFolder.of(run_id)
    with at_rest(folder, f"Run {run_id}", RunError) as status:
        if status and status not in RESUMABLE:
            raise RunError(f"Run {run_id} is {status}; start a new one, with start_from={run_id} to build on it.")
        forget_last_worker(folder)
        folder.progress.unlink(missing_ok=True)
        folder.update_state(status="queued", error=None)
        queue.take_ticket(run_id)
        spawn_worker(folder)


def stop(run_id: str) -> None:
    """Asks a run's worker to stop at the next batch; what it has reached is kept.

    Raises:
        RunError: if there is no such run or it is not at work.
    """
    ask_to_stop(RunFolder.of(run_id), f"Run {run_id}", RunError)


def delete(run_id: str) -> None:
    """Removes a run's folder; the tracking store keeps its figures.

    Raises:
        RunError: if there is no such run, it is at work, or another process holds its lock for long.
    """
    folder = RunFolder.of(run_id)
    with held(folder.lock, f"Run {run_id} is being started or changed", RunError):
        if status_of(folder, folder.read_state()) in AT_WORK:
            raise RunError(f"Run {run_id} is at work; stop it before deleting it.")
        doomed = folder.path.with_name(f".deleted-{run_id}")
        os.rename(folder.path, doomed)
    queue.leave(run_id)
    shutil.rmtree(doomed, ignore_errors=True)


def view(run_id: str) -> RunView:
    """The run as it is now.

    Raises:
        RunError: if there is no such run, or its files cannot be read.
    """
    folder = RunFolder.of(run_id)
    try:
        config = folder.read_config()
        state = folder.read_state()
        tags = folder.read_tags()
    except (ConfigError, ValueError, TypeError, OSError) as error:
        raise RunError(
            f"The files of run '{run_id}' cannot be read ({error}); delete its folder {folder.path}."
        ) from error
    status = status_of(folder, state)
    error = state.error
    if status == "interrupted":
        error = "The worker ended without a word (killed, out of memory, or the machine restarted); resume the run to go on."
    why_not = why_not_publishable(folder, status, state, config)
    return RunView(
        run_id=run_id,
        title=config.title or f"{config.family} on {Path(config.data).name}",
        status=status,
        config=config,
        created=datetime.fromtimestamp(state.created, UTC),
        updated=datetime.fromtimestamp(state.updated, UTC),
        epoch=state.epoch,
        epochs=state.epochs,
        progress=folder.read_progress() if status in AT_WORK else None,
        error=error,
        best=dict(state.best),
        best_epoch=state.best_epoch,
        directory=folder.path,
        classes=state.classes,
        synthetic=state.synthetic,
        notes=state.notes,
        publishable=why_not is None,
        why_not=why_not,
        bundles=published(folder),
        tracking_id=state.tracking_id,
        fold=state.fold,
        tags=tags,
    )


def views() -> list[RunView]:
    """Every run, the newest first; a folder that cannot be read as a run is left out."""
    found = []
    for path in runs_dir().iterdir():
        if path.name.startswith(".") or not (path / "config.json").is_file():
            continue
        try:
            found.append(view(path.name))
        except RunError:
            continue
    # An id tells the second only.
    return sorted(found, key=lambda run: (run.created, run.run_id), reverse=True)


def checked(config: RunConfig) -> RunConfig:
    """The configuration with its data set's absolute path, if family and settings go together.

    Raises:
        ConfigError, DataSourceError, RunError: see `create`.
    """
    chosen = family(config.family)
    if not config.data or not Path(config.data).expanduser().exists():
        raise DataSourceError(f"The data set '{config.data}' does not exist; give the folder or csv of a data set.")
    if config.features and not chosen.tabular:
        raise ConfigError(
            f"{config.family} takes no columns beside the image, but features are {', '.join(config.features)}; "
            "leave features empty or take a family that reads them."
        )
    if config.freeze_backbone:
        if chosen.frozen_output is None:
            raise ConfigError(f"{config.family} has no pretrained backbone to freeze; set freeze_backbone to false.")
        if config.augmentation.mixup or config.augmentation.cutmix:
            raise ConfigError(
                "MixUp and CutMix blend images anew at each step, but a frozen backbone sees each image once; "
                "set augmentation.mixup and cutmix to 0, or freeze_backbone to false."
            )
    if config.start_from:
        parent = RunFolder.of(config.start_from)
        if folds := parent.read_config().folds:
            raise RunError(instead_of_cross_validated(config.start_from, folds))
        if not parent.model.is_file():
            raise RunError(f"Run {config.start_from} has no weights to start from yet; let it finish an epoch first.")
        if parent.read_config().family != config.family:
            raise ConfigError(
                f"Run {config.start_from} is of family {parent.read_config().family}; weights pass only within one "
                f"family, and this run asks for {config.family}."
            )
    check_teachers(config)
    # The worker may be started from another folder than the one the path was given in.
    return config.model_copy(update={"data": str(Path(config.data).expanduser().absolute())})
