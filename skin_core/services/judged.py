"""What a run's evaluation says, in the order in which a clinician reads it: melanoma and malignancy first, accuracy last.

Nothing here reads a picture of the test split: figures come from the record of the evaluation, everything else from the
predictions that were kept with it. Validation is told from the predictions of the best epoch, with the calibration that
an evaluation or a publication has fitted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skin_core.errors import RunError
from skin_core.evaluation.scored import UNKNOWN, Scored
from skin_core.screening.predictions import load_predictions
from skin_core.screening.record import BundleInfo, OperatingPoint
from skin_core.screening.truth import group_word, scored
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

Split = Literal["test", "validation"]
SPLIT_WORDS: dict[str, str] = {"test": "the locked test split", "validation": "validation"}

MELANOMA, MALIGNANCY, CLASSES, ACCURACY = "Melanoma", "Malignant or premalignant", "All classes", "Accuracy"

# In reading order: name → (part, title). What is not here is told class by class.
FIGURES: dict[str, tuple[str, str]] = {
    "melanoma_auc": (MELANOMA, "AUC, melanoma against the rest"),
    "melanoma_sensitivity": (MELANOMA, "Melanomas referred at the threshold"),
    "melanoma_pauc_above_80_sensitivity": (MELANOMA, "Partial AUC above 80 % sensitivity (ISIC 2024; at most 0.2)"),
    "melanoma_average_precision": (MELANOMA, "Average precision"),
    "melanoma_sensitivity_at_90_specificity": (MELANOMA, "Sensitivity at 90 % specificity"),
    "melanoma_sensitivity_at_95_specificity": (MELANOMA, "Sensitivity at 95 % specificity"),
    "melanoma_specificity_at_90_sensitivity": (MELANOMA, "Specificity at 90 % sensitivity"),
    "melanoma_specificity_at_95_sensitivity": (MELANOMA, "Specificity at 95 % sensitivity"),
    "malignancy_auc": (MALIGNANCY, "AUC, malignant or premalignant against benign"),
    "malignancy_auc_without_premalignant": (MALIGNANCY, "AUC, malignant against benign"),
    "malignancy_sensitivity": (MALIGNANCY, "Sensitivity at the threshold"),
    "malignancy_specificity": (MALIGNANCY, "Specificity at the threshold"),
    "malignancy_ppv": (MALIGNANCY, "Positive predictive value at the threshold"),
    "malignancy_npv": (MALIGNANCY, "Negative predictive value at the threshold"),
    "malignancy_number_needed_to_refer": (MALIGNANCY, "Number needed to refer for each one found"),
    "malignancy_referred": (MALIGNANCY, "Share referred"),
    "malignancy_prevalence": (MALIGNANCY, "Prevalence in this set"),
    "malignancy_top_15_sensitivity": (MALIGNANCY, "Found among the 15 most suspect lesions of a patient"),
    "malignancy_pauc_above_80_sensitivity": (
        MALIGNANCY,
        "Partial AUC above 80 % sensitivity (ISIC 2024; at most 0.2)",
    ),
    "malignancy_average_precision": (MALIGNANCY, "Average precision"),
    "malignancy_sensitivity_at_90_specificity": (MALIGNANCY, "Sensitivity at 90 % specificity"),
    "malignancy_sensitivity_at_95_specificity": (MALIGNANCY, "Sensitivity at 95 % specificity"),
    "malignancy_specificity_at_90_sensitivity": (MALIGNANCY, "Specificity at 90 % sensitivity"),
    "malignancy_specificity_at_95_sensitivity": (MALIGNANCY, "Specificity at 95 % sensitivity"),
    "malignancy_brier": (MALIGNANCY, "Brier score of the risk (lower is better)"),
    "malignancy_calibration_slope": (MALIGNANCY, "Calibration slope (1 is right)"),
    "malignancy_calibration_intercept": (MALIGNANCY, "Calibration intercept (0 is right)"),
    "malignancy_ece": (MALIGNANCY, "Calibration error of the risk (ECE, lower is better)"),
    "balanced_accuracy": (CLASSES, "Balanced accuracy (ISIC 2018's score)"),
    "balanced_accuracy_equal_priors": (CLASSES, "Balanced accuracy, guessing as if the classes were equally common"),
    "macro_auc": (CLASSES, "AUC, mean over the classes"),
    "macro_f1": (CLASSES, "F1, mean over the classes"),
    "weighted_f1": (CLASSES, "F1, weighted by the classes' images"),
    "brier": (CLASSES, "Brier score of the classes (lower is better)"),
    "log_loss": (CLASSES, "Log loss (lower is better)"),
    "ece": (CLASSES, "Calibration error of the classes (ECE, lower is better)"),
    "accuracy": (ACCURACY, "Accuracy"),
}
# What a report begins with, and a page shows unfolded.
HEADLINES = (
    "melanoma_auc",
    "melanoma_sensitivity",
    "malignancy_auc",
    "malignancy_sensitivity",
    "malignancy_specificity",
    "malignancy_ece",
    "balanced_accuracy",
    "macro_auc",
    "accuracy",
)
BY_CLASS = ("auc", "average_precision", "sensitivity", "specificity", "precision", "f1")


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; NaN where undefined."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, entry: Mapping[str, float | None] | None) -> Interval:
        """From ``{"value", "low", "high"}`` with None for what is undefined."""
        parts = ("value", "low", "high")
        found = {} if entry is None else {part: entry.get(part) for part in parts}
        return cls(**{part: math.nan if value is None else float(value) for part, value in found.items()})


@dataclass(frozen=True)
class Row:
    """One figure for people.

    Attributes:
        name: as in the record.
        part: under which heading.
        title: what it is.
        figure: value and interval.
        n: images it is of: for a share, those that it is a share of.
        beside: what must be read with it ("the largest class alone gives 0.670"), or "".
    """

    name: str
    part: str
    title: str
    figure: Interval
    n: int
    beside: str = ""


@dataclass(frozen=True)
class ClassRow:
    """The figures of one class against the rest, by the names of `BY_CLASS`."""

    name: str
    n: int
    figures: Mapping[str, Interval]


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
        rows=_rows(metrics, truth),
        classes=_class_rows(metrics, truth),
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
    info = recorded_info(folder)
    if info is None or not folder.predictions.is_file():
        raise _not_judged(run_id, split)
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


def recorded_info(folder: RunFolder) -> BundleInfo | None:
    """What was fitted on validation for the run's present model: that of the evaluation, else the newest; or None."""
    drafts = {path.parent.name: path for path in _drafts(folder)}
    chosen = drafts.get(recorded_evaluation(folder).get("model", "")) or next(iter(drafts.values()), None)
    if chosen is None:
        return None
    return BundleInfo.parse(chosen.read_text(encoding="utf-8"), name="draft")


