"""Sets what a bundle says of a set's pictures against what the set knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skin_core.data.risk import class_title, known_diagnoses, wider_title
from skin_core.evaluation.calibration import calibrated
from skin_core.evaluation.scored import LEVELS, UNKNOWN, Scored
from skin_core.screening.record import BundleInfo
from skin_core.screening.risk import risk_of

if TYPE_CHECKING:
    import pandas as pd

    from skin_core.data.manifest import Manifest

MELANOMA = "Melanoma"


@dataclass(frozen=True)
class ClassMapping:
    """How a set's labels meet a bundle's classes.

    Attributes:
        column: label → column of the bundle, for the labels that map.
        unmapped: labels that are none of the bundle's classes, sorted; they count for the risk only.
    """

    column: dict[str, int]
    unmapped: tuple[str, ...]


def map_classes(info: BundleInfo, labels: set[str]) -> ClassMapping:
    """Matches labels with a bundle's classes by name, else by diagnosis ("mel" is "melanoma"), else by the wider class
    that holds the diagnosis ("seborrheic keratosis" is a "bkl")."""
    by_name = {name: index for index, name in enumerate(info.class_names)}
    by_title = {class_title(name): index for name, index in by_name.items()}
    column = {}
    for label in labels:
        found = by_name.get(label, by_title.get(class_title(label), by_title.get(wider_title(label))))
        if found is not None:
            column[label] = found
    return ClassMapping(column, tuple(sorted(labels - set(column))))


def scored(
    info: BundleInfo, frame: pd.DataFrame, groups: np.ndarray, logits: np.ndarray, *, group_word: str = "lesions"
) -> Scored:
    """Truth and calibrated scores of labelled pictures.

    Args:
        info: gives classes, calibration and threshold.
        frame: manifest rows (N), with ``label`` and ``risk_level``.
        groups: (N,) lesion or patient of each.
        logits: float32 (N, C) of the engine.
        group_word: what a group is; see `group_word`.
    """
    labels = frame["label"].astype(object).where(frame["label"].notna(), None)
    mapping = map_classes(info, {label for label in labels if label is not None})
    levels = frame["risk_level"].astype(object).where(frame["risk_level"].notna(), None)
    probabilities = calibrated(logits, info.calibration.temperature, info.calibration.bias)
    is_melanoma = {label: _melanoma(label) for label in mapping.column.keys() | set(mapping.unmapped)}
    titles = [class_title(name) for name in info.class_names]
    return Scored(
        classes=info.class_names,
        labels=np.array([mapping.column.get(label, UNKNOWN) for label in labels], dtype=int),
        levels=np.array([LEVELS.index(level) if level in LEVELS else UNKNOWN for level in levels], dtype=int),
        melanoma=np.array([is_melanoma.get(label, UNKNOWN) for label in labels], dtype=int),
        groups=np.asarray(groups),
        probabilities=probabilities,
        risk=risk_of(info, logits),
        melanoma_column=titles.index(MELANOMA) if MELANOMA in titles else None,
        threshold=info.operating_point.threshold if info.operating_point else None,
        group_word=group_word,
        priors=_priors(info),
    )


def _priors(info: BundleInfo) -> np.ndarray | None:
    """The classes' shares in training before any balancing, which are those of validation: the split is stratified."""
    counts = np.array([entry.n_train for entry in info.classes], dtype=float)
    return counts / counts.sum() if (counts > 0).all() else None


def group_word(manifest: Manifest, otherwise: str = "twin clusters") -> str:
    """What the groups of a set are: "patients", "lesions", or else what its pictures are drawn by."""
    frame = manifest.frame
    if not frame["group_id"].notna().any():
        return otherwise
    is_patient = manifest.source == "isic2024" or (
        "patient_id" in frame and bool((frame["patient_id"] == frame["group_id"]).fillna(False).all())
    )
    return "patients" if is_patient else "lesions"


def _melanoma(label: str) -> int:
    """1 for melanoma, 0 for a label that excludes it, -1 for one that does not tell ("malignant")."""
    title = class_title(label)
    if title == MELANOMA:
        return 1
    return 0 if title in known_diagnoses() or title == "Benign" else UNKNOWN
