"""The findings of an audit as a person goes through them: what it is, what becomes of it, which pictures show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skin_core.data.audit import AuditReport
    from skin_core.data.manifest import Manifest


@dataclass(frozen=True)
class Picture:
    """A picture to show: the folder its location is below, and whether it belongs to another set."""

    root: Path
    location: str
    foreign: bool = False


@dataclass(frozen=True)
class Finding:
    """Pictures that belong side by side, and what is to say of them ("similarity 0.97")."""

    pictures: tuple[Picture, ...]
    says: str = ""


@dataclass(frozen=True)
class Kind:
    """Findings of one kind.

    Attributes:
        key: name of the kind.
        title: in a few words.
        means: what it is and what becomes of it, in a sentence.
        findings: the worst or first on top.
    """

    key: str
    title: str
    means: str
    findings: tuple[Finding, ...]


def kinds(*, report: AuditReport, manifest: Manifest) -> list[Kind]:
    """Every kind of finding, those without any included, the gravest first."""

    def group(locations: tuple[str, ...]) -> Finding:
        return Finding(tuple(Picture(manifest.root, location) for location in locations))

    def pair(twins: tuple[str, str, float]) -> Finding:
        return Finding(group(twins[:2]).pictures, f"similarity {twins[2]:.3f}")

    def across(number: int) -> Finding:
        own, other, similarity = report.across[number]
        pictures = (Picture(manifest.root, own), Picture(Path(report.across_sets[number]), other, foreign=True))
        return Finding(pictures, "the same pixels" if similarity >= 1 else f"similarity {similarity:.3f}")

    def made(key: str, title: str, means: str, make: Callable, items) -> Kind:
        return Kind(key, title, means, tuple(make(item) for item in items))

    closest_first = sorted(report.near_duplicates, key=lambda twins: -twins[2])
    return [
        made(
            "label_conflicts",
            "One picture, two labels",
            "Identical pictures under different labels: one label must be wrong, and nobody can say which. "
            "A cleaned split leaves them out of training altogether, and out of a published test folder.",
            group,
            report.label_conflicts,
        ),
        made(
            "split_leaks",
            "On both sides of the split",
            "The same lesion, patient or picture in the published training and test folders: a test on it is no test. "
            "A cleaned split leaves the test pictures out.",
            group,
            report.split_leaks,
        ),
        made(
            "near_label_conflicts",
            "Near-duplicates, two labels",
            "Pairs so alike that they may be one lesion at another size, crop or compression, under two labels. They stay on "
            "one side of the split.",
            pair,
            report.near_label_conflicts,
        ),
        made(
            "identical",
            "Identical pictures",
            "The same pixels more than once. They stay together on one side of the split.",
            group,
            report.identical,
        ),
        made(
            "near_duplicates",
            "Near-duplicates",
            "Pairs so alike that they may be one lesion at another size, crop or compression, whatever their ids say. They stay "
            "together on one side of the split.",
            pair,
            closest_first,
        ),
        made(
            "across",
            "Also in another set",
            "A model that was trained on the one set must not be tested on these pictures of the other.",
            across,
            range(len(report.across)),
        ),
        Kind(
            "unreadable",
            "Unreadable files",
            "These files are no usable images; every run leaves them out and says so.",
            tuple(Finding((Picture(manifest.root, location),), sentence) for location, sentence in report.unreadable),
        ),
    ]
