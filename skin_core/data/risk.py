"""Risk level and full name of a class. The mapping itself is data: ``risk_levels.json`` beside this file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from skin_core.data.manifest import RISK_LEVELS, Manifest
from skin_core.data.words import codes, translated
from skin_core.errors import ConfigError

_MAPPING = Path(__file__).with_name("risk_levels.json")


@dataclass(frozen=True)
class Diagnosis:
    """One line of the mapping: how people call it, and how dangerous it is."""

    title: str
    risk_level: str
    part_of: str | None = None


def risk_level_of(label: str) -> str | None:
    """ "benign", "premalignant" or "malignant", or None for a class that the mapping does not know."""
    known = _by_name().get(_key(label))
    return known.risk_level if known else None


def class_title(label: str) -> str:
    """A class as a person reads it: "mel" is "Melanoma"; a class that is not known keeps its own words."""
    known = _by_name().get(_key(label))
    if known:
        return known.title
    words = re.sub(r"[_\s]+", " ", label).strip()
    return words[:1].upper() + words[1:] or label


def wider_title(label: str) -> str | None:
    """The class of HAM10000 that holds a diagnosis ("seborrheic keratosis" is a benign keratosis-like lesion), or None.

    Source: Tschandl, Rosendahl and Kittler 2018, doi:10.1038/sdata.2018.161, which names what each class holds.
    """
    known = _by_name().get(_key(label))
    return known.part_of if known else None


def with_risk_levels(manifest: Manifest, overrides: Mapping[str, str] | None = None) -> Manifest:
    """Fills ``risk_level`` of every row from its label.

    Args:
        manifest: any manifest; levels that it already holds are replaced.
        overrides: class to level, where a run differs from the mapping; class names as in the data, any case.

    Returns:
        The manifest with levels; NA for classes that neither the mapping nor the overrides know. A name in the
        overrides that is no class of this set is told in ``notes``.

    Raises:
        ConfigError: for a level that does not exist.
    """
    chosen = {_key(label): level for label, level in (overrides or {}).items()}
    for label, level in (overrides or {}).items():
        if level not in RISK_LEVELS:
            raise ConfigError(f"The risk level of '{label}' must be one of {', '.join(RISK_LEVELS)}; got '{level}'.")
    classes = manifest.classes
    levels = {label: chosen.get(_key(label), risk_level_of(label)) for label in classes}
    frame = manifest.frame.assign(risk_level=translated(manifest.frame["label"], levels))
    there = {_key(label) for label in classes}
    strangers = [label for label in overrides or {} if _key(label) not in there]
    notes = manifest.notes
    if strangers:
        names = ", ".join(f"'{name}'" for name in strangers)
        notes = (
            *notes,
            f"The risk levels name {names}, which the set does not hold; its classes are {', '.join(classes)}.",
        )
    return replace(manifest, frame=frame, notes=notes)


def risk_table(manifest: Manifest) -> pd.DataFrame:
    """The mapping as it applies to a manifest.

    Returns:
        One row a class, sorted by class: class, title, risk_level (NA where unknown), n (images).
    """
    labels = manifest.classes
    of = codes(manifest.frame["label"], list(labels))
    counts = np.bincount(of, minlength=len(labels) + 1)
    rows, first = np.unique(of, return_index=True)
    levels = dict(zip(rows.tolist(), manifest.frame["risk_level"].iloc[first], strict=True))
    return pd.DataFrame(
        {
            "class": pd.array(labels, dtype="string"),
            "title": pd.array([class_title(label) for label in labels], dtype="string"),
            "risk_level": pd.array([levels[place] for place in range(len(labels))], dtype="string"),
            "n": [int(counts[place]) for place in range(len(labels))],
        }
    )


def known_diagnoses() -> dict[str, str]:
    """Title → risk level of every single diagnosis in the mapping, without "Benign", "Malignant" and the like."""
    levels = {entry.title: entry.risk_level for entry in _by_name().values()}
    return {title: level for title, level in levels.items() if title.casefold() != level}


@cache
def _by_name() -> dict[str, Diagnosis]:
    known: dict[str, Diagnosis] = {}
    for entry in json.loads(_MAPPING.read_text(encoding="utf-8"))["diagnoses"]:
        for name in entry["names"]:
            known[_key(name)] = Diagnosis(entry["title"], entry["risk_level"], entry.get("part_of"))
    return known


def _key(label: str) -> str:
    return re.sub(r"[\s_\-]+", "", label).casefold()
