"""Which pairs are worth a closer look: found by hashing, in time that grows with the number of pictures.

Each view's whitened vector gets a key of sign bits under fixed directions; pictures that share a key in any of
`TABLES` tables are compared. Keys grow by a bit or more each time the set doubles, so that chance meetings stay a
fixed number a picture.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from skin_core.data.audit.descriptors import SEARCH_BAND, VIEWS, View, Whitening, spectra, view_of
from skin_core.progress import Progress, ProgressCallback

TABLES = 32
NEAR = 0.85

# Up to so many comparisons every pair is compared: hashing would cost more, and could miss one.
_EXACT = 8_000_000

_MOST_BITS = 30
_SCATTER = np.uint32(2654435761)
_PART = 8192
_BLOCK = 512

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
    threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="twins")
    try:
        for turn, (wholes, parts, swapped) in enumerate(directions):
            search = _Search(whiten(wholes), parts, whiten, within=within)
            # Mirrored or turned wholes are compared one way round only.
            views = [number for number, view in enumerate(VIEWS) if not swapped or view.scale < 1.0]
            for done, (number, pairs) in enumerate(zip(views, threads.map(search, views), strict=True), start=1):
                found.add(*pairs, number, swapped)
                progress(Progress("Looking for twins", turn * len(VIEWS) + done, steps))
    finally:
        # A caller that stops (a closed page, Ctrl-C) does not wait for the other views.
        threads.shutdown(wait=True, cancel_futures=True)
    return found.pairs()


class _Search:
    """Looks for wholes among one view of all pictures; may be called from several threads.

    Args:
        wholes: float32 (N, D), whitened.
        parts: float32 (M, 16, 16), spectra of the pictures to take views of.
        whiten: for the views.
        within: whether both are the same pictures.
    """

    def __init__(self, wholes: np.ndarray, parts: np.ndarray, whiten: Whitening, *, within: bool) -> None:
        self.wholes, self.parts, self.whiten, self.within = wholes, parts, whiten, within
        self.table = None if len(wholes) * len(parts) <= _EXACT else _Tables(wholes)

    def __call__(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the wholes, rows of the parts, and how alike they are, of the pairs that are near in a view."""
        whole = VIEWS[number].scale == 1.0
        others = _whitened(self.parts, VIEWS[number], self.whiten)
        left, right = (
            _all_pairs(self.wholes, others, self.within and whole)
            if self.table is None
            else self.table.meetings(others)
        )
        if self.within:
            once = left < right if whole else left != right
            left, right = left[once], right[once]
        alike = _correlations(self.wholes, others, left, right)
        keep = alike > NEAR
        return left[keep], right[keep], alike[keep]


def _whitened(spectra: np.ndarray, view: View, whiten: Whitening) -> np.ndarray:
    """Vectors of a view, float32 (N, D), made in blocks that stay in the processor's cache."""
    result = np.empty((len(spectra), SEARCH_BAND * SEARCH_BAND - 1), np.float32)
    for start in range(0, len(spectra), _BLOCK):
        result[start : start + _BLOCK] = whiten(view_of(spectra[start : start + _BLOCK], view, SEARCH_BAND))
    return result


