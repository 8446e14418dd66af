"""Lesion ids that another data set knows for the same pictures."""

from __future__ import annotations

from collections.abc import Sequence

from skin_core.data.audit.groups import with_group_ids_from
from skin_core.data.audit.report import audit
from skin_core.data.manifest import Manifest
from skin_core.progress import ProgressCallback, ignore_progress


def with_lesion_ids_of(
    manifest: Manifest, others: Sequence[Manifest], progress: ProgressCallback = ignore_progress
) -> tuple[Manifest, tuple[str, ...]]:
    """Fills ``group_id`` where a picture's twin in another set carries one, so that a lesion stays on one side.

    The tutorials' folders have no lesion ids, but most of their pictures are HAM10000's, which has them.

    Args:
        manifest: the set that may lack ids; an id that it has stays.
        others: the sets that know them; the earlier one wins.
        progress: told of the search.

    Returns:
        The manifest with ids filled in, and one sentence a set on how many were taken over.
    """
    notes = []
    for other in others:
        before = int(manifest.frame["group_id"].notna().sum())
        pairs = audit(manifest, against=[other], progress=progress).across
        manifest = with_group_ids_from(manifest, other, pairs)
        taken = int(manifest.frame["group_id"].notna().sum()) - before
        notes.append(f"{taken:,} pictures took their lesion id from the same picture in {other.root.name}.")
    return manifest, tuple(notes)
