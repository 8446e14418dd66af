"""Reading the csv of a data set: any encoding, wrong headers told in a sentence, half a million rows in a second."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from skin_core.data.sources.wording import count, some
from skin_core.errors import DataSourceError

if TYPE_CHECKING:
    import pyarrow as pa

_EMPTY = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


@dataclass(frozen=True)
class Table:
    """A csv as read.

    Attributes:
        frame: one row a line; the columns that were asked for as text are strings, stripped, empty ones NA.
        notes: sentences on lines that were left out, or on the encoding.
        further: names of the columns that were not read.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    further: tuple[str, ...] = ()


def header(path: Path) -> list[str] | None:
    """Column names of a csv, stripped, or None where the file is no text, or may not be read."""
    try:
        return _Head.of(path).names
    except (OSError, csv.Error):
        return None


@dataclass(frozen=True)
class _Head:
    """What the first line tells: column names (None where it is no text), and how to read the rest."""

    names: list[str] | None
    encoding: str
    delimiter: str
    lines: int

    @classmethod
    def of(cls, path: Path) -> _Head:
        with open(path, "rb") as file:
            start = file.read(65536)
        encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf8"
        lines = start.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace").splitlines()
        place = next((place for place, line in enumerate(lines) if line.strip()), None)
        if place is None or "\0" in lines[place]:
            return cls(None, encoding, ",", 0)
        delimiter = max(",;\t", key=lines[place].count)
        names = next(csv.reader(io.StringIO(lines[place]), delimiter=delimiter))
        return cls([name.strip() for name in names], encoding, delimiter, place + 1)


def read_table(
    path: Path,
    *,
    required: Sequence[str],
    text: Sequence[str],
    numbers: Sequence[str] = (),
    only: Collection[str] | None = None,
) -> Table:
    """Reads a csv.

    Args:
        path: comma, semicolon or tab separated; UTF-8 (with or without mark), UTF-16 or Windows-1252.
        required: columns that must be there; the first is the id, whose values are all different.
        text: columns that are words even where they look like numbers ("007").
        numbers: columns that hold numbers as published: told beforehand, 400,000 rows take half the time. Where one
            holds something else after all, each of them gets the type that fits it.
        only: columns to read, as far as they are there; None reads all. Few of many take a third of the time.

    Raises:
        DataSourceError: naming the missing or doubled columns, or saying that it is no readable table.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    try:
        head = _Head.of(path)
    except OSError as error:
        raise DataSourceError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    except csv.Error as error:
        raise _unreadable(path, error) from error
    names = head.names
    if names is None:
        raise DataSourceError(f"{path} is empty or no text; expected a csv with the columns {', '.join(required)}.")
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise DataSourceError(
            f"{path} has the column {some(doubled)} more than once; keep one of each and read it again."
        )
    missing = [name for name in required if name not in names]
    if missing:
        raise DataSourceError(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has {some(names, 12)}."
        )
    # A column without a name (a saved pandas index, mostly) needs one of its own.
    columns = [name or f"unnamed_{place}" for place, name in enumerate(names)]
    notes: list[str] = []
    ragged: list[int] = []

    def leave_out(row) -> str:
        ragged.append(row.number or 0)
        return "skip"

    read = [name for name in columns if only is None or name in only]
    # Few different words in many rows: read as a dictionary, each word is looked at once.
    dictionary = pa.dictionary(pa.int32(), pa.string())
    words = {name: pa.large_string() if name == required[0] else dictionary for name in text if name in read}
    figures = {name: pa.float64() for name in numbers if name in read}

    def load(encoding: str, newlines: bool, kinds: dict[str, pa.DataType]) -> pa.Table:
        ragged.clear()
        # Arrow's own file: one of Python's would wait for the interpreter's lock at each block.
        with pa.OSFile(os.fsencode(path)) as file:
            return arrow_csv.read_csv(
                file,
                read_options=arrow_csv.ReadOptions(column_names=columns, skip_rows=head.lines, encoding=encoding),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=head.delimiter, newlines_in_values=newlines, invalid_row_handler=leave_out
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=kinds,
                    include_columns=read,
                    null_values=_EMPTY,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )

    # Quoted line breaks cost twice the time, and other encodings are rare: both are tried only where the first fails.
    failure: Exception | None = None
    attempts = [(head.encoding, False, words | figures)] if figures else []
    attempts += [(head.encoding, False, words), (head.encoding, True, words), ("cp1252", True, words)]
    for encoding, newlines, kinds in attempts:
        try:
            table = load(encoding, newlines, kinds)
        except (pa.ArrowInvalid, UnicodeError) as error:
            failure = error
            continue
        except OSError as error:
            raise DataSourceError(
                f"{path} cannot be read ({error.strerror or error}); check its permissions."
            ) from error
        if any(pa.types.is_binary(kind) for kind in table.schema.types) or (ragged and not newlines):
            continue
        break
    else:
        raise _unreadable(path, failure or "its text is in no encoding known here")
    if encoding == "cp1252":
        notes.append(f"{path.name} is not UTF-8; it was read as Windows-1252.")
    if ragged:
        notes.append(
            f"{count(ragged, 'line')} of {path.name} did not have {len(columns)} values and "
            f"{'was' if len(ragged) == 1 else 'were'} left out."
        )
    if not table.num_rows:
        raise DataSourceError(
            f"{path} has column names but no {'usable ' if ragged else ''}row below them; expected one row a picture: "
            "export it again."
        )
    # Each column by itself: Arrow works outside the interpreter's lock, so this takes every core.
    with ThreadPoolExecutor() as threads:
        arrays = list(threads.map(lambda name: _ready(table[name], name in words), read))
    frame = pa.table(arrays, names=read).to_pandas(
        types_mapper=dict.fromkeys((pa.string(), pa.large_string()), pd.StringDtype("pyarrow")).get, split_blocks=True
    )
    return Table(frame, tuple(notes), tuple(name for name in columns if name not in read))


def _ready(column: pa.ChunkedArray, words: bool) -> pa.ChunkedArray:
    """A column in one piece. Words have no blanks around them, and empty ones are null."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if pa.types.is_null(column.type):
        return column.cast(pa.large_string())  # Nothing is in it, so it has no type of its own.
    whole = column.unify_dictionaries().combine_chunks()
    if not words:
        return pa.chunked_array([whole])
    told = whole.dictionary if pa.types.is_dictionary(whole.type) else whole
    # Pandas keeps its strings as large ones: made so while they are few.
    told = compute.utf8_trim_whitespace(told.cast(pa.large_string()))
    told = compute.replace_with_mask(told, compute.equal(told, "").fill_null(False), pa.scalar(None, told.type))
    return pa.chunked_array([told.take(whole.indices) if pa.types.is_dictionary(whole.type) else told])


def _unreadable(path: Path, reason: object) -> DataSourceError:
    first = (str(reason).splitlines() or ["no reason given"])[0]
    return DataSourceError(f"{path} cannot be read as a csv ({first}); export it again as UTF-8 csv.")
