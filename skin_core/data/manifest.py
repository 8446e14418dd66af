"""The manifest: one row an image, the one type that every data source produces and everything after reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from skin_core.errors import ManifestError

RISK_LEVELS = ("benign", "premalignant", "malignant")
SEXES = ("female", "male")
SPLITS = ("train", "validation", "test")

# Text columns are pandas' nullable strings: what a row lacks is NA, never an invented value.
STRING_COLUMNS = ("image_id", "location", "label", "risk_level", "group_id", "sex", "site", "site_raw", "split")
COLUMNS = ("image_id", "location", "label", "risk_level", "group_id", "age", "sex", "site", "site_raw", "split")


def _schema():
    # pandera takes half a second to import; a page that shows a stored manifest does not need it.
    import pandera.pandas as pa

    def text(*, nullable: bool = True, unique: bool = False, isin: tuple[str, ...] | None = None) -> pa.Column:
        return pa.Column("string", checks=pa.Check.isin(isin) if isin else None, nullable=nullable, unique=unique)

    return pa.DataFrameSchema(
        {
            "image_id": text(nullable=False, unique=True),
            "location": text(nullable=False, unique=True),
            "label": text(),
            "risk_level": text(isin=RISK_LEVELS),
            "group_id": text(),
            "age": pa.Column("Float64", pa.Check.in_range(0, 120), nullable=True),
            "sex": text(isin=SEXES),
            "site": text(),
            "site_raw": text(),
            "split": text(isin=SPLITS),
        },
        strict=False,
    )


def as_manifest_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Adds the manifest columns that a frame lacks (as NA), orders them first and gives them their types."""
    frame = frame.copy(deep=False)
    for column in COLUMNS:
        if column not in frame:
            frame[column] = pd.NA
        frame[column] = frame[column].astype("Float64" if column == "age" else "string")
    extra = [column for column in frame.columns if column not in COLUMNS]
    return frame[[*COLUMNS, *extra]].reset_index(drop=True)


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
    """

    frame: pd.DataFrame
    source: str
    root: Path
    notes: tuple[str, ...] = ()

    @classmethod
    def validated(cls, frame: pd.DataFrame, *, source: str, root: Path, notes: tuple[str, ...] = ()) -> Manifest:
        """Checks a frame against the schema.

        Raises:
            ManifestError: naming the column and the first offenders.
        """
        import pandera.errors

        typed = as_manifest_types(frame)
        if typed.empty:
            raise ManifestError(f"No image was found below {root}; expected at least one.")
        try:
            _schema().validate(typed, lazy=True)
        except pandera.errors.SchemaErrors as error:
            failed = error.failure_cases.iloc[0]
            offenders = error.failure_cases.loc[error.failure_cases["column"] == failed["column"], "failure_case"]
            examples = ", ".join(str(value) for value in offenders.head(5))
            raise ManifestError(
                f"Column '{failed['column']}' does not pass '{failed['check']}' in {len(offenders)} rows: {examples}; correct the csv and read it again."
            ) from error
        return cls(frame=typed, source=source, root=Path(root), notes=notes)

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels in it, sorted."""
        return tuple(sorted(self.frame["label"].dropna().unique()))

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of ids, locations, labels, groups and prescribed split; independent of the row order."""
        columns = ["image_id", "location", "label", "group_id", "split"]
        keys = self.frame[columns].fillna("").astype(object).sort_values("image_id")
        digest = hashlib.sha256()
        for row in keys.itertuples(index=False):
            digest.update("\x1f".join(row).encode() + b"\x1e")
        return digest.hexdigest()[:16]

    def with_frame(self, frame: pd.DataFrame) -> Manifest:
        """The same source and root with other rows or columns (not validated again)."""
        return replace(self, frame=frame.reset_index(drop=True))
