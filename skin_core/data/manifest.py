"""The manifest: one row an image, the one type that every data source produces and everything after reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from skin_core.data.words import all_different, as_arrow, different, no_words
from skin_core.errors import ManifestError

RISK_LEVELS = ("benign", "premalignant", "malignant")
SEXES = ("female", "male")
SPLITS = ("train", "validation", "test")

# Text columns are pandas' nullable strings: what a row lacks is NA, never an invented value.
STRING_COLUMNS = ("image_id", "location", "label", "risk_level", "group_id", "sex", "site", "site_raw", "split")
COLUMNS = ("image_id", "location", "label", "risk_level", "group_id", "age", "sex", "site", "site_raw", "split")


# Which columns hold what; age is a number of years, all others are words.
_UNIQUE = ("image_id", "location")
_ONE_OF = {"risk_level": RISK_LEVELS, "sex": SEXES, "split": SPLITS}
_AGES = (0, 120)


def _schema():
    # pandera takes half a second to import, so only a frame that does not pass `_sound` is shown to it.
    import pandera.pandas as pa

    def words(column: str) -> pa.Column:
        check = pa.Check.isin(_ONE_OF[column]) if column in _ONE_OF else None
        return pa.Column("string", checks=check, nullable=column not in _UNIQUE, unique=column in _UNIQUE)

    columns = {column: words(column) for column in STRING_COLUMNS}
    return pa.DataFrameSchema(
        {**columns, "age": pa.Column("Float64", pa.Check.in_range(*_AGES), nullable=True)}, strict=False
    )


def _sound(frame: pd.DataFrame) -> bool:
    """Whether a frame of the manifest's types passes the schema, at a hundredth of the cost."""
    if any(frame[column].isna().any() or not all_different(frame[column]) for column in _UNIQUE):
        return False
    if any(not set(different(frame[column])) <= set(known) for column, known in _ONE_OF.items()):
        return False
    return bool(frame["age"].dropna().between(*_AGES).all())


def as_manifest_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Adds the manifest columns that a frame lacks (as NA), orders them first and gives them their types."""
    n = len(frame)
    typed = {
        column: frame[column].astype("string").array if column in frame else no_words(n).array
        for column in STRING_COLUMNS
    }
    typed["age"] = (frame["age"] if "age" in frame else pd.Series(pd.NA, range(n))).astype("Float64").array
    own = {column: typed[column] for column in COLUMNS}
    # As they are: to sort and copy the further columns of half a million rows would take half a second.
    further = {column: frame[column].array for column in frame.columns if column not in COLUMNS}
    return pd.DataFrame({**own, **further}, index=pd.RangeIndex(n), copy=False)


@dataclass(frozen=True)
class Manifest:
    """A validated table of images.

    Attributes:
        frame: one row an image, with the columns of `COLUMNS` first and any further csv column as it came.
            ``image_id`` and ``location`` are unique; ``age`` is in years; ``site`` follows the ISIC archive's
            general vocabulary, ``site_raw`` keeps what the source said; ``split`` is the split that the data set
            itself prescribes (NA where it prescribes none).
        source: name of the data source that read it.
        root: the folder that ``location`` is below.
        notes: sentences on what the source left out or could not match, for the reader of the audit.
        further: names of csv columns that were not read (see `DataSource.read`).
    """

    frame: pd.DataFrame
    source: str
    root: Path
    notes: tuple[str, ...] = ()
    further: tuple[str, ...] = ()

    @classmethod
    def validated(
        cls,
        frame: pd.DataFrame,
        *,
        source: str,
        root: Path,
        notes: tuple[str, ...] = (),
        further: tuple[str, ...] = (),
    ) -> Manifest:
        """Checks a frame against the schema.

        Raises:
            ManifestError: naming the column and the first offenders.
        """
        typed = as_manifest_types(frame)
        if typed.empty:
            raise ManifestError(f"No image was found below {root}; expected at least one.")
        found = cls(frame=typed, source=source, root=Path(root), notes=notes, further=further)
        if _sound(typed):
            return found
        import pandera.errors

        try:
            _schema().validate(typed, lazy=True)
        except pandera.errors.SchemaErrors as error:
            failed = error.failure_cases.iloc[0]
            offenders = error.failure_cases.loc[error.failure_cases["column"] == failed["column"], "failure_case"]
            examples = ", ".join(str(value) for value in offenders.head(5))
            raise ManifestError(
                f"Column '{failed['column']}' does not pass '{failed['check']}' in {len(offenders)} rows: {examples}; correct the csv and read it again."
            ) from error
        return found

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels in it, sorted."""
        return tuple(different(self.frame["label"]))

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of ids, locations, labels, groups and prescribed split; independent of the row order."""
        import pyarrow as pa
        import pyarrow.compute as compute

        columns = ["image_id", "location", "label", "group_id", "split"]
        keys = [as_arrow(self.frame[column]).fill_null("") for column in columns]
        rows = compute.binary_join_element_wise(*keys, pa.scalar("\x1f", pa.large_string()))
        rows = compute.binary_join_element_wise(
            rows, pa.scalar("", pa.large_string()), pa.scalar("\x1e", pa.large_string())
        )
        digest = hashlib.sha256()
        rows = rows.take(compute.array_sort_indices(keys[0]))
        for start in range(0, len(rows), 1 << 16):
            digest.update("".join(rows.slice(start, 1 << 16).to_pylist()).encode())
        return digest.hexdigest()[:16]

    def with_frame(self, frame: pd.DataFrame) -> Manifest:
        """The same source and root with other rows or columns (not validated again)."""
        return replace(self, frame=frame.reset_index(drop=True))
