"""Faults planted on purpose, each beside the good pictures and each written down, so that a test knows the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from skin_core.data.synthesis.cast import Specimen
from skin_core.data.synthesis.picture import Photograph, as_jpeg, near_duplicate
from skin_core.errors import DataSourceError

BROKEN_KINDS = ("empty", "truncated", "text")


@dataclass(frozen=True)
class DemoFaults:
    """How many of each fault; they come on top of the good pictures.

    Attributes:
        conflicts: pictures that stand a second time under another label (same pixels, other file bytes).
        duplicates: pictures that stand a second time under the same label.
        near_duplicates: the same, but smaller, cropped and compressed again.
        split_leaks: training pictures that stand, smaller and cropped, in the published test folder.
        broken: files that are no picture: empty, cut off, text, in turn.
        missing: csv rows whose picture is not there.
    """

    conflicts: int = 0
    duplicates: int = 0
    near_duplicates: int = 0
    split_leaks: int = 0
    broken: int = 0
    missing: int = 0


def planted(cast: list[Specimen], faults: DemoFaults, rng: np.random.Generator) -> list[Specimen]:
    """The faulty specimens to add, each of a training photograph of its own.

    Raises:
        DataSourceError: if there are more faults than training photographs.
    """
    labels = sorted({specimen.label for specimen in cast})
    wanted = sum(getattr(faults, field.name) for field in fields(faults))
    originals = [specimen for specimen in cast if specimen.split == "train"]
    if wanted > len(originals):
        raise DataSourceError(
            f"{wanted} faults need as many pictures in training; there are {len(originals)}: ask for a larger set or fewer."
        )
    order = iter(rng.permutation(len(originals)))
    number = len(cast)
    added: list[Specimen] = []
    for fault, count in (
        ("conflict", faults.conflicts),
        ("duplicate", faults.duplicates),
        ("near_duplicate", faults.near_duplicates),
        ("split_leak", faults.split_leaks),
        ("broken", faults.broken),
        ("missing", faults.missing),
    ):
        for _ in range(count):
            original = originals[next(order)]
            number += 1
            other = labels[(labels.index(original.label) + 1) % len(labels)]
            added.append(
                replace(
                    original,
                    image_id=f"SYN_{number:07d}",
                    # Whoever collected it did not know that it was the same lesion.
                    lesion_id=f"SYNL_9{number:06d}",
                    patient_id=f"SYNP_9{number:06d}",
                    label=other if fault == "conflict" else original.label,
                    split="test" if fault == "split_leak" else "train",
                    fault=fault,
                    copy_of="" if fault in ("broken", "missing") else original.image_id,
                )
            )
    return added


def file_bytes(specimen: Specimen, photo: Photograph) -> bytes:
    """The file as it goes to disk: a JPEG of the photograph, or what a fault makes of it."""
    pixels = photo.pixels
    number = int(specimen.image_id.rpartition("_")[2])
    if specimen.fault in ("conflict", "duplicate"):
        return as_jpeg(pixels, comment=b"copied")
    if specimen.fault in ("near_duplicate", "split_leak"):
        return as_jpeg(near_duplicate(pixels, np.random.default_rng(number)), quality=75)
    whole = as_jpeg(pixels)
    if specimen.fault == "broken":
        return (b"", whole[: len(whole) // 3], b"This is a text and no picture.\n")[number % len(BROKEN_KINDS)]
    return whole