def _drafts(folder: RunFolder) -> list[Path]:
    """Drafts of the present model, the newest first; older ones belong to a model that was trained further."""
    if not folder.model.is_file():
        return []
    since = folder.model.stat().st_mtime_ns
    found = {path: path.stat().st_mtime_ns for path in (folder.path / "export").glob("[!.]*/draft.json")}
    return sorted((path for path, at in found.items() if at >= since), key=lambda path: -found[path])


def _rows(metrics: Mapping[str, Any], truth: Scored) -> tuple[Row, ...]:
    shares = truth.shares()
    sizes = {MELANOMA: truth.melanoma != UNKNOWN, MALIGNANCY: truth.levels != UNKNOWN}
    found = []
    for name, (part, title) in FIGURES.items():
        if name not in metrics:
            continue
        inside = shares.get(name, sizes.get(part, truth.labels != UNKNOWN))
        found.append(
            Row(name, part, title, Interval.of(metrics[name]), int(np.sum(inside)), _beside(name, metrics, truth))
        )
    return tuple(found)


def _beside(name: str, metrics: Mapping[str, Any], truth: Scored) -> str:
    if name == "accuracy":
        floor = Interval.of(metrics.get("accuracy_floor"))
        return "" if math.isnan(floor.value) else f"always naming the largest class gives {floor.value:.3f}"
    expected = metrics.get(f"{name}_if_calibrated")
    if expected is not None:
        at = Interval.of(expected)
        return (
            ""
            if math.isnan(at.value)
            else f"a perfectly calibrated model would show {at.value:.3f} ({at.low:.3f} to {at.high:.3f}) at this n"
        )
    if name.endswith(("_auc", "_auc_without_premalignant", "_average_precision")):
        positive = truth.melanoma == 1 if name.startswith("melanoma") else truth.levels > 0
        if name.endswith("without_premalignant"):
            positive = truth.levels == len(("benign", "premalignant"))
        return f"{int(positive.sum()):,} positive" if name.startswith(("melanoma", "malignancy")) else ""
    return ""


def _class_rows(metrics: Mapping[str, Any], truth: Scored) -> tuple[ClassRow, ...]:
    return tuple(
        ClassRow(
            name,
            int((truth.labels == index).sum()),
            {figure: Interval.of(metrics.get(f"{figure}_{name}")) for figure in BY_CLASS},
        )
        for index, name in enumerate(truth.classes)
    )


def _not_judged(run_id: str, split: str) -> RunError:
    return RunError(f"Run {run_id} was not judged on {SPLIT_WORDS[split]} yet; evaluate it.")
