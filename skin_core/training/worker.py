"""The worker process of one run: ``python -m skin_core.training.worker RUN_ID``, started by `spawn`.

Waits for the device, prepares, trains, reports, and leaves a state that pages understand whatever happens.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import skin_core.quiet  # noqa: F401  (first: what libraries send or print is switched off before they load)
from skin_core.errors import SkinCoreError
from skin_core.progress import Progress
from skin_core.training import queue
from skin_core.training.folder import RunFolder
from skin_core.training.liveness import WorkedFolder, beating, record_worker
from skin_core.training.loop import StopRequested

log = logging.getLogger("skin_core.training")

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


def main(run_id: str) -> int:
    """Works on a run until its end, and says in the run's state which end it was.

    Returns:
        0 where it finished or stopped, 1 where it failed.
    """
    folder = RunFolder.of(run_id)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)
    # MLflow's set-up of its tables says dozens of lines that nobody needs, and JAX tells of each device that is not there.
    for noisy in ("alembic", "mlflow", "absl", "jax"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    record_worker(folder, os.getpid())
    stop = StopSignal(folder)
    with beating(folder), room_for_the_last_word(folder) as give_room:
        try:
            with queue.device_turn(run_id, lambda ahead: _wait(folder, stop, ahead)):
                _work(folder, stop)
            return 0
        except StopRequested:
            log.info("Stopped on request")
            give_room()
            folder.update_state(status="stopped")
            return 0
        except Exception as error:  # The process' outermost boundary: the log has the traceback.
            give_room()
            log.exception("The run failed")
            folder.update_state(status="failed", error=sentence_of(error))
            return 1


def sentence_of(error: BaseException) -> str:
    """What a person is told of an error."""
    if isinstance(error, SkinCoreError):
        return str(error)
    if isinstance(error, MemoryError) or any(word in f"{type(error).__name__}: {error}" for word in _OUT_OF_MEMORY):
        return "Training ran out of memory; lower batch_size or image_size, and start again."
    # SQLite (the tracking store) tells a full disk in words only, through whatever wraps it.
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "database or disk is full" in str(error):
        return "No space is left in the workspace; free some, then resume the run."
    first_line = (str(error).strip().splitlines() or [""])[0][:300]
    return f"Training stopped because of an unexpected error ({type(error).__name__}: {first_line}); the log has the details."


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


def _wait(folder: RunFolder, stop: StopSignal, ahead: int) -> None:
    if stop():
        raise StopRequested
    folder.write_progress(Progress(f"Waiting for {ahead} earlier run{'s' if ahead > 1 else ''}", 0, 0))


def _work(folder: RunFolder, stop: StopSignal) -> None:
    # A stop in the queue must not load what takes seconds to load.
    from skin_core.training.cross_validation import CrossValidation
    from skin_core.training.session import Session

    config = folder.read_config()
    work = CrossValidation if config.folds else Session
    work(folder, config, stop).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
