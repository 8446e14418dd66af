"""The card's table of reporting items: every number is one of its guideline's, and no item of a guideline is forgotten."""

from __future__ import annotations

import pytest

from skin_core.screening.card_items import ITEMS

# Collins et al. 2024: 27 items, of which these have parts.
_PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}
TRIPOD = {f"{number}{part}" for number in range(1, 28) for part in _PARTS.get(number, ("",))}
CLAIM = {str(number) for number in range(1, 45)}
CLEAR_DERM = {str(number) for number in range(1, 26)}


def _named(guideline: str) -> set[str]:
    return {number for item in ITEMS for number in getattr(item, guideline).split(", ") if number}


@pytest.mark.parametrize(
    ("guideline", "numbers"),
    [("tripod", TRIPOD), ("claim", CLAIM), ("clear", CLEAR_DERM)],
    # Sets print in another order in each process, and parallel tests must bear the same names.
    ids=["tripod", "claim", "clear"],
)
def test_the_table_holds_each_item_of_a_guideline_and_no_other(guideline: str, numbers: set[str]) -> None:
    assert len(TRIPOD) == 52
    assert _named(guideline) == numbers


def test_an_item_that_nobody_asks_is_not_in_the_table() -> None:
    assert all(item.numbers for item in ITEMS)
    assert len({item.title for item in ITEMS}) == len(ITEMS)