class _Tables:
    """Hash tables over whole pictures."""

    def __init__(self, vectors: np.ndarray) -> None:
        self._signs = _directions(vectors.shape[1], TABLES * _MOST_BITS).reshape(-1, TABLES, _MOST_BITS)
        # Rows without structure have no direction; they meet nobody.
        some = np.flatnonzero(np.any(vectors, axis=1))
        self.bits = self._enough_bits(vectors[some])
        self._directions = _in_bytes(self._signs[:, :, : self.bits])
        self._slot_bits = int(np.ceil(np.log2(max(2, len(some))))) + 1
        keys = _keys(vectors[some], self._directions, TABLES, self.bits)
        slots = self._slots(keys)
        # Nine in ten keys meet none: a byte a slot says so, small enough for the processor's cache.
        self._marks = np.zeros(TABLES << self._slot_bits, np.uint8)
        np.bitwise_or.at(self._marks, slots.ravel(), _marks(keys, self._slot_bits).ravel())
        rows = np.empty(keys.shape, np.int32)
        size = 1 << self._slot_bits
        self._starts = np.zeros(TABLES * size + 1, np.int32)
        # A table at a time: the sorting's own arrays are as large as all that is kept.
        for table in range(TABLES):
            order = np.lexsort((keys[table], slots[table]))
            rows[table], keys[table] = some[order], keys[table][order]
            counts = np.bincount(slots[table] - np.uint32(table * size), minlength=size)
            self._starts[table * size + 1 : (table + 1) * size + 1] = table * len(some) + np.cumsum(counts)
        self._rows, self._found_keys = rows.ravel(), keys.ravel()

    def meetings(self, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (row here, row of ``others``) that share a key in any table, each once."""
        parts = [self._met(others[start : start + _PART], start, len(others)) for start in range(0, len(others), _PART)]
        pairs = np.concatenate(parts)
        return pairs // len(others), pairs % len(others)

    def _met(self, others: np.ndarray, offset: int, n: int) -> np.ndarray:
        """Pairs as ``row here * n + row of others``, the first of ``others`` being row ``offset``."""
        # All tables in one operation each: threads that take turns at many small ones get nothing done.
        keys = _keys(others, self._directions, TABLES, self.bits)
        slots = self._slots(keys).ravel()
        met = np.flatnonzero(self._marks[slots] & _marks(keys, self._slot_bits).ravel())
        slots = slots[met]
        first = self._starts[slots]
        counts = np.minimum(self._starts[slots + 1] - first, _CROWD)
        right = np.repeat(met, counts)
        place = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(len(right))
        equal = np.flatnonzero(self._found_keys[place] == keys.ravel()[right])
        pairs = np.sort(self._rows[place[equal]].astype(np.int64) * n + right[equal] % len(others) + offset)
        # np.unique goes through a table of hashes, which takes ten times as long as the sorting.
        return pairs[np.diff(pairs, prepend=-1) > 0]

    def _enough_bits(self, vectors: np.ndarray) -> int:
        """So many that a picture has one chance meeting in eight tables, even where pictures are much alike."""
        (keys,) = _keys(vectors, _in_bytes(self._signs[:, :1]), 1, _MOST_BITS)
        fewest = min(_MOST_BITS, max(8, int(np.ceil(np.log2(max(2, len(vectors))))) + 4))
        for bits in range(fewest, _MOST_BITS):
            _, counts = np.unique(keys >> (_MOST_BITS - bits), return_counts=True)
            if (counts * (counts - 1.0)).sum() <= len(vectors) / 8:
                return bits
        return _MOST_BITS

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        """Where keys (T, N) stand: scattered (Knuth's multiplicative hashing), so that memory follows the pictures."""
        scattered = (keys * _SCATTER) >> np.uint32(32 - self._slot_bits)
        return scattered + (np.arange(len(keys), dtype=np.uint32) << np.uint32(self._slot_bits))[:, None]


def _marks(keys: np.ndarray, slot_bits: int) -> np.ndarray:
    """One of eight bits for each key, uint8, from the part of its scattered value that does not name the slot."""
    return np.uint8(1) << (((keys * _SCATTER) >> np.uint32(29 - slot_bits)) & np.uint32(7)).astype(np.uint8)


def _room(tables: int, rest: int) -> int:
    """Bits that the rest of each table's key takes, so that those of all tables fill whole bytes."""
    room = 1 << (rest - 1).bit_length() if rest else 0
    return room if tables * room % 8 == 0 else 8


def _in_bytes(directions: np.ndarray) -> np.ndarray:
    """Directions (D, T, bits) as one matrix float32 (D, columns): the whole bytes of all tables, then their rests.

    Whole bytes and rests apart: to fill up 19 bits to 24 would make a quarter more to multiply.
    """
    width, tables, bits = directions.shape
    whole = bits // 8 * 8
    rests = np.zeros((width, tables, _room(tables, bits - whole)), np.float32)
    rests[:, :, : bits - whole] = directions[:, :, whole:]
    return np.concatenate([directions[:, :, :whole].reshape(width, -1), rests.reshape(width, -1)], axis=1)


def _keys(vectors: np.ndarray, directions: np.ndarray, tables: int, bits: int) -> np.ndarray:
    """Sign bits under the directions that `_in_bytes` laid out, uint32 (T, N), the first bit highest.

    All tables in one product, a block at a time: its result stays in the processor's cache until it is bits.
    """
    size, rest = divmod(bits, 8)
    room = _room(tables, rest)
    shifts = np.arange(8 - room, -1, -room or -8, dtype=np.uint8)
    keys = np.empty((tables, len(vectors)), np.uint32)
    for start in range(0, len(vectors), _BLOCK):
        packed = np.packbits(vectors[start : start + _BLOCK] @ directions > 0, axis=1)
        whole = np.zeros((len(packed), tables, 4), np.uint8)
        whole[:, :, 4 - size :] = packed[:, : tables * size].reshape(len(packed), tables, size)
        found = whole.view(">u4")[:, :, 0].astype(np.uint32)
        if rest:
            rests = packed[:, tables * size :, None] >> shifts & np.uint8((1 << room) - 1)
            found = found << np.uint32(rest) | rests.reshape(len(packed), tables) >> np.uint8(room - rest)
        keys[:, start : start + _BLOCK] = found.T
    return keys


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
