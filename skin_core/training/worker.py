"""The worker process of one run: ``python -m skin_core.training.worker RUN_ID``, started by `spawn`.

Waits for the device, prepares, trains, reports, and leaves a state that pages understand whatever happens.
"""

from __future__ import annotations

import logging
import sys

import skin_core.quiet  # noqa: F401  (first: what libraries send or print is switched off before they load)
from skin_core.progress import Progress
from skin_core.training import queue
from skin_core.training.folder import RunFolder
from skin_core.training.loop import StopRequested
from skin_core.training.process import StopSignal, work_to_the_end

log = logging.getLogger("skin_core.training")

# MLflow's set-up of its tables says dozens of lines that nobody needs, and JAX tells of each device that is not there.
_SUBDUED = ("alembic", "mlflow", "absl", "jax")


def main(run_id: str) -> int:
    """Works on a run until its end, and says in the run's state which end it was.

    Returns:
        0 where it finished or stopped, 1 where it failed.
    """
    folder = RunFolder.of(run_id)

    def work(stop: StopSignal) -> None:
        with queue.device_turn(run_id, lambda ahead: _wait(folder, stop, ahead)):
            _work(folder, stop)

    return work_to_the_end(folder, work, log, what="Training", subdued=_SUBDUED)


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
