"""Figures in words: nothing that is neither nought nor certain is written as if it were; names end in whole words."""

from __future__ import annotations

import pytest

from pages.ui.live_charts import shortened
from pages.ui.words import alike, plain, probability_words, told_apart


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.001, "below 0.01"), (0.005, "0.01"), (0.17, "0.17"), (0.999, "above 0.99"), (0.0, "0.00"), (1.0, "1.00")],
)
def test_a_probability_never_rounds_to_certainty(probability: float, words: str) -> None:
    # 0.005 lies a hair above its decimal, so it rounds up.
    assert probability_words(probability) == words


@pytest.mark.parametrize(
    ("foreign", "escaped"),
    [
        ("![x](http://a/b.png)", r"!\[x\](http\://a/b.png)"),
        ("<b>*a* `c` ~~s~~ $x$", r"\<b\>\*a\* \`c\` \~\~s\~\~ \$x\$"),
        (":smile: :red[hot] :material/home:", r"\:smile: \:red\[hot\] \:material/home:"),
        ("_u_", r"\_u\_"),
        ("# head", r"\# head"),
        ("- list", r"\- list"),
        ("1. one", r"1\. one"),
        ("&lt; a\nb", r"\&lt; a b"),
        ("\\-x", r"\\-x"),
        ("light_cnn: 0.95 for -3.jpg, a - b & c", "light_cnn: 0.95 for -3.jpg, a - b & c"),
    ],
)
def test_a_foreign_name_is_shown_letter_by_letter(foreign: str, escaped: str) -> None:
    assert plain(foreign) == escaped


def test_a_long_name_keeps_the_whole_words_of_its_end() -> None:
    assert shortened("9-class CNN without balancing") == "…without balancing"
    assert shortened("9-class CNN with balancing") == "…with balancing"
    assert shortened("short") == "short"
    assert shortened("x" * 30) == "…" + "x" * 17


def test_names_that_come_twice_are_told_apart_and_no_others() -> None:
    names = {"1-one-ab12": "Mine", "1-one-cd34": "Mine", "2-one-ab12": "Other"}
    assert alike(names) == {"1-one-ab12", "1-one-cd34"}
    assert told_apart(names) == {"1-one-ab12": "ab12", "1-one-cd34": "cd34", "2-one-ab12": ""}
    # The same end, too: then the whole id.
    assert told_apart({"1-one-ab12": "Mine", "1-two-ab12": "Mine"}) == {
        "1-one-ab12": "1-one-ab12",
        "1-two-ab12": "1-two-ab12",
    }
