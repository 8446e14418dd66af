"""Searches as pages and the command line see them: made, started, stopped, resumed, listed. Imports no Optuna."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skin_core.errors import ConfigError, SearchError
from skin_core.paths import new_folder, searches_dir, write_text
from skin_core.progress import Progress
from skin_core.search.config import SearchConfig
from skin_core.search.folder import NAME, Importance, SearchFolder, SearchState, Trial
from skin_core.search.space import setting
from skin_core.training.folder import AT_WORK
from skin_core.training.spawn import spawn
from skin_core.training.store import checked
from skin_core.training.worked import RESUMABLE, ask_to_stop, at_rest, forget_last_worker, status_of


@dataclass(frozen=True)
class SearchView:
    """A search at one moment.

    Attributes:
        name: its name.
        status: "queued", "running", "stopping", "stopped", "finished", "failed", or "interrupted": its process is gone
            without a word.
        config: what it was asked to do.
        created: when it was made (UTC).
        updated: when its process last wrote its state (UTC).
        wanted: trials asked for.
        trials: those begun, the first one first.
        importance: what each setting explains.
        progress: how far it is, or None.
        error: one sentence, where it failed or was interrupted.
        directory: its folder.
    """

    name: str
    status: str
    config: SearchConfig
    created: datetime
    updated: datetime
    wanted: int
    trials: tuple[Trial, ...]
    importance: Importance
    progress: Progress | None
    error: str | None
    directory: Path

    @property
    def at_work(self) -> bool:
        """Whether a process is busy with it."""
        return self.status in AT_WORK

    @property
    def resumable(self) -> bool:
        """Whether it can go on from where it ended."""
        return self.status in RESUMABLE

    @property
    def ended(self) -> tuple[Trial, ...]:
        """The trials that are not under way."""
        return tuple(trial for trial in self.trials if trial.state != "running")

    @property
    def baseline(self) -> Trial | None:
        """The first trial, if it took the settings that all begin from as they are."""
        if not self.trials:
            return None
        first = self.trials[0]
        run = self.config.run
        return first if all(value == setting(run, key) for key, value in first.settings.items()) else None

    @property
    def best(self) -> Trial | None:
        """The best of the trials that ran to their end, the earlier one of two that are equal; None before the first."""
        finished = [trial for trial in self.trials if trial.state == "finished" and trial.value is not None]
        if not finished:
            return None
        return (min if self.config.minimises else max)(finished, key=lambda trial: trial.value or 0.0)


def create(name: str, config: SearchConfig, trials: int) -> str:
    """Checks a search and makes its folder.

    Args:
        name: for the search and its study; empty for one made of the time and the family.
        config: what to do.
        trials: how many trials, those given up or failed included.

    Returns:
        Its name. It is not started.

    Raises:
        SearchError: if the name cannot be one or is taken.
        ConfigError: if the trials would be cross-validated.
        ConfigError, DataSourceError, RunError: if the trials' runs could not be made; see `training.store.create`.
    """
    if trials < 1:
        raise ConfigError(f"A search needs at least one trial; got {trials}.")
    name = name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{config.run.family}"
    if not NAME.fullmatch(name):
        raise SearchError(
            f"A search's name has lower-case letters, digits, - and _ (at most 80, a letter or digit first); got '{name}'."
        )
    if config.run.folds:
        raise ConfigError(
            f"A search compares its trials on one validation split, and {config.run.folds} folds would train as many "
            "networks a trial; set folds to 0, and cross-validate the best settings afterwards."
        )
    config = config.model_copy(update={"run": checked(config.run)})
    now = time.time()
    try:
        # A rename onto a folder that holds something is refused, so two of one name cannot be made.
        with new_folder(searches_dir(), name) as path:
            folder = SearchFolder(path)
            write_text(folder.config, config.model_dump_json(indent=1))
            folder.write_state(SearchState(status="queued", created=now, updated=now, trials=trials))
            folder.log.touch()
    except OSError:
        if not (searches_dir() / name).exists():
            raise
        raise SearchError(
            f"There is a search '{name}' already; resume it, or choose another name for a new one."
        ) from None
    return name


def start(name: str, trials: int | None = None) -> None:
    """Starts the process of a new search, or of one that ended.

    Args:
        name: of the search.
        trials: a new number of trials in all; with more than before, a finished search goes on too.

    Raises:
        SearchError: if there is no such search, it is at work, or nothing is left to do.
    """
    folder = SearchFolder.of(name)
    with at_rest(folder, f"Search {name}", SearchError) as status:
        wanted = trials or folder.read_state().trials
        ended = sum(trial.state != "running" for trial in folder.read_trials())
        if status == "finished" and ended >= wanted:
            raise SearchError(f"Search {name} has had its {ended} trials; give a larger number to go on.")
        forget_last_worker(folder)
        # Until the new process tells its own, the last one's "3 of 4, 11 s left" would stand there, of other trials.
        folder.progress.unlink(missing_ok=True)
        folder.update_state(status="queued", error=None, trials=wanted)
        spawn("skin_core.search.worker", name, folder)


def stop(name: str) -> None:
    """Asks a search to stop; it stops the run of its trial at the next batch, and both can be taken up again.

    Raises:
        SearchError: if there is no such search or it is not at work.
    """
    ask_to_stop(SearchFolder.of(name), f"Search {name}", SearchError)


def view(name: str) -> SearchView:
    """The search as it is now.

    Raises:
        SearchError: if there is no such search, or its files cannot be read.
    """
    folder = SearchFolder.of(name)
    try:
        config, state = folder.read_config(), folder.read_state()
        trials, importance, progress = folder.read_trials(), folder.read_importance(), folder.read_progress()
    except (ConfigError, ValueError, TypeError, KeyError, OSError) as error:
        raise SearchError(
            f"The files of search '{name}' cannot be read ({error}); delete its folder {folder.path}."
        ) from error
    status = status_of(folder, state)
    error = state.error
    if status == "interrupted":
        error = "The search's process ended without a word (killed, or the machine restarted); resume it to go on."
    return SearchView(
        name=name,
        status=status,
        config=config,
        created=datetime.fromtimestamp(state.created, UTC),
        updated=datetime.fromtimestamp(state.updated, UTC),
        wanted=state.trials,
        trials=trials,
        importance=importance,
        progress=progress if status in AT_WORK else None,
        error=error,
        directory=folder.path,
    )


def views() -> list[SearchView]:
    """Every search, the newest first; a folder that cannot be read as one is left out."""
    found = []
    for path in searches_dir().iterdir():
        if path.name.startswith("."):
            continue
        try:
            found.append(view(path.name))
        except SearchError:
            continue
    return sorted(found, key=lambda search: (search.created, search.name), reverse=True)
