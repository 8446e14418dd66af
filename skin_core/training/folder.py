"""The folder of one run: every file in it has its name here, and small files are never seen half written.

Pages poll these files each second or two, so the run's figures are mirrored here from the tracking store.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.paths import runs_dir, write_text
from skin_core.progress import Progress

SCORES = ("loss", "auc", "accuracy", "balanced_accuracy", "malignancy_auc")
EPOCH_COLUMNS = (
    "epoch",
    *(name for score in SCORES for name in (score, f"val_{score}")),
    "learning_rate",
    "seconds",
    "images_per_second",
)
BATCH_COLUMNS = ("step", "epoch", "loss")

# Statuses of a run that a worker is busy with or waits for.
AT_WORK = ("queued", "preparing", "running", "stopping")

RUN_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class RunState:
    """What the worker last said of its run.

    Attributes:
        status: "queued", "preparing", "running", "stopped", "finished" or "failed", as the worker wrote it;
            "stopping" and "interrupted" are seen from outside (see `store`).
        created: when the run was made, seconds since 1970 (UTC).
        updated: when this was written.
        epochs: epochs asked for; ``epoch``: epochs done.
        error: the one sentence of a failed run.
        best: figures of the best epoch by name; an undefined one is absent.
        best_epoch: number of the best epoch, from 1.
        tracking_id: the run's id in the tracking store, once it is there.
        threads: threads that one operation of the worker uses, kept for each resume: sums depend on it.
        backend: Keras' backend that the run trains with, kept for each resume; ``backend_version``: its version at the
            last start.
        classes: the labels in output order, once they are known.
        synthetic: whether the data set is marked synthetic, once that is known.
        notes: what the reader of the run must know (pictures left out, an overridden leak, ...).
        fold: of a cross-validated run: the fold under way or last at work, from 1.
    """

    status: str
    created: float
    updated: float
    epochs: int
    epoch: int = 0
    error: str | None = None
    best: Mapping[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    tracking_id: str | None = None
    threads: int | None = None
    backend: str | None = None
    backend_version: str | None = None
    classes: tuple[str, ...] = ()
    synthetic: bool | None = None
    notes: tuple[str, ...] = ()
    fold: int | None = None


class _Named:
    """The path of one file of a run, as an attribute of its folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: RunFolder, owner: type | None = None) -> Path:
        return folder.path / self._name


