"""What a run and a search have in common as folders that a process works on: made, begun, stopped, and seen from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skin_core.errors import SkinCoreError
from skin_core.locks import held
from skin_core.training.folder import AT_WORK
from skin_core.training.liveness import WorkedFolder, WorkedState, is_alive

# Statuses from which it can go on.
RESUMABLE = ("stopped", "failed", "interrupted")


def status_of(folder: WorkedFolder, state: WorkedState) -> str:
    """The status as seen from outside: what the worker wrote, unless it is gone or asked to stop."""
    if state.status not in AT_WORK:
        return state.status
    if not is_alive(folder):
        # The worker may have written its last state and gone between the two looks.
        last = folder.read_state().status
        return last if last not in AT_WORK else "interrupted"
    return "stopping" if folder.stop_request.exists() else state.status


@contextmanager
def at_rest(folder: WorkedFolder, what: str, error: type[SkinCoreError]) -> Iterator[str]:
    """Keeps everybody else from starting a worker while the block starts one.

    Two browsers may press Resume at the same moment; the second finds the first one's worker.

    Args:
        folder: that is to be worked on.
        what: names it, as a sentence begins.
        error: raised where somebody is at work on it already, or holds its lock for long.

    Yields:
        How it ended last; "" where it was never begun.
    """
    with held(folder.lock, f"{what} is being started or changed", error):
        state = folder.read_state()
        status = "" if state.status == "queued" and not folder.worker.exists() else status_of(folder, state)
        if status in AT_WORK:
            raise error(f"{what} is {status} already; nothing was started.")
        yield status


def forget_last_worker(folder: WorkedFolder) -> None:
    """Takes away what an earlier worker left, before the state says "queued" again: its note would show it as interrupted."""
    folder.stop_request.unlink(missing_ok=True)
    folder.worker.unlink(missing_ok=True)


def ask_to_stop(folder: WorkedFolder, what: str, error: type[SkinCoreError]) -> None:
    """Asks the worker to stop; see `at_rest` for what the arguments are, ``error`` being raised where nobody is at work."""
    status = status_of(folder, folder.read_state())
    if status not in AT_WORK:
        raise error(f"{what} is {status}, not at work; there is nothing to stop.")
    folder.stop_request.touch()


def log_tail(log: Path, lines: int) -> str:
    """The last lines of a log; "" where there is none."""
    try:
        with open(log, "rb") as stream:
            # The end alone: a log of many resumes may be long, and this is read each second.
            stream.seek(max(0, os.path.getsize(log) - 400 * lines))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
