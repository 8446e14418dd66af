"""The frame around the work of a process of its own, that of a run or of a search: its log, its heartbeat, being asked to
stop, and a last word that pages understand whatever happens.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from skin_core.errors import SkinCoreError
from skin_core.training.liveness import WorkedFolder, beating, record_worker
from skin_core.training.loop import StopRequested

_LAST_WORD_BYTES = 128 * 1024

# How TensorFlow, JAX and PyTorch (on a GPU, on a processor) tell it, none of which is imported here.
_OUT_OF_MEMORY = ("ResourceExhaustedError", "RESOURCE_EXHAUSTED", "OutOfMemoryError", "DefaultCPUAllocator")


class StopSignal:
    """Whether the work was asked to stop: by its stop file, or by the machine shutting down (SIGTERM).

    Args:
        folder: of the run, or of the search.
    """

    def __init__(self, folder: WorkedFolder) -> None:
        self._file = folder.stop_request
        self._terminated = threading.Event()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: self._terminated.set())

    def __call__(self) -> bool:
        """True once asked."""
        return self._terminated.is_set() or self._file.exists()


def work_to_the_end(
    folder: WorkedFolder,
    work: Callable[[StopSignal], None],
    log: logging.Logger,
    *,
    what: str,
    subdued: Sequence[str] = (),
) -> int:
    """Does the work in this process, and says in the folder's state where it was stopped or failed.

    Args:
        folder: that is worked on.
        work: given whether to stop; raises `StopRequested` where it did, and writes a good end into the state by itself.
        log: told how it ended.
        what: is done, as a sentence begins: "Training", "The search".
        subdued: names of loggers of which warnings alone are logged.

    Returns:
        The process' exit status: 0 where it came to its end or was stopped, 1 where it failed.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)
    for name in subdued:
        logging.getLogger(name).setLevel(logging.WARNING)
    record_worker(folder, os.getpid())
    stop = StopSignal(folder)
    with beating(folder), room_for_the_last_word(folder) as give_room:
        try:
            work(stop)
            return 0
        except StopRequested:
            log.info("Stopped on request")
            give_room()
            folder.update_state(status="stopped")
            return 0
        except Exception as error:  # The process' outermost boundary: the log has the traceback.
            give_room()
            log.exception("%s failed", what)
            folder.update_state(status="failed", error=sentence_of(error, what))
            return 1


def sentence_of(error: BaseException, what: str = "Training") -> str:
    """What a person is told of an error.

    Args:
        error: that ended the work. what: was done, as a sentence begins.
    """
    if isinstance(error, SkinCoreError):
        return str(error)
    if isinstance(error, MemoryError) or any(word in f"{type(error).__name__}: {error}" for word in _OUT_OF_MEMORY):
        return f"{what} ran out of memory; lower batch_size or image_size, and start again."
    # SQLite (the tracking store) tells a full disk in words only, through whatever wraps it.
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "database or disk is full" in str(error):
        return "No space is left in the workspace; free some, then resume the run."
    first_line = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{what} stopped because of an unexpected error ({type(error).__name__}: {first_line}); the log has the details."


@contextmanager
def room_for_the_last_word(folder: WorkedFolder) -> Iterator[Callable[[], None]]:
    """Keeps a little space that is given back before the end is told: on a full disk the run would look killed."""
    reserve = folder.path / "reserve"
    with suppress(OSError):
        reserve.write_bytes(os.urandom(_LAST_WORD_BYTES))  # Zeros might take no room on some disks.
    try:
        yield lambda: reserve.unlink(missing_ok=True)
    finally:
        reserve.unlink(missing_ok=True)
