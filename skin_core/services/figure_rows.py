"""The figures of an evaluation in the order in which a clinician reads them, with their names for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skin_core.evaluation.class_rule import balanced_titles
from skin_core.evaluation.scored import LEVELS, UNKNOWN, Scored

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
    "balanced_accuracy": (CLASSES, "Balanced accuracy, classes weighed alike"),
    "balanced_accuracy_likeliest": (CLASSES, "Balanced accuracy of the likeliest class"),
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
# Between 0 and 1, and more is better: they can share an axis. name → short title.
ON_ONE_AXIS = {
    "melanoma_auc": "AUC, melanoma",
    "malignancy_auc": "AUC, malignant or premalignant",
    "macro_auc": "AUC, mean over classes",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
}
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

    def in_words(self, digits: int = 3) -> str:
        """``0.871 (0.842 to 0.899)``; "undefined", or "interval not known" where the images cannot tell it."""
        if math.isnan(self.value):
            return "undefined"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:.{digits}f} (interval not known)"
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


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


def rows_of(metrics: Mapping[str, Any], truth: Scored, rule: str) -> tuple[Row, ...]:
    """The recorded figures in reading order, each with the images that it is of.

    Args:
        metrics: name → {"value", "low", "high"}, None where undefined; by today's names.
        truth: of the images that they were worked out on.
        rule: by which the record named classes.
    """
    balanced = balanced_titles(metrics, rule)
    shares = truth.shares()
    sizes = {MELANOMA: truth.melanoma != UNKNOWN, MALIGNANCY: truth.levels != UNKNOWN}
    found = []
    for name, (part, words) in FIGURES.items():
        if name not in metrics or (name.startswith("balanced_accuracy") and name not in balanced):
            continue
        title = balanced.get(name, words)
        inside = shares.get(name, sizes.get(part, truth.labels != UNKNOWN))
        if name.endswith("_without_premalignant"):
            inside = inside & (truth.levels != LEVELS.index("premalignant"))
        beside = _beside(name, metrics, truth)
        if name == "balanced_accuracy" and len(balanced) > 1:
            beside = "ISIC 2018's score"
        found.append(Row(name, part, title, Interval.of(metrics[name]), int(np.sum(inside)), beside))
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
            positive = truth.levels == LEVELS.index("malignant")
        return f"{int(positive.sum()):,} positive" if name.startswith(("melanoma", "malignancy")) else ""
    return ""


def class_rows_of(metrics: Mapping[str, Any], truth: Scored) -> tuple[ClassRow, ...]:
    """The figures of each class against the rest, in the classes' order."""
    return tuple(
        ClassRow(
            name,
            int((truth.labels == index).sum()),
            {figure: Interval.of(metrics.get(f"{figure}_{name}")) for figure in BY_CLASS},
        )
        for index, name in enumerate(truth.classes)
    )
