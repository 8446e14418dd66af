"""Counts and examples as the notes of a manifest tell them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice


def count(items: int | Iterable, one: str, many: str | None = None) -> str:
    """ "1 picture", "1,234 pictures"."""
    n = items if isinstance(items, int) else len(items)
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def some(items: Iterable, n: int = 5) -> str:
    """The first few, and a sign that there are more."""
    first = [str(item) for item in islice(items, n + 1)]
    return ", ".join(first[:n]) + (", …" if len(first) > n else "")
