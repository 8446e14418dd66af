"""What a run's evaluation says, in the order in which a clinician reads it: melanoma and malignancy first, accuracy last.

Nothing here reads a picture of the test split: figures come from the record of the evaluation, everything else from the
predictions that were kept with it. Validation is told from the predictions of the best epoch, with the calibration that
an evaluation or a publication has fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skin_core.screening.record import BundleInfo, OperatingPoint
from skin_core.services.external_folder import ExternalFolder
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
from skin_core.services.kept import (
    Split,
    draft_folder,
    not_judged,
    predictions_of,
    record_of,
    recorded_cross_validation,
    recorded_evaluation,
    recorded_info,
    stamp,
)
from skin_core.training.folder import RunFolder

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
    "draft_folder",
    "judged",
    "predictions_of",
    "recorded_cross_validation",
    "recorded_evaluation",
    "recorded_info",
    "stamp",
    "views_judged",
]


@dataclass(frozen=True)
class Judged:
    """A run on one split, or a bundle on another set.

    Attributes:
        run_id, split: of what; for the split "external" the id of the evaluation.
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
        class_rule: by which classes are named in the figures of each class; see `evaluation.class_rule`.
        title: what was judged on what, of a bundle.
        blind: False where pictures that the model was made with were kept in knowingly.
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
    class_rule: str = "likeliest"
    title: str = ""
    blind: bool = True

    def row(self, name: str) -> Row | None:
        """The figure of that name, if there is one."""
        return next((row for row in self.rows if row.name == name), None)

    def evaluated(self) -> str:
        """How often and when the split was read, for the reader; empty for validation."""
        if self.split == "external":
            return f"Evaluated on {self.time[:10]} at {self.time[11:16]} UTC."
        if not self.count:
            return ""
        times = "once" if self.count == 1 else f"{self.count} times: its figures are no longer quite blind"
        return f"The locked test split was read {times}; last on {self.time[:10]} at {self.time[11:16]} UTC."


def available(run_id: str) -> tuple[Split, ...]:
    """The splits that `judged` can tell of now, the test split first; of a cross-validated run its out-of-fold pictures.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    found: list[Split] = []
    if folder.cross_validation.is_file() and folder.out_of_fold.is_file():
        return ("out_of_fold",)
    if folder.evaluation.is_file() and folder.test_predictions.is_file():
        found.append("test")
    if folder.predictions.is_file() and recorded_info(folder) is not None:
        found.append("validation")
    return tuple(found)


def judged(of: str, split: Split = "test") -> Judged:
    """An evaluation's figures.

    Args:
        of: a run, or for the split "external" an evaluation of a bundle on another set.
        split: which of a run's.

    Raises:
        RunError: if there is no such run or evaluation, or the run was not judged on that split.
    """
    _, truth = predictions_of(of, split)
    record = {} if split == "validation" else record_of(of, split)
    if split == "external":
        info = BundleInfo.parse(ExternalFolder.of(of).bundle.read_text(encoding="utf-8"), name=of)
        facts = _of_external(record, info)
    else:
        folder = RunFolder.of(of)
        info = recorded_info(folder)
        if split == "out_of_fold":
            facts = _of_record(record)
        else:
            facts = _of_test(record, folder) if split == "test" else _of_validation(of, info)
    metrics = facts.pop("metrics")
    return Judged(
        run_id=of,
        split=split,
        n=len(truth.labels),
        n_groups=len(np.unique(truth.groups.astype(str))),
        group_word=truth.group_word,
        rows=rows_of(metrics, truth, facts["class_rule"]),
        classes=class_rows_of(metrics, truth),
        **_of_model(info),
        **facts,
    )


def _of_record(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "metrics": record.get("metrics", {}),
        "intervals": str(record.get("intervals", "")),
        "notes": tuple(record.get("notes", ())),
        "time": str(record.get("time", "")),
        "class_rule": str(record.get("class_rule", "likeliest")),
    }


def _of_test(record: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    return {
        **_of_record(record),
        "count": int(record.get("count", 1)),
        "stale": record.get("best_epoch") != folder.read_state().best_epoch,
        "engine": str(record.get("model", "")),
    }


def _of_validation(run_id: str, info: BundleInfo | None) -> dict[str, Any]:
    measured = None if info is None else info.validation
    if measured is None:
        raise not_judged(run_id, "validation")
    return {
        "metrics": {name: figure.model_dump() for name, figure in measured.metrics.items()},
        "intervals": measured.intervals,
        "class_rule": measured.class_rule,
        "notes": ("Validation chose the epoch, the calibration and the threshold: its figures flatter the model.",),
    }


def _of_external(record: dict[str, Any], info: BundleInfo) -> dict[str, Any]:
    return {
        **_of_record(record),
        "title": f"{info.title} on {record.get('data', 'another set')}",
        "blind": bool(record.get("blind", True)),
        "engine": info.files.get("screen.tflite", "")[:16],
    }


def _of_model(info: BundleInfo | None) -> dict[str, Any]:
    """What was fitted on validation: it holds on every split."""
    if info is None:
        return {}
    points = (info.operating_point, *info.further_points)
    return {
        "prevalence": info.prevalence,
        "calibration": "" if info.risk_calibration is None else info.risk_calibration.method,
        "points": tuple(point for point in points if point is not None),
    }


def views_judged(run_id: str) -> int:
    """How many views of each picture the engine looks at that was judged on the test split; 1 before an evaluation.

    Raises:
        RunError: if there is no such run.
    """
    parts = str(recorded_evaluation(RunFolder.of(run_id)).get("model", "")).split("-")
    return next((int(part.removeprefix("views")) for part in parts if part.startswith("views")), 1)
