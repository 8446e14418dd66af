"""What a run knows from other runs, its first weights and its teachers, and which pictures it must not be scored on for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from skin_core.config import RunConfig
from skin_core.errors import LeakError
from skin_core.training.folder import RunFolder
from skin_core.training.teachers import teachers_of

if TYPE_CHECKING:
    from skin_core.data.audit import Signatures


def ancestors_of(config: RunConfig) -> list[RunFolder]:
    """The runs that a run's knowledge comes from: its first weights, and its teachers."""
    return [*([RunFolder.of(config.start_from)] if config.start_from else []), *teachers_of(config)]


def without_seen_validation(assigned: pd.DataFrame, prints: Signatures, parent: RunFolder) -> tuple[pd.DataFrame, str]:
    """Moves validation groups to training whose pictures the weights to start from, or a teacher, were trained on.

    Scored on pictures that its ancestor has learnt, a run would choose its best epoch by memory.

    Args:
        assigned: columns image_id, split, group.
        prints: of the data set.
        parent: the run to start from, or the one that teaches.

    Returns:
        The assignment, and a sentence for the notes ("" where nothing moved).

    Raises:
        LeakError: if no validation picture is left.
    """
    from skin_core.data.audit import Signatures, seen_pictures

    ids = assigned.loc[assigned["split"] == "validation", "image_id"]
    mine = prints.subset(ids)
    seen = seen_pictures(Signatures.load(parent.signatures), mine).image_ids
    groups = set(assigned.loc[assigned["image_id"].isin(seen), "group"])
    moved = (assigned["split"] == "validation") & assigned["group"].isin(groups)
    if not moved.any():
        return assigned, ""
    if moved.sum() == len(ids):
        raise LeakError(
            f"Run {parent.run_id} was trained on every picture of this validation split; start with the same seed as "
            "it had, or from another run."
        )
    assigned = assigned.copy()
    assigned.loc[moved, "split"] = "train"
    return assigned, (
        f"{int(moved.sum())} validation pictures moved to training: run {parent.run_id}, which this one builds on, was "
        "trained on them or on pictures of their lesions."
    )


def write_signatures(folder: RunFolder, config: RunConfig, prints: Signatures, sides: pd.Series) -> None:
    """Keeps the fingerprints of what a run and its ancestors learnt from, and of its validation.

    Args:
        folder, config: of the run. prints: of the data set. sides: split by image_id.
    """
    from skin_core.data.audit import Signatures

    trained = prints.subset(sides.index[sides == "train"])
    before = prints.subset([])
    for parent in ancestors_of(config):
        trained = trained.merged(Signatures.load(parent.signatures))
        for path in (parent.signatures_validation, parent.signatures_before):
            if path.exists():
                before = before.merged(Signatures.load(path))
    trained.save(folder.signatures)
    if len(before):
        before.save(folder.signatures_before)
    prints.subset(sides.index[sides == "validation"]).save(folder.signatures_validation)


def seen_by(folder: RunFolder) -> Signatures:
    """Fingerprints of the pictures that a run and its ancestors have learnt from or chosen epoch and threshold by.

    Raises:
        DataSourceError: if they cannot be read.
    """
    from skin_core.data.audit import Signatures

    seen = Signatures.load(folder.signatures)
    for path in (folder.signatures_validation, folder.signatures_before):
        if path.exists():
            seen = seen.merged(Signatures.load(path))
    return seen
