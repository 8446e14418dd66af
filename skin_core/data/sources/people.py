"""Age and sex as the manifest takes them. What cannot be read is NA and told, never guessed."""

from __future__ import annotations

import pandas as pd

from skin_core.data.sources.wording import count, some
from skin_core.data.words import different, translated

MAX_AGE = 120
_SEXES = {"female": "female", "f": "female", "woman": "female", "male": "male", "m": "male", "man": "male"}
_NOT_SAID = frozenset({"", "unknown", "unk", "u", "n/a", "other", "not specified"})


def ages(raw: pd.Series, notes: list[str]) -> pd.Series:
    """Float64 years; text, negative figures and more than 120 years become NA with a note."""
    years = pd.to_numeric(raw, errors="coerce").astype("Float64")
    wrong = raw.notna() & ~years.between(0, MAX_AGE).fillna(False)
    if raw.dtype != "float64" and raw.dtype != "int64":
        wrong &= ~raw.astype("string").str.strip().str.lower().isin(_NOT_SAID).fillna(False)
    if wrong.any():
        notes.append(
            f"{count(int(wrong.sum()), 'age')} not between 0 and {MAX_AGE} years taken as missing: {some(raw[wrong].unique())}."
        )
    return years.where(years.between(0, MAX_AGE).fillna(False))


def sexes(raw: pd.Series, notes: list[str]) -> pd.Series:
    """string "female" or "male"; "unknown" and empty are NA, any other word is NA with a note."""
    said = translated(raw.astype("string"), lambda word: word.strip().lower())
    known = translated(said, _SEXES)
    odd_words = [word for word in different(said) if word not in _SEXES and word not in _NOT_SAID]
    if odd_words:
        odd = said.isin(odd_words)
        notes.append(
            f"{count(int(odd.sum()), 'value')} of sex neither female nor male taken as missing: {some(said[odd].unique())}."
        )
    return known
