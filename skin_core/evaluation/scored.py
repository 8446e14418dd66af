"""All metrics of a scored set: pictures with their truth, their probabilities and their risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.evaluation import metrics
from skin_core.evaluation.bootstrap import RESAMPLES, with_intervals

LEVELS = ("benign", "premalignant", "malignant")
UNKNOWN = -1


@dataclass(frozen=True)
class Scored:
    """N images with truth and scores for C classes.

    Attributes:
        classes: class names, in the order of the columns.
        labels: int (N,), index into classes; -1 for an image whose label is none of them.
        levels: int (N,), index into `LEVELS`; -1 where the risk level is not known.
        melanoma: int (N,), 1 melanoma, 0 not, -1 where the set does not tell.
        groups: (N,), lesion or patient.
        probabilities: float (N, C), calibrated.
        risk: float (N,), P(malignant or premalignant), or None where the classes know no such endpoint.
        melanoma_column: column of melanoma, or None.
        threshold: of the decision on the risk, or None.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    levels: np.ndarray
    melanoma: np.ndarray
    groups: np.ndarray
    probabilities: np.ndarray
    risk: np.ndarray | None
    melanoma_column: int | None = None
    threshold: float | None = None

    def metrics(self, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, dict[str, float]]:
        """Every metric with its 95 % interval: name → {"value", "low", "high"}, NaN where undefined."""
        return with_intervals(self.figures, self.groups, resamples=resamples, seed=seed)

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric, (B,) each, for weights (B, N); see `evaluation.metrics`."""
        return {**self._of_classes(weights), **self._of_risk(weights), **self._of_melanoma(weights)}

    def confusion(self) -> np.ndarray:
        """Counts (C, C) of the images whose label is one of the classes; rows are true classes."""
        known = self.labels != UNKNOWN
        guesses = self.probabilities[known].argmax(axis=1)
        ones = np.ones((1, int(known.sum())))
        return metrics.confusion(ones, self.labels[known], guesses, len(self.classes))[0].astype(int)

    def _of_classes(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        known = self.labels != UNKNOWN
        weights, labels, probabilities = weights[:, known], self.labels[known], self.probabilities[known]
        n_classes = len(self.classes)
        guesses = probabilities.argmax(axis=1)
        table = metrics.confusion(weights, labels, guesses, n_classes)
        present = np.array([(labels == index).any() for index in range(n_classes)])
        recalls, scores = metrics.recalls(table), metrics.f1_scores(table)
        areas = np.stack(
            [metrics.auc(weights, labels == index, probabilities[:, index]) for index in range(n_classes)], axis=1
        )
        truth = np.eye(n_classes)[labels]
        own = np.clip((probabilities * truth).sum(axis=1), 1e-12, 1)
        found = {
            "balanced_accuracy": metrics.mean_over(recalls, present),
            "accuracy": metrics.accuracy(table),
            "macro_f1": metrics.mean_over(scores, present),
            "macro_auc": metrics.mean_over(areas, present),
            "ece": metrics.expected_calibration_error(weights, guesses == labels, probabilities.max(axis=1, initial=0)),
            "brier": metrics.mean_of(weights, ((probabilities - truth) ** 2).sum(axis=1)),
            "log_loss": metrics.mean_of(weights, -np.log(own)),
        }
        for index, name in enumerate(self.classes):
            found[f"auc_{name}"] = areas[:, index]
            found[f"sensitivity_{name}"] = recalls[:, index]
            found[f"f1_{name}"] = scores[:, index]
        return found

    def _of_risk(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        undefined = np.full(len(weights), np.nan)
        names = ("auc", "auc_without_premalignant", "sensitivity", "specificity", "brier", "ece")
        found = {f"malignancy_{name}": undefined for name in names}
        if self.risk is None:
            return found
        known = self.levels != UNKNOWN
        weights, levels, risk = weights[:, known], self.levels[known], self.risk[known]
        positive = levels > 0
        clear = levels != LEVELS.index("premalignant")
        found["malignancy_auc"] = metrics.auc(weights, positive, risk)
        found["malignancy_auc_without_premalignant"] = metrics.auc(weights[:, clear], positive[clear], risk[clear])
        found["malignancy_brier"] = metrics.mean_of(weights, (risk - positive) ** 2)
        found["malignancy_ece"] = metrics.expected_calibration_error(weights, positive, risk)
        if self.threshold is not None:
            referred = risk >= self.threshold
            found["malignancy_sensitivity"] = metrics.mean_of(weights[:, positive], referred[positive].astype(float))
            found["malignancy_specificity"] = metrics.mean_of(weights[:, ~positive], 1.0 - referred[~positive])
        return found

    def _of_melanoma(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        if self.melanoma_column is None:
            return {"melanoma_auc": np.full(len(weights), np.nan)}
        known = self.melanoma != UNKNOWN
        score = self.probabilities[known, self.melanoma_column]
        return {"melanoma_auc": metrics.auc(weights[:, known], self.melanoma[known] == 1, score)}
