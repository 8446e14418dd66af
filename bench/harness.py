"""What every bench uses: contestants timed in turn, whole processes, ratios with targets, a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ratio:
    """How often the one fits into the other, with what it must reach.

    Attributes:
        what: in words, "tutorial over LesionLab".
        value: median of the ratios of runs made in turn; ``low`` and ``high`` the smallest and largest of them.
        at_least, at_most: the target; None where there is none.
    """

    what: str
    value: float
    low: float
    high: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


@dataclass
class Report:
    """What a bench found.

    Attributes:
        title: what was compared.
        settings: what it ran on: sizes, data set, repeats.
        seconds: of each contestant, one number a repeat.
        ratios: between contestants.
        figures: anything else worth a number, by name with its unit ("peak memory, MB").
        notes: what a reader must know.
    """

    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    figures: dict[str, float | int | str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def in_turn(
    contestants: Mapping[str, Callable[[], object]], *, repeats: int, warmups: int = 1
) -> dict[str, list[float]]:
    """Times callables A B C A B C …, so that a machine that slows down slows all of them.

    Args:
        contestants: by name; each does the same amount of work at each call.
        repeats: timed rounds.
        warmups: rounds before, not timed.

    Returns:
        Seconds by name, one number a round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(warmups + repeats):
        for name, call in contestants.items():
            begun = time.perf_counter()
            call()
            taken = time.perf_counter() - begun
            if number >= warmups:
                seconds[name].append(taken)
    return seconds


def ratio(
    what: str,
    over: Sequence[float],
    under: Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Ratio:
    """The ratio ``over / under`` of numbers that were taken in turn (pair by pair), or of one number each."""
    pairs = np.asarray(over, float) / np.asarray(under, float)
    return Ratio(what, float(np.median(pairs)), float(pairs.min()), float(pairs.max()), at_least, at_most)


class Answering:
    """A process that answers each line on its standard input with one line; ended with the ``with`` block.

    Args:
        command: run from the repository's root.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def __enter__(self) -> Answering:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, line: str = "") -> str:
        """The answer to one line.

        Raises:
            RuntimeError: if the process has ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        if not (answer := self._process.stdout.readline()):
            raise RuntimeError(f"{' '.join(self._command)} ended without an answer.")
        return answer.strip()


# The kernel counts the memory of whoever forks to the peak of the process that it becomes: a bench with gigabytes of its
# own would see them in everything that it measures. So a small process stands between.
_LAUNCHER = """
import json, os, resource, subprocess, sys, time
begun = time.perf_counter()
code = subprocess.call(sys.argv[2:])
seconds = time.perf_counter() - begun
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
found = [code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]
os.write(int(sys.argv[1]), json.dumps(found).encode())
"""


@dataclass(frozen=True)
class Finished:
    """A process that ran to its end.

    Attributes:
        seconds: from its start to its end.
        processor_seconds: user and system time, with that of its children.
        peak_mb: largest resident memory in 10⁶ bytes.
        output: standard output.
    """

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: str


def whole_process(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Finished:
    """Runs a command from the repository's root and measures it from outside.

    Raises:
        RuntimeError: if it fails, with the end of what it wrote.
    """
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as told:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(writing), *command],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            text=True,
            check=True,
        )
        os.close(writing)
        code, seconds, processor_seconds, peak_kib = json.load(told)
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {done.stdout[-2000:]}")
    return Finished(seconds, processor_seconds, peak_kib * 1024 / 1e6, done.stdout)
