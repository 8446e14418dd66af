"""Locks between processes, where waiting in vain ends in one sentence. The kernel frees them when their holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skin_core.errors import SkinCoreError

# What is done under such a lock takes a moment, on a slow disk some seconds.
PATIENCE_SECONDS = 30.0


@contextmanager
def held(path: Path, busy: str, error: type[SkinCoreError]) -> Iterator[None]:
    """Holds a lock while the block runs.

    Args:
        path: of the lock's file, in a folder that is there.
        busy: says what another process does that holds it, as a sentence begins ("Run 7 is being evaluated").
        error: raised where that process has not let go of it after `PATIENCE_SECONDS`.
    """
    # Slow to load, and pages that lock nothing must not wait for it.
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout as timeout:
        raise error(
            f"{busy} by another process, which was not done after {PATIENCE_SECONDS:g} seconds; let it end, then try again."
        ) from timeout
    try:
        yield
    finally:
        lock.release()
