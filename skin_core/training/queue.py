"""One run at a time on a device, the others waiting in the order of their start.

A ticket is an empty file whose name sorts by time; the device itself is a lock that the kernel frees when its holder
dies, so a killed worker never blocks the queue.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from skin_core.errors import RunError
from skin_core.paths import runs_dir, workspace
from skin_core.training.folder import RunFolder
from skin_core.training.liveness import is_alive

POLL_SECONDS = 0.3


def device() -> str:
    """Name of the device that a run of this process would use: the visible GPUs, or the processor."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return "device-" + (re.sub(r"[^A-Za-z0-9-]+", "_", visible) or "default")


def take_ticket(run_id: str) -> None:
    """Puts a run at the end of the queue (anew, if it stood in it)."""
    leave(run_id)
    (_queue() / f"{time.time_ns():020d}.{run_id}").touch()


def leave(run_id: str) -> None:
    """Takes a run out of the queue."""
    for ticket in _queue().glob(f"*.{run_id}"):
        ticket.unlink(missing_ok=True)


def runs_ahead(run_id: str) -> int:
    """How many runs with a living worker wait before this one."""
    ahead = 0
    for ticket in sorted(_queue().iterdir()):
        waiting = ticket.name.partition(".")[2]
        if waiting == run_id:
            break
        ahead += _waits(waiting)
    return ahead


@contextmanager
def device_turn(run_id: str, on_wait: Callable[[int], None]) -> Iterator[None]:
    """Waits for the run's turn and holds the device while the block runs.

    Args:
        run_id: a run with a ticket.
        on_wait: called at each look with the number of runs ahead (the one at work included); may raise to give up.
    """
    lock = FileLock(workspace() / f"{device()}.lock")
    try:
        while True:
            ahead = runs_ahead(run_id)
            if not ahead:
                try:
                    lock.acquire(timeout=0)
                    break
                except Timeout:
                    pass
            on_wait(ahead + 1)
            time.sleep(POLL_SECONDS)
    finally:
        leave(run_id)
    try:
        yield
    finally:
        lock.release()


def _waits(run_id: str) -> bool:
    if not (runs_dir() / run_id).is_dir():
        return False
    try:
        return is_alive(RunFolder.of(run_id))
    except RunError:
        return False


def _queue() -> Path:
    folder = workspace() / "queue" / device()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