@dataclass(frozen=True)
class RunFolder:
    """Names and reads the files of a run."""

    path: Path

    config = _Named("config.json")
    tags = _Named("tags.json")
    state = _Named("state.json")
    progress = _Named("progress.json")
    worker = _Named("worker.json")
    heartbeat = _Named("heartbeat")
    stop_request = _Named("stop")
    lock = _Named(".lock")
    log = _Named("log.txt")
    history = _Named("history.csv")
    batches = _Named("batches.csv")
    manifest = _Named("manifest.parquet")
    split = _Named("split.csv")
    excluded = _Named("excluded.csv")
    audit = _Named("audit.json")
    prepared = _Named("prepared.json")
    tabular = _Named("tabular.json")
    signatures = _Named("signatures.npz")
    signatures_validation = _Named("signatures_validation.npz")
    # Validation of the runs that this one builds on: it chose their epoch, so it is no test of what came of it.
    signatures_before = _Named("signatures_before.npz")
    evaluation = _Named("evaluation.json")
    evaluating = _Named(".evaluating.lock")
    test_predictions = _Named("predictions_test.npz")
    checkpoints = _Named("checkpoint")
    model = _Named("model.keras")
    predictions = _Named("predictions_validation.npz")
    taught = _Named("taught.npz")
    published = _Named("published.json")
    # Of a cross-validated run and of its members, which are folders of runs below it.
    folds = _Named("folds.csv")
    members = _Named("folds")
    held_predictions = _Named("predictions_held.npz")
    out_of_fold = _Named("out_of_fold.npz")
    cross_validation = _Named("cross_validation.json")
    artifacts = _Named("artifacts")

    @classmethod
    def of(cls, run_id: str) -> RunFolder:
        """The folder of an existing run.

        Raises:
            RunError: if there is no such run.
        """
        path = runs_dir() / run_id
        if not RUN_ID.fullmatch(run_id) or not (path / "config.json").is_file():
            raise RunError(
                f"There is no run '{run_id}'; the Runs page and `python -m skin_core runs` list those there are."
            )
        return cls(path)

    @property
    def run_id(self) -> str:
        """The run's id, which is the folder's name."""
        return self.path.name

    def member(self, number: int) -> RunFolder:
        """The folder of a cross-validated run's member, by its fold's number from 1; it need not be there yet."""
        return RunFolder(self.members / str(number))

    @property
    def is_finished(self) -> bool:
        """Whether a worker has done all that was to be done in it; False where there is no run yet."""
        return self.state.is_file() and self.read_state().status == "finished"

    def read_config(self) -> RunConfig:
        """What the run was asked to do; never changes.

        Raises:
            ConfigError: if it was written by a program with other settings.
        """
        return _config(self.config)

    def read_tags(self) -> Mapping[str, str]:
        """Where the run comes from (its recipe, its search and trial); never changes."""
        return dict(_tags(self.tags))

    def read_state(self) -> RunState:
        """The worker's last word on the run."""
        values = _read_json(self.state)
        known = {item.name for item in fields(RunState)}
        values = {key: value for key, value in values.items() if key in known}
        return RunState(
            **{**values, "classes": tuple(values.get("classes", ())), "notes": tuple(values.get("notes", ()))}
        )

    def write_state(self, state: RunState) -> None:
        """Replaces the state, surviving a power cut."""
        values = {item.name: getattr(state, item.name) for item in fields(RunState)}
        values["best"] = {key: value for key, value in state.best.items() if math.isfinite(value)}
        write_text(self.state, json.dumps(values, indent=1))

    def update_state(self, **changes: Any) -> RunState:
        """Changes some fields of the state and stamps the time; for the run's one writer."""
        import time

        state = replace(self.read_state(), updated=time.time(), **changes)
        self.write_state(state)
        return state

    def read_progress(self) -> Progress | None:
        """The last step of work told by the worker, or None before the first."""
        try:
            return Progress(**_read_json(self.progress))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None

    def write_progress(self, progress: Progress) -> None:
        """Tells the pages how far the work is; called often, so without waiting for the disk."""
        swap_text(self.progress, json.dumps(vars(progress)))


def swap_text(target: Path, text: str) -> None:
    """Replaces a small file so that a reader sees the old or the new one, without waiting for the disk.

    For what is written each second and worthless after a power cut; everything else uses `paths.write_text`.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_rows(target: Path, columns: Sequence[str], rows: Iterable[Mapping[str, float]]) -> None:
    """Replaces a csv by these rows; a missing value is an empty cell."""
    lines = [",".join(columns)]
    lines += [",".join(_cell(row.get(column)) for column in columns) for row in rows]
    write_text(target, "\n".join(lines) + "\n")


def append_rows(target: Path, columns: Sequence[str], rows: Iterable[Mapping[str, float]]) -> None:
    """Appends rows to a csv in one write, with the header where the file is new."""
    text = "".join(",".join(_cell(row.get(column)) for column in columns) + "\n" for row in rows)
    if not text:
        return
    header = "" if target.exists() else ",".join(columns) + "\n"
    with open(target, "a", encoding="utf-8") as stream:
        stream.write(header + text)


def read_rows(target: Path, columns: Sequence[str]) -> list[dict[str, float]]:
    """The rows of such a csv; an empty cell is NaN. A last line that is still being written is left out."""
    try:
        text = target.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    complete = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(complete.splitlines())
    return [{column: _number(row.get(column)) for column in columns} for row in reader]


def _cell(value: float | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value)


def _number(cell: str | None) -> float:
    return float(cell) if cell else math.nan


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=1024)
def _tags(path: Path) -> dict[str, str]:
    # Written before the run's folder gets its name; runs of earlier versions have none.
    return _read_json(path) if path.is_file() else {}


@lru_cache(maxsize=1024)
def _config(path: Path) -> RunConfig:
    # Written once, before the run's folder gets its name, and read by each poll of a page.
    return RunConfig.parse(_read_json(path))
