"""What a run's evaluation says, in the order in which a clinician reads it: melanoma and malignancy first, accuracy last.

Nothing here reads a picture of the test split: figures come from the record of the evaluation, everything else from the
predictions that were kept with it. Validation is told from the predictions of the best epoch, with the calibration that
an evaluation or a publication has fitted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skin_core.errors import RunError
from skin_core.evaluation.scored import Scored
from skin_core.screening.predictions import load_predictions
from skin_core.screening.record import BundleInfo, OperatingPoint
from skin_core.screening.truth import group_word, scored
from skin_core.services.figure_rows import (
    ACCURACY,
    BY_CLASS,
    CLASSES,
    FIGURES,
    HEADLINES,
    MALIGNANCY,
    MELANOMA,
    ClassRow,
    Interval,
    Row,
    class_rows_of,
    rows_of,
)
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

__all__ = [
    "ACCURACY",
    "BY_CLASS",
    "CLASSES",
    "FIGURES",
    "HEADLINES",
    "MALIGNANCY",
    "MELANOMA",
    "ClassRow",
    "Interval",
    "Judged",
    "Row",
    "Split",
    "available",
    "judged",
    "predictions_of",
    "recorded_evaluation",
    "recorded_info",
    "stamp",
    "views_judged",
]

Split = Literal["test", "validation"]
SPLIT_WORDS: dict[str, str] = {"test": "the locked test split", "validation": "validation"}


@dataclass(frozen=True)
class Judged:
    """A run on one split.

    Attributes:
        run_id, split: of what.
        n: images; n_groups, group_word: what the intervals drew.
        rows: figures in reading order. classes: those of each class.
        intervals: how they came about, a sentence.
        notes: what must be known to read them.
        count: how often the test split was read for this run; 0 for validation.
        time: when it was read last (ISO 8601, UTC), or "".
        stale: the run was trained further since.
        prevalence: share of the endpoint for which the risk is calibrated; None where not known.
        calibration: how the risk was calibrated, in a word or two.
        points: thresholds, the one in use first; empty without a risk.
        engine: key of the model that was judged.
    """

    run_id: str
    split: Split
    n: int
    n_groups: int
    group_word: str
    rows: tuple[Row, ...]
    classes: tuple[ClassRow, ...]
    intervals: str
    notes: tuple[str, ...] = ()
    count: int = 0
    time: str = ""
    stale: bool = False
    prevalence: float | None = None
    calibration: str = ""
    points: tuple[OperatingPoint, ...] = field(default=())
    engine: str = ""

    def row(self, name: str) -> Row | None:
        """The figure of that name, if there is one."""
        return next((row for row in self.rows if row.name == name), None)

    def evaluated(self) -> str:
        """How often and when the split was read, for the reader; empty for validation."""
        if not self.count:
            return ""
        times = "once" if self.count == 1 else f"{self.count} times: its figures are no longer quite blind"
        return f"The locked test split was read {times}; last on {self.time[:10]} at {self.time[11:16]} UTC."


def available(run_id: str) -> tuple[Split, ...]:
    """The splits that `judged` can tell of now, the test split first.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    found: list[Split] = []
    if folder.evaluation.is_file() and folder.test_predictions.is_file():
        found.append("test")
    if folder.predictions.is_file() and recorded_info(folder) is not None:
        found.append("validation")
    return tuple(found)


