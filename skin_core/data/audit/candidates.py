"""Which pairs are worth a closer look: found by hashing, in time that grows with the number of pictures.

Each view's whitened vector gets a key of sign bits under fixed directions; pictures that share a key in any of
`TABLES` tables are compared. Keys grow by a bit or more each time the set doubles, so that chance meetings stay a
fixed number a picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from skin_core.data.audit.descriptors import SEARCH_BAND, VIEWS, Whitening, spectra, view_of
from skin_core.progress import Progress, ProgressCallback

TABLES = 32
NEAR = 0.85

# Up to so many comparisons every pair is compared: hashing would cost more, and could miss one.
_EXACT = 8_000_000

_MOST_BITS = 30
_PART = 8192

# A picture that shares its key with more than this many is compared with the first of them only. A thousand near-copies
# are then still one group, without being a million pairs.
_CROWD = 48


@dataclass(frozen=True)
class Candidates:
    """Pairs to verify, by row.

    Attributes:
        a, b: int64 (P,), rows of the first and the second set; within one set, a pair may stand in both orders.
        view: int64 (P,), index into `VIEWS`: the whole of ``a`` may be that view of ``b``. From ``len(VIEWS)`` on, the
            whole of ``b`` may be the view (less that offset) of ``a``.
    """

    a: np.ndarray
    b: np.ndarray
    view: np.ndarray


def candidates(a: np.ndarray, b: np.ndarray | None, progress: ProgressCallback) -> Candidates:
    """Pairs whose whitened vectors correlate above `NEAR` in some view; of each pair the best view.

    Args:
        a: uint8 (N, 32, 32), thumbs of distinct pictures.
        b: those of another set, or None to search within ``a``.
        progress: told of the views done.
    """
    # Thousands of small products: on a busy machine BLAS threads spend far more time waiting for each other than
    # multiplying (seven times as long was measured).
    with threadpool_limits(1, "blas"):
        return _searched(a, b, progress)


def _searched(a: np.ndarray, b: np.ndarray | None, progress: ProgressCallback) -> Candidates:
    within = b is None
    spectra_a = spectra(a)
    spectra_b = spectra_a if within else spectra(b)
    whole_a = view_of(spectra_a, VIEWS[0], SEARCH_BAND)
    whole_b = whole_a if within else view_of(spectra_b, VIEWS[0], SEARCH_BAND)
    whiten = Whitening.of_lesions()
    # A part is looked for in both directions: wholes of one among views of the other, and the reverse.
    directions = [(whole_a, spectra_a, False)]
    if not within:
        directions = [(whole_a, spectra_b, False), (whole_b, spectra_a, True)]
    found = _Best()
    steps = len(VIEWS) * len(directions)
    for turn, (wholes, parts, swapped) in enumerate(directions):
        vectors = whiten(wholes)
        table = None if len(vectors) * len(parts) <= _EXACT else _Tables(vectors)
        for number, view in enumerate(VIEWS):
            if swapped and view.scale == 1.0:
                continue  # Mirrored or turned wholes were compared the other way round already.
            others = whiten(view_of(parts, view, SEARCH_BAND))
            left, right = (
                _all_pairs(vectors, others, within and view.scale == 1.0) if table is None else table.meetings(others)
            )
            alike = _correlations(vectors, others, left, right)
            keep = alike > NEAR
            if within:
                keep &= left < right if view.scale == 1.0 else left != right
            found.add(left[keep], right[keep], alike[keep], number, swapped)
            progress(Progress("Looking for twins", turn * len(VIEWS) + number + 1, steps))
    return found.pairs()


class _Tables:
    """Hash tables over whole pictures."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.directions = _directions(vectors.shape[1], TABLES * _MOST_BITS)
        # Rows without structure have no direction; they meet nobody.
        some = np.flatnonzero(np.any(vectors, axis=1))
        self.bits = self._enough_bits(vectors[some])
        self.slots = 1 << int(np.ceil(np.log2(max(2, len(some)))) + 1)
        self.rows, self.keys, self.starts = [], [], []
        for table in range(TABLES):
            keys = self._keys(vectors[some], table)
            slots = self._slot(keys)
            order = np.lexsort((keys, slots))
            self.rows.append(some[order].astype(np.int32))
            self.keys.append(keys[order])
            counts = np.bincount(slots, minlength=self.slots)
            self.starts.append(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))

    def meetings(self, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (row here, row of ``others``) that share a key in any table, each once."""
        seen = []
        n = len(others)
        for table in range(TABLES):
            keys = self._keys(others, table)
            slots = self._slot(keys)
            first = self.starts[table][slots]
            counts = np.minimum(self.starts[table][slots + 1] - first, _CROWD)
            right = np.repeat(np.arange(n), counts)
            place = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(len(right))
            equal = self.keys[table][place] == keys[right]
            seen.append(self.rows[table][place[equal]].astype(np.int64) * n + right[equal])
        pairs = np.sort(np.concatenate(seen))
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])] if len(pairs) else pairs
        return pairs // n, pairs % n

    def _enough_bits(self, vectors: np.ndarray) -> int:
        """So many that a picture has one chance meeting in eight tables, even where pictures are much alike."""
        self.bits = _MOST_BITS
        keys = self._keys(vectors, 0)
        fewest = min(_MOST_BITS, max(8, int(np.ceil(np.log2(max(2, len(vectors))))) + 4))
        for bits in range(fewest, _MOST_BITS):
            _, counts = np.unique(keys >> (_MOST_BITS - bits), return_counts=True)
            if (counts * (counts - 1.0)).sum() <= len(vectors) / 8:
                return bits
        return _MOST_BITS

    def _keys(self, vectors: np.ndarray, table: int) -> np.ndarray:
        """int64 (N,), the first bit highest."""
        start = table * _MOST_BITS
        positive = (vectors @ self.directions[:, start : start + self.bits] > 0).astype(np.float32)
        # In float32 and in two halves, exact below 2^24 each: integer products would not go through BLAS.
        half = self.bits // 2
        high = positive[:, :half] @ (2.0 ** np.arange(half - 1, -1, -1)).astype(np.float32)
        low = positive[:, half:] @ (2.0 ** np.arange(self.bits - half - 1, -1, -1)).astype(np.float32)
        return (high.astype(np.int64) << (self.bits - half)) | low.astype(np.int64)

    def _slot(self, keys: np.ndarray) -> np.ndarray:
        """Where a key stands: scattered (Knuth's multiplicative hashing), so that memory follows the pictures."""
        return (keys * 2654435761 & 0xFFFFFFFF) * self.slots >> 32


class _Best:
    """The best view of each pair."""

    def __init__(self) -> None:
        self.parts: list[tuple[np.ndarray, ...]] = []

    def add(self, left: np.ndarray, right: np.ndarray, alike: np.ndarray, view: int, swapped: bool) -> None:
        pair = (right, left) if swapped else (left, right)
        self.parts.append((*pair, alike, np.full(len(left), view + (len(VIEWS) if swapped else 0))))

    def pairs(self) -> Candidates:
        a, b, alike, view = (np.concatenate(column) for column in zip(*self.parts, strict=True))
        order = np.lexsort((view, -alike, b, a))
        a, b, view = a[order], b[order], view[order]
        first = np.ones(len(a), bool)
        first[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
        return Candidates(a[first], b[first], view[first])


def _all_pairs(vectors: np.ndarray, others: np.ndarray, within: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that correlate above `NEAR`, of each row the first `_CROWD`."""
    left, right = np.nonzero(vectors @ others.T > NEAR)
    if within:
        left, right = left[left < right], right[left < right]
    counts = np.bincount(left, minlength=len(vectors))
    rank = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return left[rank < _CROWD], right[rank < _CROWD]


def _correlations(vectors: np.ndarray, others: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Inner products of pairs of rows, in parts that stay in the processor's cache."""
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), _PART):
        part = slice(start, start + _PART)
        result[part] = np.einsum("ij,ij->i", vectors[left[part]], others[right[part]])
    return result


def _directions(width: int, count: int) -> np.ndarray:
    """Fixed directions of ±1, float32 (width, count): bits of sha256, so that every machine has the same."""
    needed = width * count
    blocks = (hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(-(-needed // 256)))
    bits = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8))[:needed]
    return (bits.astype(np.float32) * 2 - 1).reshape(width, count)
