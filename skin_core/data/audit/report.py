"""What is wrong with a data set, found before anything is trained on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from skin_core.data.audit.groups import components, group_links
from skin_core.data.audit.signatures import Signatures, signature_key, signatures
from skin_core.data.audit.twins import find_twins, identical_groups
from skin_core.data.manifest import COLUMNS, Manifest
from skin_core.paths import cache_dir, write_text
from skin_core.progress import ProgressCallback, ignore_progress

# Raised whenever the same set would give another report; kept reports carry it.
AUDIT_VERSION = 3

# A class of fewer pictures can be neither split nor judged.
SMALL_CLASS = 10

_DESCRIBING = ("label", "risk_level", "group_id", "age", "sex", "site")

Locations = tuple[str, ...]


@dataclass(frozen=True)
class AuditReport:
    """Findings on one set. Pictures are named by their location: the path below the data root.

    Attributes:
        source: name of the data source that read the set.
        n_images: rows of the manifest, readable or not.
        classes: label → pictures, sorted by label.
        unreadable: (location, sentence) of each picture that cannot be decoded.
        identical: groups of two or more pictures with the same pixels.
        near_duplicates: (location, location, similarity) of pictures that are one at another size, crop or
            compression; similarity is below 1 (see `skin_core.data.audit.twins`).
        across: (location, location in another set, similarity); 1.0 for the same pixels.
        across_sets: for each of ``across``, the root of the other set.
        label_conflicts: groups of identical pictures under more than one label.
        near_label_conflicts: pairs of ``near_duplicates`` under two labels.
        split_leaks: groups that belong together (lesion or patient, identical, near-duplicate) and lie on more than
            one side of the split that the data set prescribes.
        missing: column → rows that lack it.
        small_classes: label → pictures, of classes with fewer than `SMALL_CLASS`.
        small_if_cleaned: the same after the pictures of ``label_conflicts`` are left out of training.
        notes: sentences for the reader.
    """

    source: str
    n_images: int
    classes: dict[str, int]
    unreadable: tuple[tuple[str, str], ...] = ()
    identical: tuple[Locations, ...] = ()
    near_duplicates: tuple[tuple[str, str, float], ...] = ()
    across: tuple[tuple[str, str, float], ...] = ()
    across_sets: tuple[str, ...] = ()
    label_conflicts: tuple[Locations, ...] = ()
    near_label_conflicts: tuple[tuple[str, str, float], ...] = ()
    split_leaks: tuple[Locations, ...] = ()
    missing: dict[str, int] | None = None
    small_classes: dict[str, int] | None = None
    small_if_cleaned: dict[str, int] | None = None
    notes: tuple[str, ...] = ()

    @property
    def twin_links(self) -> list[tuple[str, str]]:
        """Pairs of locations that must stay on one side of any split."""
        links = [(group[0], other) for group in self.identical for other in group[1:]]
        return links + [(a, b) for a, b, _ in self.near_duplicates]

    def to_json(self) -> dict:
        """A document of plain lists, dicts, strings and numbers."""
        document = json.loads(json.dumps(asdict(self)))
        document["unreadable"] = [location for location, _ in self.unreadable]
        document["unreadable_reasons"] = dict(self.unreadable)
        return document

    @classmethod
    def from_json(cls, document: dict) -> AuditReport:
        """The report that `to_json` wrote."""
        known = {item.name: _frozen(document[item.name]) for item in fields(cls) if item.name in document}
        known["unreadable"] = tuple(document["unreadable_reasons"].items())
        return cls(**known)


def audit(
    manifest: Manifest, *, against: Sequence[Manifest] = (), progress: ProgressCallback = ignore_progress
) -> AuditReport:
    """Audits a set. A second audit of unchanged files is read from the cache.

    Args:
        manifest: the set.
        against: other sets, to look for the same pictures in.
        progress: told of decoding and search.

    Raises:
        DataSourceError: if an HDF5 file of a set cannot be opened at all.
        WorkspaceError: if the cache cannot be written.
    """
    key, keys = signature_key(manifest), [signature_key(other) for other in against]
    kept = _kept(manifest, key, [f"{other_key} {other.root}" for other_key, other in zip(keys, against, strict=True)])
    if kept.exists():
        try:
            return AuditReport.from_json(json.loads(kept.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            kept.unlink(missing_ok=True)
    own = signatures(manifest, key=key, progress=progress)
    others = [
        (str(other.root), signatures(other, key=other_key, progress=progress))
        for other_key, other in zip(keys, against, strict=True)
    ]
    report = _report(manifest, own, others, progress)
    write_text(kept, json.dumps(report.to_json()))
    return report


def _report(
    manifest: Manifest, own: Signatures, against: Sequence[tuple[str, Signatures]], progress: ProgressCallback
) -> AuditReport:
    frame = manifest.frame
    location_of = dict(zip(frame["image_id"], frame["location"], strict=True))
    label_of = {
        location: label for location, label in zip(frame["location"], frame["label"], strict=True) if not pd.isna(label)
    }
    names = own.locations
    identical = tuple(tuple(names[row] for row in rows) for rows in identical_groups(own))
    twins = find_twins(own, progress=progress)
    near = tuple(
        (names[a], names[b], round(value, 4))
        for a, b, value in zip(twins.a.tolist(), twins.b.tolist(), twins.similarity.tolist(), strict=True)
    )
    across, across_sets = [], []
    for root, theirs in against:
        found = find_twins(own, theirs, progress=progress)
        for a, b, value in zip(found.a.tolist(), found.b.tolist(), found.similarity.tolist(), strict=True):
            across.append((names[a], theirs.locations[b], round(value, 4)))
            across_sets.append(root)
    conflicts = tuple(group for group in identical if len({label_of.get(name) for name in group} - {None}) > 1)
    report = AuditReport(
        source=manifest.source,
        n_images=len(manifest),
        classes=_counted(label_of.values()),
        unreadable=tuple((location_of[image_id], why) for image_id, why in own.failed.items()),
        identical=identical,
        near_duplicates=near,
        across=tuple(across),
        across_sets=tuple(across_sets),
        label_conflicts=conflicts,
        near_label_conflicts=tuple(
            pair for pair in near if len({label_of.get(name) for name in pair[:2]} - {None}) > 1
        ),
        split_leaks=split_leaks(manifest, identical, near),
        missing={column: int(frame[column].isna().sum()) for column in _DESCRIBING if frame[column].isna().any()},
        small_classes=_small(label_of.values()),
        small_if_cleaned=_small_if_cleaned(manifest, conflicts),
        notes=manifest.notes,
    )
    return report


def split_leaks(manifest: Manifest, identical: Iterable[Locations], near: Iterable[tuple]) -> tuple[Locations, ...]:
    """Groups that belong together and lie on more than one side of the prescribed split."""
    frame = manifest.frame
    side = {
        location: split for location, split in zip(frame["location"], frame["split"], strict=True) if not pd.isna(split)
    }
    if len(set(side.values())) < 2:
        return ()
    links = [(group[0], other) for group in identical for other in group[1:]]
    links += [(a, b) for a, b, _ in near] + group_links(manifest)
    # Two pictures may belong together through one that lies on no side.
    groups = ([name for name in group if name in side] for group in components(frame["location"].tolist(), links))
    return tuple(tuple(group) for group in groups if len({side[name] for name in group}) > 1)


def _counted(labels: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return dict(sorted(counts.items()))


def _small(labels: Iterable[str]) -> dict[str, int]:
    return {label: n for label, n in _counted(labels).items() if n < SMALL_CLASS}


def _small_if_cleaned(manifest: Manifest, conflicts: Iterable[Locations]) -> dict[str, int]:
    dropped = {name for group in conflicts for name in group}
    frame = manifest.frame.dropna(subset=["label"])
    training = frame[frame["split"].fillna("train") != "test"]
    left = _counted(training.loc[~training["location"].isin(dropped), "label"])
    return {label: left.get(label, 0) for label in manifest.classes if left.get(label, 0) < SMALL_CLASS}


def _frozen(value):
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _kept(manifest: Manifest, key: str, others: Sequence[str]) -> Path:
    described = [str(manifest.frame[column].isna().sum()) for column in COLUMNS]
    keys = [str(AUDIT_VERSION), key, *described, *manifest.notes, *others]
    return cache_dir() / "audits" / f"{hashlib.sha256('|'.join(keys).encode()).hexdigest()[:32]}.json"
