"""Sets what a bundle says of a set's pictures against what the set knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from skin_core.data.risk import class_title, known_diagnoses, wider_title
from skin_core.errors import ConfigError
from skin_core.evaluation.calibration import calibrated
from skin_core.evaluation.scored import LEVELS, UNKNOWN, Scored
from skin_core.screening.record import BundleInfo
from skin_core.screening.risk import risk_of

if TYPE_CHECKING:
    import pandas as pd

    from skin_core.data.manifest import Manifest

MELANOMA = "Melanoma"


# What a label is mapped to that is none of the bundle's classes.
NO_CLASS = "none"
How = Literal["name", "diagnosis", "wider", "hand"]


@dataclass(frozen=True)
class ClassMapping:
    """How a set's labels meet a bundle's classes.

    Attributes:
        column: label → column of the bundle, for the labels that map.
        unmapped: labels that are none of the bundle's classes, sorted; they count for the risk only.
        how: label → what matched it: its "name", its "diagnosis", the "wider" class that holds it, or a person's
            "hand", for the labels that map.
    """

    column: dict[str, int]
    unmapped: tuple[str, ...]
    how: dict[str, How]

    def class_names(self, info: BundleInfo) -> dict[str, str | None]:
        """Label → class of the bundle or None, sorted by label."""
        labels = sorted(self.column.keys() | set(self.unmapped))
        return {label: info.class_names[self.column[label]] if label in self.column else None for label in labels}


def map_classes(info: BundleInfo, labels: set[str], by_hand: Mapping[str, str] | None = None) -> ClassMapping:
    """Matches labels with a bundle's classes by name, else by diagnosis ("mel" is "melanoma"), else by the wider class
    that holds the diagnosis ("seborrheic keratosis" is a "bkl"). What a person says goes before.

    Args:
        info: of the bundle. labels: of the set.
        by_hand: label → class of the bundle, by its name or diagnosis, or `NO_CLASS`.

    Raises:
        ConfigError: if it names a label that the set lacks, or a class that the bundle lacks.
    """
    by_name = {name: index for index, name in enumerate(info.class_names)}
    by_title = {class_title(name): index for name, index in by_name.items()}
    column: dict[str, int] = {}
    how: dict[str, How] = {}
    told = _checked(info, labels, by_hand or {})
    for label in labels:
        ways = (
            ("name", by_name.get(label)),
            ("diagnosis", by_title.get(class_title(label))),
            ("wider", by_title.get(wider_title(label))),
        )
        if label in told:
            ways = (("hand", told[label]),)
        for way, found in ways:
            if found is not None:
                column[label], how[label] = found, way
                break
    return ClassMapping(column, tuple(sorted(labels - set(column))), how)


def _checked(info: BundleInfo, labels: set[str], by_hand: Mapping[str, str]) -> dict[str, int | None]:
    """Label → column or None, of what a person said."""
    known = {name.casefold(): index for index, name in reversed(list(enumerate(info.class_names)))}
    titles = {class_title(name): index for index, name in enumerate(info.class_names)}
    found: dict[str, int | None] = {}
    for label, name in by_hand.items():
        if label not in labels:
            raise ConfigError(
                f"The set has no class '{label}' to map; its classes are {', '.join(sorted(labels)) or 'none'}."
            )
        column = known.get(name.casefold(), titles.get(class_title(name)) if name else None)
        if name in info.class_names:
            column = info.class_names.index(name)
        if column is None and name != NO_CLASS:
            raise ConfigError(
                f"The bundle has no class '{name}' to map '{label}' to; its classes are {', '.join(info.class_names)}, and '{NO_CLASS}' stands for none of them."
            )
        found[label] = column
    return found


def levels_of(info: BundleInfo, frame: pd.DataFrame, mapping: ClassMapping) -> np.ndarray:
    """Risk level of each labelled picture, object (N,), None where it is not known.

    A label that means a class of the bundle has that class's level: the endpoint is the bundle's. One that a wider class
    holds, and one that no class stands for, keep the level that the set gives them.

    Args:
        info: of the bundle. frame: manifest rows (N). mapping: of the frame's labels.
    """
    of_class = [entry.risk_level for entry in info.classes]
    same = {label: of_class[column] for label, column in mapping.column.items() if mapping.how[label] != "wider"}
    wider = {label: of_class[column] for label, column in mapping.column.items() if mapping.how[label] == "wider"}
    own = frame["risk_level"].astype(object).where(frame["risk_level"].notna(), None)
    labels = frame["label"].astype(object).where(frame["label"].notna(), None)
    return np.array(
        [same.get(label) or level or wider.get(label) for label, level in zip(labels, own, strict=True)], dtype=object
    )


def scored(
    info: BundleInfo,
    frame: pd.DataFrame,
    groups: np.ndarray,
    logits: np.ndarray,
    *,
    group_word: str = "lesions",
    by_hand: Mapping[str, str] | None = None,
) -> Scored:
    """Truth and calibrated scores of labelled pictures.

    Args:
        info: gives classes, calibration and threshold.
        frame: manifest rows (N), with ``label`` and ``risk_level``.
        groups: (N,) lesion or patient of each.
        logits: float32 (N, C) of the engine.
        group_word: what a group is; see `group_word`.
        by_hand: see `map_classes`.
    """
    labels = frame["label"].astype(object).where(frame["label"].notna(), None)
    there = {label for label in labels if label is not None}
    told = {label: name for label, name in (by_hand or {}).items() if label in there}
    mapping = map_classes(info, there, told)
    levels = levels_of(info, frame, mapping)
    probabilities = calibrated(logits, info.calibration.temperature, info.calibration.bias)
    is_melanoma = {label: _melanoma(label) for label in there}
    for label, column in mapping.column.items():
        # A label of the set's own words tells through the class that it was mapped to.
        if mapping.how[label] == "hand" and _melanoma(info.class_names[column]) != UNKNOWN:
            is_melanoma[label] = _melanoma(info.class_names[column])
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
        priors=class_shares(info),
        patients=patients_of(frame) if group_word == "patients" else None,
    )


def patients_of(frame: pd.DataFrame) -> np.ndarray:
    """The patient of each row of a manifest, object (N,); a picture of nobody known is a patient by itself."""
    alone = "image " + frame["image_id"].astype(str)
    return frame["group_id"].astype(object).where(frame["group_id"].notna(), alone).to_numpy(dtype=object)


def class_shares(info: BundleInfo) -> np.ndarray | None:
    """The classes' shares by which they are weighed, float (C,): those that calibration found, or else those of training."""
    return np.array(info.calibration.shares) if info.calibration.shares else training_shares(info)


def training_shares(info: BundleInfo) -> np.ndarray | None:
    """The classes' shares in training before any balancing, float (C,); None where a class has no picture there."""
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
