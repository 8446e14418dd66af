"""Pairs that are one picture: at another size, aspect ratio, compression, mildly cropped, mirrored or turned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from skin_core.data.audit.candidates import candidates
from skin_core.data.audit.descriptors import VIEWS
from skin_core.data.audit.registration import twins_among
from skin_core.data.audit.signatures import Signatures
from skin_core.progress import ProgressCallback, ignore_progress


@dataclass(frozen=True)
class Twins:
    """Pairs of twins. Iterating gives (image id in the first set, image id in the second, similarity).

    Attributes:
        a: int64 (P,), rows of the first set.
        b: int64 (P,), rows of the second set, or of the same one (then a < b).
        similarity: float32 (P,), 1 for identical pixels.
        ids_a: image ids of the first set, by row.
        ids_b: image ids of the second.
    """

    a: np.ndarray
    b: np.ndarray
    similarity: np.ndarray
    ids_a: tuple[str, ...]
    ids_b: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Iterator[tuple[str, str, float]]:
        for a, b, value in zip(self.a.tolist(), self.b.tolist(), self.similarity.tolist(), strict=True):
            yield self.ids_a[a], self.ids_b[b], value


def find_twins(a: Signatures, b: Signatures | None = None, *, progress: ProgressCallback = ignore_progress) -> Twins:
    """Twins within a set, or between two sets.

    Identical pictures come first to one representative each, so that a thousand copies are no million pairs: every
    member of two such groups is named in at least one pair, not in all.

    Args:
        a: the set.
        b: another set, or None to search within ``a``; identical pictures within ``a`` are then not listed
            (`identical_groups` does that).
        progress: told of the search.
    """
    if b is None:
        left, right, values = _verified(_thumbs(a), None, progress)
        return _expanded(a, a, left, right, values, within=True)
    first_a, first_b = a.distinct[0], b.distinct[0]
    left, right, values = _verified(_thumbs(a), _thumbs(b), progress)
    same_left, same_right = _same_pixels(a.digests[first_a], b.digests[first_b])
    doubled = set(zip(same_left.tolist(), same_right.tolist(), strict=True))
    keep = np.array([pair not in doubled for pair in zip(left.tolist(), right.tolist(), strict=True)], bool)
    left = np.concatenate([same_left, left[keep]])
    right = np.concatenate([same_right, right[keep]])
    values = np.concatenate([np.ones(len(same_left), np.float32), values[keep]])
    return _expanded(a, b, left, right, values, within=False)


def identical_groups(signatures: Signatures) -> list[list[int]]:
    """Rows of each group of two or more pictures with the same pixels, in the order of their first member."""
    _, number = signatures.distinct
    members: dict[int, list[int]] = {}
    for row, group in enumerate(number.tolist()):
        members.setdefault(group, []).append(row)
    return [rows for rows in members.values() if len(rows) > 1]


def _thumbs(signatures: Signatures) -> np.ndarray:
    """Of the distinct pictures; without a copy where all are."""
    first, _ = signatures.distinct
    return signatures.thumbs if len(first) == len(signatures) else signatures.thumbs[first]


def _same_pixels(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    where = {digest.tobytes(): row for row, digest in enumerate(b)}
    pairs = [(row, where[key]) for row, digest in enumerate(a) if (key := digest.tobytes()) in where]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _verified(a: np.ndarray, b: np.ndarray | None, progress: ProgressCallback) -> tuple[np.ndarray, ...]:
    """Rows of ``a``, rows of ``b`` and similarity of the pairs that are twins, among distinct pictures."""
    if not len(a) or (b is not None and not len(b)):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    found = candidates(a, b, progress)
    other = a if b is None else b
    values = np.zeros(len(found.a), np.float32)
    same = np.zeros(len(found.a), bool)
    # In a reversed view the part was taken of a's picture.
    for swapped in (False, True):
        rows = np.flatnonzero((found.view >= len(VIEWS)) == swapped)
        one, two = a[found.a[rows]], other[found.b[rows]]
        wholes, parts = (two, one) if swapped else (one, two)
        same[rows], values[rows] = twins_among(wholes, parts, found.view[rows] % len(VIEWS))
    # 1 is kept for identical pixels.
    return found.a[same], found.b[same], np.minimum(values[same], np.float32(0.9999))


def _expanded(a: Signatures, b: Signatures, left, right, values, *, within: bool) -> Twins:
    """From distinct pictures to rows, naming each copy at least once."""
    copies_a, copies_b = _copies(a), _copies(b)
    rows: dict[tuple[int, int], float] = {}
    for one, other, value in zip(left.tolist(), right.tolist(), values.tolist(), strict=True):
        ones, others = copies_a[one], copies_b[other]
        pairs = [(row, others[0]) for row in ones] + [(ones[0], row) for row in others[1:]]
        for pair in pairs:
            key = (min(pair), max(pair)) if within else pair
            rows[key] = max(value, rows.get(key, 0.0))
    ordered = sorted(rows.items())
    both = np.array([pair for pair, _ in ordered], np.int64).reshape(-1, 2)
    similar = np.array([value for _, value in ordered], np.float32)
    return Twins(both[:, 0], both[:, 1], similar, a.image_ids, b.image_ids)


def _copies(signatures: Signatures) -> list[list[int]]:
    first, number = signatures.distinct
    copies: list[list[int]] = [[] for _ in first]
    for row, group in enumerate(number.tolist()):
        copies[group].append(row)
    return copies
