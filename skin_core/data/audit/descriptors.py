"""Small pictures as vectors whose inner product says how alike two pictures are, for the whole or for a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from skin_core.imaging.signature import THUMB_SIDE

# Low frequencies a side for the search (they bear a shift of 1 % of the side), and for the final similarity.
SEARCH_BAND = 8
FINAL_BAND = 12

# Frequencies kept of the whole: a part of four fifths has its eighth at the whole's tenth.
_SPECTRUM = 16

_LESIONS = Path(__file__).with_name("whitening.npz")


@dataclass(frozen=True)
class View:
    """A part of a picture, perhaps mirrored or turned.

    Attributes:
        scale: side of the part, as a share of the picture's.
        x, y: where it lies: 0 left or top, 1 right or bottom.
        flip_x, flip_y: mirrored left-right, top-bottom.
        transposed: rows and columns exchanged, after the mirroring.
    """

    scale: float = 1.0
    x: float = 0.5
    y: float = 0.5
    flip_x: bool = False
    flip_y: bool = False
    transposed: bool = False

    def oriented(self, thumbs: np.ndarray) -> np.ndarray:
        """Thumbs (N, S, S) mirrored and turned; the part is not cut out."""
        if self.flip_x:
            thumbs = thumbs[:, :, ::-1]
        if self.flip_y:
            thumbs = thumbs[:, ::-1]
        return thumbs.transpose(0, 2, 1) if self.transposed else thumbs


_PLACES = (0.0, 0.5, 1.0)

# The whole, the seven other ways a square can lie, and parts down to four fifths of the side.
VIEWS: tuple[View, ...] = (
    View(),
    *(View(flip_x=fx, flip_y=fy, transposed=t) for fx, fy, t in np.ndindex(2, 2, 2) if fx or fy or t),
    *(View(scale, x, y) for scale in (0.95, 0.9, 0.85, 0.8) for x in _PLACES for y in _PLACES),
)


def spectra(thumbs: np.ndarray) -> np.ndarray:
    """Low cosine frequencies of whole pictures, from which those of every view follow.

    Args:
        thumbs: (N, THUMB_SIDE, THUMB_SIDE), gray.

    Returns:
        float32 (N, _SPECTRUM, _SPECTRUM).
    """
    cosines = _cosines(_SPECTRUM).astype(np.float32)
    result = np.empty((len(thumbs), _SPECTRUM, _SPECTRUM), np.float32)
    for start in range(0, len(thumbs), 4096):
        part = np.ascontiguousarray(thumbs[start : start + 4096], np.float32)
        result[start : start + 4096] = np.matmul(np.matmul(cosines, part), cosines.T)
    return result


def view_of(spectra: np.ndarray, view: View, size: int) -> np.ndarray:
    """Low cosine frequencies of a view, weighted by frequency so that fine structure counts as much as the blob.

    Args:
        spectra: float32 (N, _SPECTRUM, _SPECTRUM).
        view: which part, and which way round.
        size: frequencies a side.

    Returns:
        float32 (N, size² − 1), unit length; zeros for a picture without structure.
    """
    return unit(spectra.reshape(len(spectra), -1) @ _weighted(view, size), floor=1.0)


@cache
def _weighted(view: View, size: int) -> np.ndarray:
    """What takes the flattened frequencies of a whole to a view's, but the mean: float32 (_SPECTRUM², size² - 1).

    One product of matrices for all pictures: four times as fast as two small ones a picture.
    """
    down, across = _part(size, view.y, view.scale), _part(size, view.x, view.scale)
    # Mirroring turns the sign of the odd frequencies.
    signs = (-1.0) ** np.arange(_SPECTRUM).astype(np.float32)
    down = down * signs if view.flip_y else down
    across = across * signs if view.flip_x else across
    both = np.einsum("vi,uj->ijuv" if view.transposed else "ui,vj->ijuv", down, across)
    u, v = np.mgrid[:size, :size]
    both = both * np.sqrt(u * u + v * v).astype(np.float32)
    return np.ascontiguousarray(both.reshape(_SPECTRUM * _SPECTRUM, -1)[:, 1:], np.float32)


def unit(vectors: np.ndarray, floor: float = 1e-6) -> np.ndarray:
    """Rows brought to unit length; rows shorter than ``floor`` (gray levels of noise) become zeros."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Divided by infinity, what is too short becomes zeros: one pass over the rows instead of three.
    return (vectors / np.where(length > floor, length, np.inf).astype(length.dtype)).astype(np.float32, copy=False)


@dataclass(frozen=True)
class Whitening:
    """Takes out what lesions have in common (a dark blob in the middle), so that only twins stay alike.

    On HAM10000, 1 pair in 40 of different lesions has a plain correlation above 0.7 in the search band; whitened it is
    1 in 15,000, while a twin that is off by 1 % of the side stays above 0.91 in 99 of 100.
    """

    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def fitted(cls, vectors: np.ndarray) -> Whitening:
        """From unit vectors (N, D) of whole pictures; zeros are left out."""
        vectors = vectors[np.any(vectors, axis=1)].astype(np.float64)
        mean = vectors.mean(axis=0)
        values, axes = np.linalg.eigh(np.cov((vectors - mean).T))
        return cls(mean.astype(np.float32), (axes / np.sqrt(values + 1e-3)).astype(np.float32))

    @classmethod
    def of_lesions(cls) -> Whitening:
        """The one in ``whitening.npz`` beside this file: `fitted` on the distinct pictures of HAM10000.

        Fixed, because one learnt from the set at hand would take out what its twins have in common, and would let the
        answer for a pair depend on the rest of the set.
        """
        with open(_LESIONS, "rb") as file, np.load(file, allow_pickle=False) as stored:
            return cls(stored["mean"], stored["matrix"])

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors, whitened; zeros stay zeros."""
        some = np.any(vectors, axis=1, keepdims=True)
        whitened = unit((vectors - self.mean) @ self.matrix)
        return whitened if some.all() else whitened * some


def _cosines(size: int) -> np.ndarray:
    """Rows of the orthonormal cosine transform (DCT-II), float64 (size, THUMB_SIDE)."""
    frequency, pixel = np.arange(size)[:, None], np.arange(THUMB_SIDE)[None]
    rows = np.cos(np.pi * (pixel + 0.5) * frequency / THUMB_SIDE) * np.sqrt(2 / THUMB_SIDE)
    rows[0] /= np.sqrt(2)
    return rows


def _part(size: int, place: float, scale: float) -> np.ndarray:
    """From the frequencies of a whole side to those of a part of it, float32 (size, _SPECTRUM)."""
    if scale == 1.0:
        return np.eye(size, _SPECTRUM, dtype=np.float32)
    where = place * (1 - scale) + scale * (np.arange(THUMB_SIDE) + 0.5) / THUMB_SIDE
    frequency = np.arange(_SPECTRUM)
    values = np.cos(np.pi * where[:, None] * frequency) * np.sqrt(np.where(frequency, 2, 1) / THUMB_SIDE)
    return (_cosines(size) @ values).astype(np.float32)
