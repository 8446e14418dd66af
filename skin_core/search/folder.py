"""The folder of one search: what pages and the command line read of it, without ever opening Optuna's store."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from skin_core.errors import SearchError
from skin_core.paths import searches_dir, write_text
from skin_core.progress import Progress
from skin_core.search.config import SearchConfig
from skin_core.training.folder import swap_text

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")

# With fewer finished trials a forest would explain chance.
IMPORTANCE_FROM = 5

TrialState = Literal["running", "finished", "pruned", "failed"]


@dataclass(frozen=True)
class SearchState:
    """What the worker last said of its search.

    Attributes:
        status: "queued", "running", "stopped", "finished" or "failed"; "stopping" and "interrupted" are seen from
            outside (see `store`).
        created: when the search was made, seconds since 1970 (UTC).
        updated: when this was written.
        trials: trials asked for, those that failed or were given up included.
        error: the one sentence of a failed search.
    """

    status: str
    created: float
    updated: float
    trials: int
    error: str | None = None


@dataclass(frozen=True)
class Trial:
    """One trial, as Optuna's store has it.

    Attributes:
        number: from 1.
        state: "running", "finished", "pruned" (given up early) or "failed".
        value: the monitored figure at the run's best epoch; of a trial that is under way or was given up, the best so
            far. None where there is none.
        settings: what was tried.
        run: id of its run; None before it was made.
        curve: (epoch, monitored figure) for each epoch whose figure is defined.
        seconds: time spent on it.
        why: one sentence, where it failed or was given up.
    """

    number: int
    state: TrialState
    value: float | None
    settings: Mapping[str, Any]
    run: str | None
    curve: tuple[tuple[int, float], ...] = ()
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Importance:
    """How much of the figures' variance each setting explains, by functional ANOVA.

    Attributes:
        trials: finished trials that it was worked out from.
        shares: setting → share; they sum to 1. Empty where nothing can be said.
    """

    trials: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)


class SearchFolder:
    """Names and reads the files of a search.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "search.json"
        self.state = path / "state.json"
        self.trials = path / "trials.json"
        self.importance = path / "importance.json"
        self.progress = path / "progress.json"
        self.worker = path / "worker.json"
        self.heartbeat = path / "heartbeat"
        self.stop_request = path / "stop"
        self.lock = path / ".lock"
        self.log = path / "log.txt"

    @classmethod
    def of(cls, name: str) -> SearchFolder:
        """The folder of an existing search.

        Raises:
            SearchError: if there is no such search.
        """
        path = searches_dir() / name
        if not NAME.fullmatch(name) or not (path / "search.json").is_file():
            raise SearchError(f"There is no search '{name}' in this workspace; the Search page lists those there are.")
        return cls(path)

    @property
    def name(self) -> str:
        """The search's name, which is the folder's and the study's."""
        return self.path.name

    def read_config(self) -> SearchConfig:
        """What it was asked to do; never changes.

        Raises:
            ConfigError: if it was written by a program with other settings.
        """
        return _config(self.config)

    def read_state(self) -> SearchState:
        """The worker's last word."""
        known = {item.name for item in fields(SearchState)}
        return SearchState(**{key: value for key, value in _read_json(self.state).items() if key in known})

    def write_state(self, state: SearchState) -> None:
        """Replaces the state, surviving a power cut."""
        write_text(self.state, json.dumps(asdict(state), indent=1))

    def update_state(self, **changes: Any) -> SearchState:
        """Changes some fields of the state and stamps the time; for the one writer."""
        state = replace(self.read_state(), updated=time.time(), **changes)
        self.write_state(state)
        return state

    def read_trials(self) -> tuple[Trial, ...]:
        """Every trial begun so far, the first one first."""
        try:
            rows = _read_json(self.trials)
        except FileNotFoundError:
            return ()
        return tuple(Trial(**{**row, "curve": tuple((int(at), value) for at, value in row["curve"])}) for row in rows)

    def write_trials(self, trials: Sequence[Trial]) -> None:
        """Mirrors the trials; they are Optuna's, so without waiting for the disk."""
        swap_text(self.trials, json.dumps([asdict(trial) for trial in trials]))

    def read_importance(self) -> Importance:
        """What was last worked out, or nothing yet."""
        try:
            return Importance(**_read_json(self.importance))
        except FileNotFoundError:
            return Importance()

    def write_importance(self, importance: Importance) -> None:
        """Mirrors the importance of each setting."""
        swap_text(self.importance, json.dumps(asdict(importance)))

    def read_progress(self) -> Progress | None:
        """How far it is, or None before the first word."""
        try:
            return Progress(**_read_json(self.progress))
        except FileNotFoundError:
            return None

    def write_progress(self, progress: Progress) -> None:
        """Tells how far it is."""
        swap_text(self.progress, json.dumps(vars(progress)))


@lru_cache(maxsize=256)
def _config(path: Path) -> SearchConfig:
    # Written once, before the folder gets its name, and read by each poll of a page.
    return SearchConfig.parse(_read_json(path))


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
