"""How long is left, from this process' own speed."""

from __future__ import annotations

import time


class Pace:
    """Estimates the time left from this process' own speed."""

    def __init__(self) -> None:
        self._done = 0
        self._busy = 0.0
        self._last = time.monotonic()
        self._validation = 0.0

    def stepped(self, now: float) -> None:
        """Takes note of a batch done at ``now`` (monotonic seconds)."""
        # The first step compiles; its seconds say nothing of the others.
        if self._done:
            self._busy += now - self._last
        self._done += 1
        self._last = now

    def validated(self, seconds: float) -> None:
        """Takes note of a validation done."""
        self._validation = seconds
        self._last = time.monotonic()

    def seconds_left(self, steps: int, validations: int) -> float | None:
        """Estimate for so many more batches and validations; None before there is one."""
        if self._done < 2:
            return None
        return self._busy / (self._done - 1) * steps + self._validation * validations
