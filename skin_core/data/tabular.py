"""Patient data as numbers: what a network's ``tabular`` input gets, the same in training and in screening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skin_core.errors import ConfigError

# More levels than this in a text column means an id or free text, which a network would only learn by heart.
MAX_LEVELS = 64


@dataclass(frozen=True)
class NumericColumn:
    """(x - mean) / std, 0 where x is missing, and a flag that says so.

    Attributes:
        name: column of the manifest.
        mean: over the training split.
        std: over the training split; 1 for a column that does not vary.
    """

    name: str
    mean: float
    std: float

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} missing")

    def encode(self, values: pd.Series) -> np.ndarray:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        missing = ~np.isfinite(numbers)
        scaled = np.where(missing, 0.0, (np.where(missing, 0.0, numbers) - self.mean) / self.std)
        return np.stack([scaled, missing], axis=1)


@dataclass(frozen=True)
class CategoricalColumn:
    """One-hot; a missing value, or one that the training split did not have, is the level "unknown".

    Attributes:
        name: column of the manifest.
        levels: the values in the training split, sorted.
    """

    name: str
    levels: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(f"{self.name}={level}" for level in self.levels), f"{self.name} unknown")

    def encode(self, values: pd.Series) -> np.ndarray:
        place = {level: index for index, level in enumerate(self.levels)}
        indices = _as_words(values).map(place).fillna(len(self.levels)).to_numpy(dtype=np.int64)
        return np.eye(len(self.levels) + 1)[indices]


@dataclass(frozen=True)
class TabularEncoder:
    """Turns columns of a manifest into the ``tabular`` input.

    Attributes:
        columns: one encoder a column, in the order of ``RunConfig.features``.
    """

    columns: tuple[NumericColumn | CategoricalColumn, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: Sequence[str]) -> TabularEncoder:
        """Learns means and levels.

        Args:
            frame: rows of the training split, and of no other.
            features: columns to encode; numbers are normalised, anything else is one-hot.

        Raises:
            ConfigError: for a column that the data does not have, that is empty, or that has too many levels.
        """
        lacking = [name for name in features if name not in frame]
        if lacking:
            raise ConfigError(
                f"The data has no column {', '.join(repr(name) for name in lacking)}; drop it from features, or choose "
                "data that has it."
            )
        return cls(tuple(_fitted(name, frame[name]) for name in features))

    @property
    def features(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of the encoding says, in order."""
        return tuple(name for column in self.columns for name in column.names)

    @property
    def width(self) -> int:
        """Numbers a row: `ModelSpec.n_tabular`."""
        return len(self.names)

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Encodes rows.

        Args:
            frame: a column that it lacks counts as missing in every row.

        Returns:
            float32 (N, width).
        """
        if not self.columns:
            return np.zeros((len(frame), 0), np.float32)
        nothing = pd.Series(pd.NA, index=frame.index, dtype="string")
        parts = [column.encode(frame.get(column.name, nothing)) for column in self.columns]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def encode_one(self, values: Mapping[str, Any]) -> np.ndarray:
        """Encodes one person.

        Args:
            values: by column, such as {"age": 55, "sex": "female", "site": None}; what is None or left out is missing,
                and keys that are no column of the encoder are not looked at.

        Returns:
            float32 (1, width).
        """
        return self.encode(pd.DataFrame({name: [values.get(name)] for name in self.features}, index=[0]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "columns": [
                {"name": column.name, "levels": list(column.levels)}
                if isinstance(column, CategoricalColumn)
                else {"name": column.name, "mean": column.mean, "std": column.std}
                for column in self.columns
            ]
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TabularEncoder:
        """The encoder that `to_dict` wrote."""
        return cls(
            tuple(
                CategoricalColumn(item["name"], tuple(item["levels"]))
                if "levels" in item
                else NumericColumn(item["name"], float(item["mean"]), float(item["std"]))
                for item in stored["columns"]
            )
        )


def _fitted(name: str, values: pd.Series) -> NumericColumn | CategoricalColumn:
    known = values.dropna()
    if known.empty:
        raise ConfigError(f"Column '{name}' is empty in the training split; drop it from features.")
    # A csv column of numbers with a stray word in it is read as text; a column all of whose values are numbers is not.
    if not pd.api.types.is_numeric_dtype(values):
        numbers = pd.to_numeric(known, errors="coerce")
        if numbers.isna().any():
            levels = tuple(sorted(_as_words(known).unique()))
            if len(levels) > MAX_LEVELS:
                raise ConfigError(
                    f"Column '{name}' has {len(levels)} different values, so it is an id or free text (at most "
                    f"{MAX_LEVELS} are taken); drop it from features."
                )
            return CategoricalColumn(name, levels)
        known = numbers
    numbers = known.to_numpy(dtype=np.float64)
    numbers = numbers[np.isfinite(numbers)]
    std = float(numbers.std()) if len(numbers) else 0.0
    mean = float(numbers.mean()) if len(numbers) else 0.0
    # The mean of equal numbers is rounded, and their spread is then of the size of that rounding.
    return NumericColumn(name, mean, std if std > 1e-9 * max(1.0, abs(mean)) else 1.0)


def _as_words(values: pd.Series) -> pd.Series:
    """Levels as text; whole numbers as such, since a column of codes with one missing is read as 1.0, 2.0 and nothing."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("string")
