"""Columns of words through Arrow: worked by hand, and the same as what pandas says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skin_core.data.manifest import _schema, _sound, as_manifest_types
from skin_core.data.words import all_different, as_numbers, codes, different, no_words, translated

WORDS = pd.Series(["b", None, "a", "b"], index=[3, 1, 2, 0], dtype="string")


def test_each_word_is_translated_and_keeps_its_row() -> None:
    found = translated(WORDS, {"a": "first", "b": "second"})
    assert found.dtype == "string" and found.index.tolist() == [3, 1, 2, 0]
    assert found.tolist() == ["second", pd.NA, "first", "second"]
    assert translated(WORDS, lambda word: None if word == "a" else word.upper()).tolist() == ["B", pd.NA, pd.NA, "B"]
    assert translated(no_words(2), {}).isna().all()


def test_places_and_different_words() -> None:
    assert codes(WORDS, ["a", "b"]).tolist() == [1, 2, 0, 1]
    assert codes(WORDS, ["b"]).tolist() == [0, 1, 1, 0]
    assert different(WORDS) == ["a", "b"] and different(no_words(3)) == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["a", "b", "c"], True),
        (["c", "a", "b"], True),
        (["a", "a", "b"], False),
        (["b", "a", "b"], False),
        (["a", None], True),
        (["a", None, None], False),
        (["a"], True),
        ([], True),
    ],
)
def test_words_that_are_there_twice_are_found(words: list, answer: bool) -> None:
    assert all_different(pd.Series(words, dtype="string")) is answer


def test_numbers_that_words_write() -> None:
    found = as_numbers(pd.Series(["1", "0.5", None, "x", "1"], dtype="string"))
    np.testing.assert_array_equal(found, [1, 0.5, np.nan, np.nan, 1])
    assert len(as_numbers(no_words(0))) == 0


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"image_id": ["a", "a", "c"]},
        {"image_id": ["a", None, "c"]},
        {"location": ["1", "1", "2"]},
        {"age": [1.0, 121.0, None]},
        {"age": [-1.0, 3.0, None]},
        {"sex": ["female", "Female", None]},
        {"split": ["train", "holdout", None]},
        {"risk_level": ["benign", "bad", None]},
        {"age": [0.0, 120.0, None], "sex": ["female", "male", None], "split": ["train", "test", "validation"]},
    ],
)
def test_the_quick_look_agrees_with_the_schema(fault: dict) -> None:
    import pandera.errors

    frame = as_manifest_types(pd.DataFrame({"image_id": ["a", "b", "c"], "location": ["1", "2", "3"], **fault}))
    try:
        _schema().validate(frame, lazy=True)
        passes = True
    except pandera.errors.SchemaErrors:
        passes = False
    assert _sound(frame) is passes
