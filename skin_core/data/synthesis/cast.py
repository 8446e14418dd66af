"""Who and what is in a synthetic set: patients, their lesions, the photographs of each, and the faults planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from skin_core.data.synthesis.picture import Shot

# Share of photographs a class where a layout's own classes are drawn; milder than in the published sets, so that a
# small set has something of each.
HAM10000_CLASSES = {"nv": 0.38, "mel": 0.16, "bkl": 0.14, "bcc": 0.11, "akiec": 0.08, "vasc": 0.07, "df": 0.06}
FOLDER_CLASSES = {"benign": 0.55, "malignant": 0.45}
ISIC2024_CLASSES = {"benign": 0.8, "malignant": 0.2}

# The kinds that a class is drawn as; classes with several take them in turn.
KINDS_OF_CLASS: Mapping[str, tuple[str, ...]] = {
    "nv": ("nevus",),
    "mel": ("melanoma",),
    "bkl": ("pigmented benign keratosis", "seborrheic keratosis"),
    "bcc": ("basal cell carcinoma",),
    "akiec": ("actinic keratosis",),
    "vasc": ("vascular lesion",),
    "df": ("dermatofibroma",),
    "benign": ("nevus", "nevus", "pigmented benign keratosis", "dermatofibroma"),
    "malignant": ("melanoma", "melanoma", "basal cell carcinoma", "squamous cell carcinoma"),
}
_OLDER = frozenset(("melanoma", "basal cell carcinoma", "actinic keratosis", "squamous cell carcinoma"))
_SITES = ("back", "abdomen", "chest", "face", "scalp", "upper extremity", "lower extremity", "foot", "trunk")


@dataclass(frozen=True)
class Specimen:
    """One photograph of the set, with all that its csv tells.

    Attributes:
        image_id: unique in the set.
        lesion_id, patient_id: the groups.
        label: the class.
        shot: what is drawn.
        age: years in steps of 5, or None where missing.
        sex: "female", "male" or "unknown".
        site: HAM10000's word for the place, or "unknown".
        split: "train" or "test", for layouts that prescribe one.
        fault: how it was spoilt on purpose ("" for most): conflict, duplicate, near_duplicate, split_leak, broken,
            missing.
        copy_of: image_id of the photograph that it repeats.
    """

    image_id: str
    lesion_id: str
    patient_id: str
    label: str
    shot: Shot
    age: int | None
    sex: str
    site: str
    split: str
    fault: str = ""
    copy_of: str = ""


def kinds_of(label: str) -> tuple[str, ...]:
    """The kinds a class is drawn as; the nine names of the ISIC archive stand for themselves."""
    return KINDS_OF_CLASS.get(label, (label,))


def assembled(
    n: int, shares: Mapping[str, float], rng: np.random.Generator, *, dermoscopic: bool, first: int = 1
) -> list[Specimen]:
    """Casts ``n`` photographs: one to three of each lesion, one or two lesions of each patient.

    Args:
        n: photographs.
        shares: class to its share; each class gets at least one photograph where ``n`` allows.
        rng: decides everything.
        dermoscopic: False draws small square tiles.
        first: number of the first image, lesion and patient.
    """
    cast: list[Specimen] = []
    lesion = patient = first - 1
    person: tuple[int, str] = (1, "female")
    for label, count in _counts(n, shares).items():
        kinds = kinds_of(label)
        made = 0
        while made < count:
            views = min(int(rng.choice((1, 2, 3), p=(0.5, 0.3, 0.2))), count - made, max(1, count // 4))
            kind = kinds[lesion % len(kinds)]
            lesion += 1
            if not cast or cast[-1].label != label or rng.random() < 0.6:
                patient += 1
                person = (
                    int(rng.choice(6, p=(0.18, 0.24, 0.2, 0.15, 0.13, 0.1))) + 1,
                    str(rng.choice(("female", "male"))),
                )
            age = int(np.clip(rng.normal(62 if kind in _OLDER else 46, 14) // 5 * 5, 5, 85))
            known = {
                "lesion_id": f"SYNL_{lesion:07d}",
                "patient_id": f"SYNP_{patient:07d}",
                "label": label,
                "age": None if rng.random() < 0.04 else age,
                "sex": "unknown" if rng.random() < 0.03 else person[1],
                "site": "unknown" if rng.random() < 0.05 else str(rng.choice(_SITES)),
                "split": "train",
            }
            seed = int(rng.integers(2**31))
            for _ in range(views):
                side = int(rng.integers(91, 158))
                width, height = (200, 150) if dermoscopic else (side, side)
                shot = Shot(kind, person[0], seed, int(rng.integers(2**31)), width, height, dermoscopic)
                cast.append(Specimen(image_id="", shot=shot, **known))
            made += views
    # Numbered after shuffling: neither file names nor their order give the class away.
    return [replace(cast[place], image_id=f"SYN_{first + rank:07d}") for rank, place in enumerate(rng.permutation(n))]


def with_test_split(cast: list[Specimen], share: float, rng: np.random.Generator) -> list[Specimen]:
    """Moves whole lesions of each class to the test split until it holds the share."""
    chosen: set[str] = set()
    for label in sorted({specimen.label for specimen in cast}):
        sizes: dict[str, int] = {}
        for specimen in cast:
            if specimen.label == label:
                sizes[specimen.lesion_id] = sizes.get(specimen.lesion_id, 0) + 1
        wanted, got = share * sum(sizes.values()), 0
        names = sorted(sizes)
        for place in rng.permutation(len(names))[: len(names) - 1]:
            if got >= wanted:
                break
            chosen.add(names[place])
            got += sizes[names[place]]
    return [replace(specimen, split="test") if specimen.lesion_id in chosen else specimen for specimen in cast]


def _counts(n: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Largest remainders, then at least one each."""
    total = sum(shares.values())
    exact = {label: n * share / total for label, share in shares.items()}
    counts = {label: int(value) for label, value in exact.items()}
    for label in sorted(exact, key=lambda name: counts[name] - exact[name])[: n - sum(counts.values())]:
        counts[label] += 1
    for label in counts:
        if counts[label] == 0 and n >= len(counts):
            counts[max(counts, key=lambda name: counts[name])] -= 1
            counts[label] = 1
    return counts
