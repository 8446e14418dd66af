"""Two evaluated runs on the pictures that both were tested on, in a clinician's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.services.comparison import compare_runs
from skin_core.services.judged import FIGURES

# Shares of the set itself: both runs have the same.
_OF_THE_SET = ("malignancy_prevalence",)


@dataclass(frozen=True)
class DifferenceRow:
    """A figure of two runs.

    Attributes:
        name, part, title: as in `judged.Row`.
        first, second: of each run. difference: first less second, with its 95 % interval low to high.
        p: two-sided, by paired bootstrap, not corrected for the number of figures. p_delong: of an AUC, by DeLong's
            method for clusters; NaN where there is none.
    """

    name: str
    part: str
    title: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    p_delong: float


@dataclass(frozen=True)
class Differences:
    """Two runs on the same test pictures.

    Attributes:
        n: pictures that both were tested on.
        rows: in reading order.
        intervals, notes: how it was worked out, and what was left out.
    """

    n: int
    rows: tuple[DifferenceRow, ...]
    intervals: str
    notes: tuple[str, ...]


def differences_of_runs(first: str, second: str, progress: ProgressCallback = ignore_progress) -> Differences:
    """Compares two evaluated runs, by paired bootstrap; half a minute for some thousand pictures.

    Raises:
        RunError: if there is no such run, one was not evaluated, or they share no test picture or no class.
    """
    progress(Progress("Comparing on the pictures that both were tested on", 0, 0))
    return differences_of(compare_runs(first, second))


def differences_of(found: Mapping[str, Any]) -> Differences:
    """What `comparison.compare_runs` found, in reading order."""
    rows = []
    for name, (part, title) in FIGURES.items():
        entry = found["differences"].get(name)
        if entry is None or name in _OF_THE_SET:
            continue
        # Where no class can be weighed it is the figure of the likeliest class again.
        if name == "balanced_accuracy" and found["class_rule"] == "likeliest":
            continue
        p_delong = found["delong"].get(name, {}).get("p", float("nan"))
        rows.append(DifferenceRow(name, part, title, **entry, p_delong=p_delong))
    return Differences(found["n"], tuple(rows), found["intervals"], tuple(found["notes"]))
