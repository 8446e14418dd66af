"""Dealing groups of pictures out to the sides of a split, by quotas."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that must stay together.

    Attributes:
        key: smallest image id among them; names the group.
        size: pictures in it.
        counts: label → pictures with it.
    """

    key: str
    size: int
    counts: Mapping[str, int]


def deal(groups: Sequence[Group], shares: Mapping[str, float], seed: int) -> list[str]:
    """Gives each group a side, so that each class has its share of images on each side to within about a group.

    Large groups come first and single pictures last, which even out what the large ones left. Each group goes where
    its classes are filled least, counted to the group's middle (Webster's method of apportionment, for several
    classes weighted by the part of the class that the group holds): that way every side gets large and small groups.
    Then each side that lacks a class takes its smallest group from training, if training keeps one.

    Args:
        groups: all groups.
        shares: side → share, summing to 1; the first side is training.
        seed: order among groups of one size.

    Returns:
        The side of each group.
    """
    total: dict[str, int] = {}
    for group in groups:
        for label, n in group.counts.items():
            total[label] = total.get(label, 0) + n
    filled = {side: dict.fromkeys(total, 0) for side in shares}
    places = list(filled.items())
    chosen = [""] * len(groups)
    largest_first = np.lexsort((_places(groups, seed), [-group.size for group in groups])).tolist()
    for index in largest_first:
        counts = groups[index].counts
        best, least = "", float("inf")
        for side, have in places:
            # A plain loop: there may be as many groups as pictures.
            load = 0.0
            for label, n in counts.items():
                load += n / total[label] * (have[label] + n / 2) / shares[side]
            if load < least:  # The first of equals wins: training.
                best, least = side, load
        chosen[index] = best
        for label, n in counts.items():
            filled[best][label] += n
    _give_each_side_each_class(groups, largest_first, chosen, list(shares))
    return chosen


def thinned(groups: Sequence[Group], sides: Sequence[str], max_images: int, seed: int) -> list[bool]:
    """Keeps whole groups until each class on each side has its share of ``max_images``, and one group at least.

    Args:
        groups: all groups.
        sides: the side of each.
        max_images: images to keep in all, about.
        seed: which groups.

    Returns:
        Whether each group is kept.
    """
    n_images = sum(group.size for group in groups)
    wanted: dict[tuple[str, str], float] = {}
    for group, side in zip(groups, sides, strict=True):
        for label, n in group.counts.items():
            wanted[side, label] = wanted.get((side, label), 0) + n * max_images / n_images
    have = dict.fromkeys(wanted, 0)
    kept = [False] * len(groups)
    for index in np.argsort(_places(groups, seed)).tolist():
        side, counts = sides[index], groups[index].counts
        kept[index] = any(
            have[side, label] == 0 or have[side, label] + n / 2 <= wanted[side, label] for label, n in counts.items()
        )
        if kept[index]:
            for label, n in counts.items():
                have[side, label] += n
    return kept


def _places(groups: Sequence[Group], seed: int) -> np.ndarray:
    """Where each group stands in the order of a seed; the same on every machine.

    Returns:
        int64 (N,), each place once: groups in the order of the sha256 of the seed and their key.
    """
    salt = hashlib.sha256(f"{seed}\x1f".encode())
    digests = []
    for group in groups:
        salted = salt.copy()
        salted.update(group.key.encode())
        digests.append(salted.digest())
    words = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 4)
    places = np.empty(len(groups), dtype=np.int64)
    places[np.lexsort(words.T[::-1])] = np.arange(len(groups))
    return places


def _give_each_side_each_class(
    groups: Sequence[Group], largest_first: Sequence[int], chosen: list[str], sides: list[str]
) -> None:
    training, others = sides[0], sides[1:]
    having: dict[tuple[str, str], int] = {}
    for group, side in zip(groups, chosen, strict=True):
        for label in group.counts:
            having[side, label] = having.get((side, label), 0) + 1
    labels = sorted({label for _, label in having})
    lacking = [(label, side) for side in others for label in labels if (side, label) not in having]
    for label, side in lacking:
        # Smallest groups are at the end; a group with a further class that training has only there stays.
        for index in reversed(largest_first):
            counts = groups[index].counts
            movable = chosen[index] == training and label in counts
            if movable and all(having[training, other] > 1 for other in counts):
                chosen[index] = side
                for other in counts:
                    having[training, other] -= 1
                    having[side, other] = having.get((side, other), 0) + 1
                break
