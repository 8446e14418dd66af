"""Figures in words that people read at a glance."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

# What Markdown, LaTeX, HTML and Streamlit's own directives (:smile:, :red[...], :material/...:) begin with.
_MARKUP = re.compile(r"[\\\[\]<>$*~`#]|(?<!\w)_|_(?!\w)|:(?=\S)|&(?=#?\w+;)")


def in_hundred(probability: float | None, low: float | None = None, high: float | None = None) -> str:
    """A probability as a count of people: ``7 in 100 (4 to 12)``.

    Args:
        probability: 0 to 1; None or NaN is "undefined".
        low: lower end of the interval, if there is one.
        high: upper end.
    """
    if probability is None or math.isnan(probability):
        return "undefined"
    if probability < 0.005:
        words = "under 1 in 100"
    elif probability > 0.995:
        words = "over 99 in 100"
    else:
        words = f"{round(100 * probability)} in 100"
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return words
    return f"{words} ({round(100 * low)} to {round(100 * high)})"


def figure(value: float | None, digits: int = 3) -> str:
    """A metric: ``0.871``, or "undefined"."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def probability_words(probability: float) -> str:
    """A probability with two digits that never says 0.00 or 1.00 of what is neither: ``0.07``, ``below 0.01``."""
    if 0 < probability < 0.005:
        return "below 0.01"
    if 0.995 < probability < 1:
        return "above 0.99"
    return f"{probability:.2f}"


def with_interval(metric: Mapping[str, float | None] | float | None, digits: int = 3) -> str:
    """``0.871 (0.842 to 0.899)`` from ``{"value", "low", "high"}``; a bare number has no interval."""
    if not isinstance(metric, Mapping):
        return figure(metric, digits)
    value, low, high = metric.get("value"), metric.get("low"), metric.get("high")
    words = figure(value, digits)
    if words == "undefined" or low is None or high is None or math.isnan(low) or math.isnan(high):
        return words
    return f"{words} ({low:.{digits}f} to {high:.{digits}f})"


def duration(seconds: float) -> str:
    """Time as a person says it: ``8 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``1,204 images``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def alike(names: Mapping[str, str]) -> set[str]:
    """The ids (id → name) whose name another one has, too.

    Streamlit goes by the words of an option: of two that are the same, choosing one may show the other.
    """
    often = Counter(names.values())
    return {key for key, name in names.items() if often[name] > 1}


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """What must stand beside names (id → name) so that no two are the same: the end of the id, only where it is needed.

    Returns:
        id → "" where the name is the only one of its kind, else the id's last four characters; the whole id should even
        those be the same.
    """
    same = alike(names)
    ends = {key: key[-4:] if key in same else "" for key in names}
    unsure = alike({key: f"{names[key]} {end}" for key, end in ends.items()})
    return {key: key if key in unsure else end for key, end in ends.items()}


def plain(text: str) -> str:
    """Text that someone else chose (a file's name, a foreign bundle's title), so that Markdown changes nothing in it.

    A picture or a link in a file's name must never make the browser fetch anything, and ``:smile:`` stays what it is.
    """
    text = _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.splitlines()))
    # A dash or a number at the start would make a list.
    return re.sub(r"^(\s*)(?:([-+])|(\d+)([.)]))(?=\s)", r"\1\3\\\2\4", text)
