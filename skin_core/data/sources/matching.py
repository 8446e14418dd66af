"""Which rows of a csv have a picture: joining by id, without a look at each row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from skin_core.data.sources.wording import count, some
from skin_core.data.words import all_different, as_arrow


def positions(ids: pd.Series, among: pd.Index) -> np.ndarray:
    """Where each id stands in an index of unique ids: int64 (len(ids),), -1 where it does not."""
    import pyarrow.compute as compute

    wanted, there = as_arrow(ids), as_arrow(among)
    # Published csv and HDF5 files are both in the order of their ids.
    if wanted.null_count == 0 and wanted.equals(there):
        return np.arange(len(wanted))
    found = compute.index_in(wanted, value_set=there)
    return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def by_stem(locations: Sequence[str]) -> tuple[pd.Series, tuple[str, ...]]:
    """Locations by file name without suffix.

    Returns:
        string Series indexed by stem; where a stem lies in several places the first is taken, and a note says so.
    """
    listed = pd.Series(list(locations), dtype="string")
    stems = listed.map(lambda location: PurePosixPath(location).stem) if len(listed) < 1000 else _stems(listed)
    listed.index = pd.Index(stems, dtype="string")
    again = listed.index.duplicated()
    notes: tuple[str, ...] = ()
    if again.any():
        ids = listed.index[again].unique()
        notes = (f"{count(ids, 'picture')} in more than one place; the first in order was taken: {some(ids, 3)}.",)
    return listed[~again], notes


def _stems(listed: pd.Series) -> pd.Series:
    return listed.str.replace(r"^.*/", "", regex=True).str.replace(r"\.[^.]*$", "", regex=True)


def without_repeats(
    frame: pd.DataFrame, key: str, answer: str | None, csv_name: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leaves one row an id; ids with different answers are left out whole, since nobody can say which is right."""
    notes = []
    nameless = frame[key].isna()
    if nameless.any():
        notes.append(f"{count(int(nameless.sum()), 'row')} of {csv_name} without {key} left out.")
        frame = frame[~nameless]
    if not all_different(frame[key]):
        again = frame[key].duplicated(keep=False)
        repeated = frame[again]
        if answer is not None:
            answers = repeated.groupby(key)[answer].nunique()
            torn = answers.index[answers > 1]
            if len(torn):
                notes.append(f"{count(torn, 'id')} of {csv_name} with more than one {answer} left out: {some(torn)}.")
                frame = frame[~frame[key].isin(torn)]
        if frame[key].duplicated().any():
            ids = frame.loc[frame[key].duplicated(), key].unique()
            notes.append(f"{count(ids, 'id')} of {csv_name} listed more than once, the first row taken: {some(ids)}.")
            frame = frame.drop_duplicates(key)
    return frame, tuple(notes)


def joined(
    frame: pd.DataFrame, key: str, places: pd.Series, csv_name: str, where: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Gives each row the location of its picture.

    Args:
        frame: one row an id.
        key: column of the id.
        places: locations by id, unique.
        csv_name: the csv, for the notes.
        where: where the pictures were looked for, for the notes.

    Returns:
        The rows that have a picture, with ``location``; notes on rows without picture and pictures without row.
    """
    at = positions(frame[key], places.index)
    lost = at < 0
    notes = []
    if lost.any():
        notes.append(
            f"{count(int(lost.sum()), 'row')} of {csv_name} without a picture {where} left out: {some(frame.loc[lost, key])}."
        )
    used = np.zeros(len(places), dtype=bool)
    used[at[~lost]] = True
    if not used.all():
        extra = places.index[~used]
        notes.append(f"{count(extra, 'picture')} {where} without a row in {csv_name} left out: {some(extra)}.")
    found = frame[~lost] if lost.any() else frame
    return found.assign(location=places.array[at[~lost]]), tuple(notes)
