"""What must be known of a set before a bundle is judged on it: pictures that it was made with, conflicts, twins."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_core.paths import cache_dir, write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening.bundle import checked_bytes, read_info
from skin_core.screening.record import BundleInfo
from skin_core.screening.seen import unpack, with_hashed_groups
from skin_core.screening.truth import patients_of
from skin_core.services.datasets import absolute, stamp

if TYPE_CHECKING:
    from skin_core.data.audit import Signatures
    from skin_core.data.manifest import Manifest

# Raised whenever the same set would give other findings; kept ones carry it.
_VERSION = 1


@dataclass(frozen=True)
class Overlap:
    """What was found, by image id.

    Attributes:
        pictures: those that the bundle was made with, or whose twin it was.
        lesions: further pictures of the same lesions or patients.
        conflicts: groups of identical pictures under more than one label.
        twins: pairs that are one picture, identical or nearly.
        unreadable: those that cannot be decoded.
    """

    pictures: tuple[str, ...] = ()
    lesions: tuple[str, ...] = ()
    conflicts: tuple[tuple[str, ...], ...] = ()
    twins: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def seen(self) -> frozenset[str]:
        """Pictures that the bundle's figures would be flattered by."""
        return frozenset(self.pictures) | frozenset(self.lesions)

    @property
    def conflicting(self) -> frozenset[str]:
        """Pictures of which nobody can say which label is right."""
        return frozenset(image_id for group in self.conflicts for image_id in group)


def look_for_overlap(*, bundle: str | Path, data: str | Path, progress: ProgressCallback = ignore_progress) -> Overlap:
    """Compares a set with the pictures that a bundle was made with, and with itself; kept, so that a second time is quick.

    Args:
        bundle: its name or folder. data: path of the set.
        progress: told of decoding and search.

    Raises:
        BundleError: if the bundle is missing or damaged.
        DataSourceError: if the set cannot be read.
    """
    from skin_core.services.datasets import open_dataset

    info = read_info(bundle)
    manifest = open_dataset(data)
    found = overlap_of(info, manifest, progress)
    _write(_at_path(info, manifest, data), found)
    return found


def last_overlap(*, info: BundleInfo, manifest: Manifest, data: str | Path) -> Overlap | None:
    """What was found of this very set and bundle, or None; cheap enough for each rerun of a page.

    Args:
        info: of the bundle. manifest: the set, already read. data: its path.
    """
    return _read(_at_path(info, manifest, data))


def overlap_of(info: BundleInfo, manifest: Manifest, progress: ProgressCallback = ignore_progress) -> Overlap:
    """As `look_for_overlap`, of what was read already; found again by what the pictures are, not by where they lie."""
    from skin_core.data.audit import signatures

    prints = signatures(manifest, progress=progress)
    kept = _kept(info, manifest.fingerprint, prints.digests.tobytes().hex())
    found = _read(kept)
    if found is None:
        found = _found(info, manifest, prints, progress)
        _write(kept, found)
    return found


def _found(info: BundleInfo, manifest: Manifest, prints: Signatures, progress: ProgressCallback) -> Overlap:
    from skin_core.data.audit import find_twins, identical_groups, seen_pictures

    progress(Progress("Looking for pictures that the model was made with", 0, 0))
    made_with = unpack(checked_bytes(info, "signatures.npz"))
    seen = seen_pictures(made_with, with_hashed_groups(prints), progress=progress)
    progress(Progress("Looking for twins within the set", 0, 0))
    frame = manifest.frame
    labels = dict(
        zip(frame["image_id"], frame["label"].astype(object).where(frame["label"].notna(), None), strict=True)
    )
    groups = [tuple(prints.image_ids[row] for row in rows) for rows in identical_groups(prints)]
    near = [(one, other) for one, other, _ in find_twins(prints, progress=progress)]
    return Overlap(
        pictures=tuple(sorted(seen.pictures)),
        lesions=tuple(sorted(seen.lesions)),
        conflicts=tuple(group for group in groups if len({labels[image_id] for image_id in group} - {None}) > 1),
        twins=(*((group[0], other) for group in groups for other in group[1:]), *near),
        unreadable=tuple(prints.failed),
    )


def groups_of(manifest: Manifest, overlap: Overlap, word: str) -> np.ndarray:
    """Object (N,): what an interval must draw as one, for each row of a manifest: lesion or patient, and twins.

    Args:
        manifest: the rows. overlap: of their set.
        word: what the groups are; patients stay as they are named, since ranks within a patient are read off them.
    """
    from skin_core.data.audit import components

    frame = manifest.frame
    if word == "patients":
        return patients_of(frame)
    own = frame["group_id"].astype(object).where(frame["group_id"].notna(), None).to_numpy(dtype=object)
    ids = frame["image_id"].astype(str).to_numpy(dtype=object)
    first: dict[str, str] = {}
    links = list(overlap.twins)
    for name, group in zip(ids, own, strict=True):
        if group is not None:
            links.append((first.setdefault(group, name), name))
    # Twins that a left-out picture joins are twins all the same.
    everyone = dict.fromkeys([*ids.tolist(), *(name for link in links for name in link)])
    number = {name: place for place, members in enumerate(components(list(everyone), links)) for name in members}
    return np.array([f"group {number[name]}" for name in ids], dtype=object)


def _at_path(info: BundleInfo, manifest: Manifest, data: str | Path) -> Path:
    return _kept(info, manifest.fingerprint, f"{absolute(data)}:{stamp(data)}")


def _kept(info: BundleInfo, *what: str) -> Path:
    key = "\n".join([str(_VERSION), info.files.get("signatures.npz", ""), *what])
    return cache_dir() / "overlaps" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _write(path: Path, found: Overlap) -> None:
    write_text(path, json.dumps(asdict(found)))


def _read(path: Path) -> Overlap | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Overlap(
            pictures=tuple(document["pictures"]),
            lesions=tuple(document["lesions"]),
            conflicts=tuple(tuple(group) for group in document["conflicts"]),
            twins=tuple((one, other) for one, other in document["twins"]),
            unreadable=tuple(document["unreadable"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # Never looked for, or kept by another version of the program.
