"""Which pictures of a set a bundle is judged on, and what a reader must know of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skin_core.screening.record import BundleInfo
from skin_core.screening.truth import ClassMapping, levels_of
from skin_core.services.overlap import Overlap

if TYPE_CHECKING:
    import pandas as pd

    from skin_core.data.manifest import Manifest


@dataclass(frozen=True)
class Choice:
    """Which pictures of a set a bundle is judged on.

    Attributes:
        rows: bool (N,) of the manifest, those that are judged.
        seen, conflicting: pictures that were found and whose label says something; left out unless they were kept.
        same_id: those that nothing but the id of their lesion or patient tells as seen; counted in ``seen`` unless the
            ids are said to be others.
        unlabelled: pictures whose label says nothing to the bundle.
    """

    rows: np.ndarray
    seen: int
    same_id: int
    conflicting: int
    unlabelled: int


def choose(
    info: BundleInfo,
    manifest: Manifest,
    overlap: Overlap,
    mapping: ClassMapping,
    *,
    keep_seen: bool = False,
    keep_conflicts: bool = False,
    other_ids: bool = False,
) -> Choice:
    """Which pictures count; reads none of them.

    Args:
        info: of the bundle. manifest: the set. overlap: of both. mapping: of the set's labels.
        keep_seen: judges pictures that the bundle was made with, too: then nothing is blind.
        keep_conflicts: judges identical pictures under two labels, too.
        other_ids: the set counts its lesions or patients anew, so that an id that the bundle's own set has, too ("1"),
            says nothing.
    """
    frame = manifest.frame
    levels = levels_of(info, frame, mapping)
    known = frame["label"].isin(list(mapping.column)).to_numpy(dtype=bool)
    if info.has_risk:
        known = known | np.array([level is not None for level in levels], dtype=bool)
    ids = frame["image_id"]
    readable = known & ~ids.isin(list(overlap.unreadable)).to_numpy(dtype=bool)
    seen = readable & ids.isin(list(overlap.seen)).to_numpy(dtype=bool)
    same_id = seen & ~_by_picture(frame, overlap)
    if other_ids:
        seen = seen & ~same_id
    rows = readable if keep_seen else readable & ~seen
    # What is left out for one reason is not counted for another.
    conflicting = rows & ids.isin(list(overlap.conflicting)).to_numpy(dtype=bool)
    if not keep_conflicts:
        rows = rows & ~conflicting
    counts = (int(found.sum()) for found in (seen, same_id, conflicting, ~known))
    return Choice(rows, *counts)


def _by_picture(frame: pd.DataFrame, overlap: Overlap) -> np.ndarray:
    """Bool (N,): pictures that the bundle was made with, as they are or as a twin, and others of the same lesions."""
    found = frame["image_id"].isin(list(overlap.pictures)).to_numpy(dtype=bool)
    lesions = frame.loc[found, "group_id"].dropna()
    return found | frame["group_id"].isin(list(lesions)).to_numpy(dtype=bool)


def about_choice(
    choice: Choice, unreadable: int, *, keep_seen: bool, keep_conflicts: bool, other_ids: bool
) -> list[str]:
    """What was left out, and what was kept in that would have been."""
    notes = []
    if choice.seen and keep_seen:
        notes.append(
            f"Not blind: {choice.seen:,} of the pictures are ones that the bundle was made with, their twins or their lesions, and they were kept in. The figures flatter it."
        )
    elif choice.seen:
        notes.append(
            f"{choice.seen:,} pictures were left out: the bundle was made with them, their twins or their lesions."
        )
    if choice.same_id and not keep_seen:
        of = (
            f"Of {choice.same_id:,} pictures nothing but the id of the lesion or patient is one of the bundle's own set"
        )
        notes.append(
            f"{of}; they were kept in, since the ids were said to be others."
            if other_ids
            else f"{of}; where this set counts anew, they may be kept in."
        )
    if choice.conflicting:
        done = "were kept in" if keep_conflicts else "were left out"
        notes.append(
            f"{choice.conflicting:,} pictures {done}: the same picture stands under two labels, and nobody can say which is right."
        )
    if unreadable:
        notes.append(f"{unreadable:,} pictures cannot be read.")
    if choice.unlabelled:
        notes.append(f"{choice.unlabelled:,} pictures were left out: their label says nothing to the bundle.")
    return notes


def about_classes(info: BundleInfo, manifest: Manifest, mapping: ClassMapping) -> list[str]:
    """How classes met, and which columns the bundle went without."""
    notes, names = [], mapping.class_names(info)
    by_hand = sorted(label for label, how in mapping.how.items() if how == "hand")
    if by_hand:
        notes.append(f"Mapped by hand: {', '.join(f'{label} as {names[label]}' for label in by_hand)}.")
    if mapping.unmapped:
        notes.append(
            f"No class of the bundle stands for {', '.join(mapping.unmapped)}: these count for melanoma and malignancy only, as far as their labels tell."
        )
    missing = [name for name in info.features if name not in manifest.frame or manifest.frame[name].isna().all()]
    if missing:
        notes.append(f"The set does not tell {', '.join(missing)}, which the bundle takes; it went without.")
    return notes
