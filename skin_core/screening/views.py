"""The views of a picture that an engine may look at: mirrored, and turned by quarters.

A lesion has no upright, so each of the eight ways to lay a square on itself (the dihedral group of the square) shows
the same lesion. A set of views here is always a subgroup: the mean over it then gives the same answer for each of its
views of a picture (averaging over a group, e.g. Cohen and Welling 2016, arXiv:1602.07576). No TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class View(NamedTuple):
    """One way to lay a square on itself: the transposition first, then the mirrors.

    Attributes:
        transposed: rows and columns change places.
        upside_down: the order of the rows is turned round.
        mirrored: the order of the columns is turned round.
    """

    transposed: bool
    upside_down: bool
    mirrored: bool


_ALL = tuple(
    View(transposed, upside_down, mirrored)
    for transposed in (False, True)
    for upside_down in (False, True)
    for mirrored in (False, True)
)
# Number of views → what they are, for a form and a model card. The first so many of `_ALL` are a subgroup each time.
COUNTS: dict[int, str] = {
    1: "the picture as it is",
    2: "the picture and its mirror image",
    4: "the picture mirrored left to right, top to bottom, and both",
    8: "the picture in every quarter turn, each with its mirror image",
}


def views(count: int) -> tuple[View, ...]:
    """The first ``count`` views, the picture as it is first; ``count`` is one of `COUNTS`."""
    if count not in COUNTS:
        raise ValueError(f"the views are {', '.join(map(str, COUNTS))}; got {count}")
    return _ALL[:count]


def turned(array: np.ndarray, view: View, *, rows: int, columns: int) -> np.ndarray:
    """An array seen in a view.

    Args:
        array: of any shape, square over two of its axes.
        view: how to lay it.
        rows, columns: the two axes.
    """
    if view.transposed:
        array = np.swapaxes(array, rows, columns)
    return _flipped(array, view, rows, columns)


def turned_back(array: np.ndarray, view: View, *, rows: int, columns: int) -> np.ndarray:
    """What was seen in a view, laid as the picture is: the inverse of `turned`."""
    array = _flipped(array, view, rows, columns)
    return np.swapaxes(array, rows, columns) if view.transposed else array


def _flipped(array: np.ndarray, view: View, rows: int, columns: int) -> np.ndarray:
    axes = [axis for axis, turn in ((rows, view.upside_down), (columns, view.mirrored)) if turn]
    return np.flip(array, axes) if axes else array
