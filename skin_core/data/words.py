"""Columns of words, looked at through Arrow: each different word once, not each row.

Pandas 3 goes through Python objects for ``map`` and ``isin`` on strings, at a second or two a call for 400,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa


def as_arrow(words: pd.Series | pd.Index) -> pa.LargeStringArray:
    """The words in one Arrow array; no copy where they lie in one already."""
    import pyarrow as pa

    array = pa.array(words.array if words.dtype == "string" else words, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def as_words(array: pa.Array | pa.ChunkedArray, index: pd.Index | None = None) -> pd.Series:
    """The way back: a column of pandas' nullable strings."""
    return pd.Series(pd.array(array, dtype="string"), index=index, copy=False)


def no_words(n: int) -> pd.Series:
    """A column in which nothing is known."""
    import pyarrow as pa

    return as_words(pa.nulls(n, pa.large_string()))


def translated(words: pd.Series, meaning: Mapping[str, str | None] | Callable[[str], str | None]) -> pd.Series:
    """Each word's meaning: string, same index; NA where there is none, or where the word is missing."""
    import pyarrow as pa

    told = meaning if callable(meaning) else meaning.get
    coded = as_arrow(words).dictionary_encode()
    meanings = pa.array([told(word) for word in coded.dictionary.to_pylist()], pa.large_string())
    return as_words(meanings.take(coded.indices), words.index)


def different(words: pd.Series) -> list[str]:
    """The different words in a column, sorted; a missing one is none."""
    import pyarrow.compute as compute

    return sorted(compute.drop_null(compute.unique(as_arrow(words))).to_pylist())


def all_different(words: pd.Series) -> bool:
    """Whether no word is there twice; a missing word counts as one."""
    import pyarrow.compute as compute

    array = as_arrow(words)
    # What is in order needs one look at each pair of neighbours; anything else a table of all.
    if array.null_count == 0 and compute.all(compute.less(array[:-1], array[1:])).as_py() is not False:
        return True
    return compute.count_distinct(array, mode="all").as_py() == len(array)


def codes(words: pd.Series, levels: list[str]) -> np.ndarray:
    """Place of each word among ``levels``: int64 (N,), ``len(levels)`` where it is missing or is none of them."""
    import pyarrow as pa
    import pyarrow.compute as compute

    found = compute.index_in(as_arrow(words), value_set=pa.array(levels, pa.large_string()))
    return found.fill_null(len(levels)).to_numpy(zero_copy_only=False).astype(np.int64)


def as_numbers(words: pd.Series) -> np.ndarray:
    """The number that each word writes: float64 (N,), NaN where it is missing or writes none."""
    coded = as_arrow(words).dictionary_encode()
    numbers = pd.to_numeric(pd.Series(coded.dictionary.to_pylist(), dtype=object), errors="coerce")
    found = np.append(numbers.to_numpy(float), np.nan)
    return found[coded.indices.fill_null(len(found) - 1).to_numpy(zero_copy_only=False)]
