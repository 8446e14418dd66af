"""Figures in words: nothing that is neither nought nor certain is written as if it were; names end in whole words."""

from __future__ import annotations

import pytest

from pages.ui.live_charts import shortened
from pages.ui.words import probability_words


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.001, "below 0.01"), (0.005, "0.01"), (0.17, "0.17"), (0.999, "above 0.99"), (0.0, "0.00"), (1.0, "1.00")],
)
def test_a_probability_never_rounds_to_certainty(probability: float, words: str) -> None:
    # 0.005 lies a hair above its decimal, so it rounds up.
    assert probability_words(probability) == words


def test_a_long_name_keeps_the_whole_words_of_its_end() -> None:
    assert shortened("9-class CNN without balancing") == "…without balancing"
    assert shortened("9-class CNN with balancing") == "…with balancing"
    assert shortened("short") == "short"
    assert shortened("x" * 30) == "…" + "x" * 17
