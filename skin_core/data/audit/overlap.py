"""Which pictures of a set a model has already seen."""

from __future__ import annotations

from dataclasses import dataclass

from skin_core.data.audit.signatures import Signatures
from skin_core.data.audit.twins import find_twins
from skin_core.progress import ProgressCallback, ignore_progress


@dataclass(frozen=True)
class Seen:
    """Pictures that an evaluation must leave out.

    Attributes:
        pictures: image ids that the model was trained on, or whose twin it was.
        lesions: further image ids of the same lesions or patients.
    """

    pictures: frozenset[str]
    lesions: frozenset[str]

    @property
    def image_ids(self) -> frozenset[str]:
        """Both."""
        return self.pictures | self.lesions


def seen_pictures(
    trained_on: Signatures, evaluated: Signatures, *, progress: ProgressCallback = ignore_progress
) -> Seen:
    """Which pictures of a set a model has seen, directly, as a twin, or by their lesion.

    Args:
        trained_on: signatures of all pictures that the model and its ancestors were trained on.
        evaluated: signatures of the set to evaluate on.
        progress: told of the search.
    """
    twins = find_twins(evaluated, trained_on, progress=progress)
    rows = set(twins.a.tolist())
    lesions = {evaluated.groups[row] for row in rows} | set(trained_on.groups)
    lesions.discard("")
    pictures = frozenset(evaluated.image_ids[row] for row in rows)
    related = frozenset(
        image_id for image_id, group in zip(evaluated.image_ids, evaluated.groups, strict=True) if group in lesions
    )
    return Seen(pictures, related - pictures)