def stamp(run_id: str) -> tuple[int, ...]:
    """Numbers that change when anything that `judged` reads does; for caches.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    files = (folder.evaluation, folder.test_predictions, folder.predictions, *_drafts(folder))
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files)


def judged(run_id: str, split: Split = "test") -> Judged:
    """A run's figures on a split.

    Raises:
        RunError: if there is no such run, or it was not judged on that split.
    """
    folder = RunFolder.of(run_id)
    _, truth = predictions_of(run_id, split)
    info = recorded_info(folder)
    if split == "test":
        record = recorded_evaluation(folder)
        metrics = record.get("metrics", {})
        facts: dict[str, Any] = {
            "intervals": str(record.get("intervals", "")),
            "notes": tuple(record.get("notes", ())),
            "count": int(record.get("count", 1)),
            "time": str(record.get("time", "")),
            "stale": record.get("best_epoch") != folder.read_state().best_epoch,
            "engine": str(record.get("model", "")),
        }
    else:
        measured = None if info is None else info.validation
        if measured is None:
            raise _not_judged(run_id, split)
        metrics = {name: figure.model_dump() for name, figure in measured.metrics.items()}
        facts = {
            "intervals": measured.intervals,
            "notes": ("Validation chose the epoch, the calibration and the threshold: its figures flatter the model.",),
        }
    points = () if info is None else (info.operating_point, *info.further_points)
    return Judged(
        run_id=run_id,
        split=split,
        n=len(truth.labels),
        n_groups=len(np.unique(truth.groups.astype(str))),
        group_word=truth.group_word,
        rows=rows_of(metrics, truth),
        classes=class_rows_of(metrics, truth),
        prevalence=None if info is None else info.prevalence,
        calibration="" if info is None or info.risk_calibration is None else info.risk_calibration.method,
        points=tuple(point for point in points if point is not None),
        **facts,
    )


def predictions_of(run_id: str, split: Split) -> tuple[np.ndarray, Scored]:
    """Image ids (N,) and what the run says of them, calibrated; the test split's as they were kept.

    Raises:
        RunError: if there is no such run, or it was not judged on that split.
    """
    folder = RunFolder.of(run_id)
    if split == "test":
        return load_predictions(folder.test_predictions)
    chosen = _draft(folder)
    if chosen is None or not folder.predictions.is_file():
        raise _not_judged(run_id, split)
    by_engine = chosen.with_name("predictions_validation.npz")
    if by_engine.is_file():
        return load_predictions(by_engine)
    # Drafts of older versions kept none: the network's own answers differ from the engine's in the sixth digit.
    info = recorded_info(folder)
    try:
        with np.load(folder.predictions, allow_pickle=False) as kept:
            ids, probabilities = kept["image_ids"], kept["probabilities"].astype(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise _not_judged(run_id, split) from error
    from skin_core.screening.draft import groups_of  # Brings the engine, which pages do without.

    prepared = load_prepared(folder)
    places = {image_id: row for row, image_id in enumerate(prepared.manifest.frame["image_id"])}
    rows = np.array([places[image_id] for image_id in ids.tolist()])
    if probabilities.ndim == 1 or probabilities.shape[1] == 1:
        positive = probabilities.reshape(-1)
        probabilities = np.stack([1 - positive, positive], axis=1)
    # Calibration reads differences of logits only, and those are differences of log probabilities.
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    frame = prepared.manifest.frame.iloc[rows]
    word = group_word(prepared.manifest)
    return ids, scored(info, frame, groups_of(folder, prepared)[rows], logits, group_word=word)


def recorded_evaluation(folder: RunFolder) -> dict[str, Any]:
    """The record of the run's evaluation; empty if there is none."""
    try:
        found = json.loads(folder.evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def views_judged(run_id: str) -> int:
    """How many views of each picture the engine looks at that was judged on the test split; 1 before an evaluation.

    Raises:
        RunError: if there is no such run.
    """
    parts = str(recorded_evaluation(RunFolder.of(run_id)).get("model", "")).split("-")
    return next((int(part.removeprefix("views")) for part in parts if part.startswith("views")), 1)


def recorded_info(folder: RunFolder) -> BundleInfo | None:
    """What was fitted on validation for the run's present model: that of the evaluation, else the newest; or None."""
    chosen = _draft(folder)
    return None if chosen is None else BundleInfo.parse(chosen.read_text(encoding="utf-8"), name="draft")


def _draft(folder: RunFolder) -> Path | None:
    drafts = {path.parent.name: path for path in _drafts(folder)}
    return drafts.get(recorded_evaluation(folder).get("model", "")) or next(iter(drafts.values()), None)


def _drafts(folder: RunFolder) -> list[Path]:
    """Drafts of the present model, the newest first; older ones belong to a model that was trained further."""
    if not folder.model.is_file():
        return []
    since = folder.model.stat().st_mtime_ns
    found = {path: path.stat().st_mtime_ns for path in (folder.path / "export").glob("[!.]*/draft.json")}
    return sorted((path for path, at in found.items() if at >= since), key=lambda path: -found[path])


def _not_judged(run_id: str, split: str) -> RunError:
    return RunError(f"Run {run_id} was not judged on {SPLIT_WORDS[split]} yet; evaluate it.")
