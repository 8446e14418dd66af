"""How long work tells what it does: one small value, given to a callback the caller chose."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """A step of long work.

    Attributes:
        what: what is being done, as a person would say it ("Decoding images").
        done: units finished.
        total: units in all; 0 where it cannot be known.
        seconds_left: estimate from the pace so far, or None before there is one.
    """

    what: str
    done: int
    total: int
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Share done, 0 to 1; 0 where the total is not known."""
        return min(1.0, self.done / self.total) if self.total else 0.0


ProgressCallback = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """The callback of those who do not watch."""


def tracked(
    items: Iterable[T], what: str, total: int, report: ProgressCallback, every_seconds: float = 0.2
) -> Iterator[T]:
    """Passes items through and reports at most every ``every_seconds``, and once at the end."""
    start = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= every_seconds and done < total:
            last = now
            report(Progress(what, done, total, (now - start) / done * (total - done)))
    report(Progress(what, done, total, 0.0))
