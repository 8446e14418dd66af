"""All figures of a scored set: pictures with their truth, their probabilities and their risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.evaluation import figures
from skin_core.evaluation.bootstrap import resamples_for, with_intervals
from skin_core.evaluation.class_rule import ClassRule, rule_of, weighed
from skin_core.evaluation.metrics import confusion
from skin_core.evaluation.reliability import error_if_calibrated
from skin_core.evaluation.sums import of_images

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
        group_word: what a group is, in the plural; see `bootstrap.Groups`.
        priors: float (C,), the share of each class under which ``probabilities`` hold; None where not known.
        patients: (N,), for ranks within a patient; None where the set does not tell. Not the groups: those join patients
            who share a twin, as the same draw.
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
    group_word: str = "lesions"
    priors: np.ndarray | None = None
    patients: np.ndarray | None = None

    def metrics(self, *, resamples: int | None = None, seed: int = 0) -> dict[str, dict[str, float]]:
        """Every figure with its 95 % interval: name → {"value", "low", "high"}, NaN where undefined.

        Melanoma and malignancy come first, accuracy last. ``ece_if_calibrated`` and ``malignancy_ece_if_calibrated``
        are what a perfectly calibrated model would show on these images, with the range of 95 in 100 such models.

        Args:
            resamples: for the intervals; as `resamples_for` by default. seed: of the draws.
        """
        resamples = resamples_for(len(self.groups)) if resamples is None else resamples
        found = with_intervals(self.figures, self.groups, resamples=resamples, seed=seed, shares=self.shares())
        expected = {"ece": self._expected(self.labels != UNKNOWN, self.probabilities.max(axis=1, initial=0), seed)}
        if self.risk is not None:
            expected["malignancy_ece"] = self._expected(self.levels != UNKNOWN, self.risk, seed)
        ordered = {}
        for name, entry in found.items():
            ordered[name] = entry
            if name in expected:
                ordered[f"{name}_if_calibrated"] = expected[name]
        return ordered

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Every figure that can be resampled, (B,) each, for weights (B, N); see `evaluation.metrics`."""
        by_melanoma = self.melanoma != UNKNOWN
        by_level = self.levels != UNKNOWN
        by_label = self.labels != UNKNOWN
        found: dict[str, np.ndarray] = {}
        if self.melanoma_column is None:
            found["melanoma_auc"] = np.full(len(weights), np.nan)
        else:
            found |= figures.of_melanoma(
                of_images(weights, by_melanoma),
                self.melanoma[by_melanoma] == 1,
                self.probabilities[by_melanoma, self.melanoma_column],
                None if self.referred is None else self.referred[by_melanoma],
            )
        if self.risk is None:
            found |= figures.undefined_risk(len(weights))
        else:
            found |= figures.of_risk(
                of_images(weights, by_level),
                self.levels[by_level],
                self.risk[by_level],
                None if self.referred is None else self.referred[by_level],
                None if self.patients is None else self.patients[by_level],
            )
        return found | figures.of_classes(
            of_images(weights, by_label), self.labels[by_label], self.probabilities[by_label], self.classes, self.priors
        )

    def shares(self) -> dict[str, np.ndarray]:
        """For each figure that is a share of images: which images, bool (N,)."""
        known, labelled = self.levels != UNKNOWN, self.labels != UNKNOWN
        named = self.weighed().argmax(axis=1)
        found = {"accuracy": labelled, "accuracy_floor": labelled}
        for index, name in enumerate(self.classes):
            found[f"sensitivity_{name}"] = labelled & (self.labels == index)
            found[f"specificity_{name}"] = labelled & (self.labels != index)
            found[f"precision_{name}"] = labelled & (named == index)
        if self.melanoma_column is not None:
            found |= _of_points("melanoma", self.melanoma == 1, self.melanoma == 0)
        if self.risk is None:
            return found
        found["malignancy_prevalence"] = known
        found["malignancy_top_15_sensitivity"] = known & (self.levels > 0)
        found |= _of_points("malignancy", self.levels > 0, self.levels == 0)
        if self.referred is not None:
            found["malignancy_sensitivity"] = known & (self.levels > 0)
            found["malignancy_specificity"] = known & (self.levels == 0)
            found["malignancy_ppv"] = known & self.referred
            found["malignancy_npv"] = known & ~self.referred
            found["malignancy_referred"] = known
            found["melanoma_sensitivity"] = self.melanoma == 1
        return found

    @property
    def referred(self) -> np.ndarray | None:
        """The decision on each image, bool (N,); None without a risk or a threshold, or where a risk is NaN."""
        if self.risk is None or self.threshold is None or np.isnan(self.risk).any():
            return None
        return self.risk >= self.threshold

    @property
    def class_rule(self) -> ClassRule:
        """The rule by which the figures name classes; see `class_rule`."""
        return rule_of(self.priors)

    def weighed(self, rule: ClassRule | None = None) -> np.ndarray:
        """Probabilities (N, C) as a rule compares them; the largest of a row is the class that it names.

        Args:
            rule: that of the figures by default.
        """
        return weighed(self.probabilities, self.priors, rule or self.class_rule)

    def confusion(self, rule: ClassRule | None = None) -> np.ndarray:
        """Counts (C, C) of the images whose label is one of the classes; rows are true classes, columns those named.

        Args:
            rule: that of the figures by default.
        """
        known = self.labels != UNKNOWN
        named = self.weighed(rule)[known].argmax(axis=1)
        ones = np.ones((1, int(known.sum())))
        return confusion(ones, self.labels[known], named, len(self.classes))[0].astype(int)

    def _expected(self, known: np.ndarray, confidence: np.ndarray, seed: int) -> dict[str, float]:
        return error_if_calibrated(confidence[known], self.groups[known], seed=seed)


def _of_points(prefix: str, positive: np.ndarray, negative: np.ndarray) -> dict[str, np.ndarray]:
    sensitivities = {f"{prefix}_sensitivity_at_{value}_specificity": positive for value in figures.SPECIFICITIES}
    return sensitivities | {f"{prefix}_specificity_at_{value}_sensitivity": negative for value in figures.SENSITIVITIES}
