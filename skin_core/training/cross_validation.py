"""One worker's go at a cross-validated run: its members one after another, then what they say of the pictures they held.

Everything that a member makes lies in a folder of its own below the run's, so a killed worker goes on in the fold, and in
the batch, at which it was.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from skin_core.config import RunConfig
from skin_core.progress import Progress
from skin_core.training import backend
from skin_core.training.fold_session import FoldSession, Series
from skin_core.training.folder import EPOCH_COLUMNS, RunFolder, read_rows
from skin_core.training.loop import StopRequested
from skin_core.training.prepare import Prepared, prepare

log = logging.getLogger("skin_core.training")


class CrossValidation:
    """Prepares once, trains each fold's member, and collects the out-of-fold predictions.

    Args:
        folder: of the run.
        config: of the run, with ``folds`` of at least 2.
        stop: asked often; True ends the work at the next batch.
    """

    def __init__(self, folder: RunFolder, config: RunConfig, stop: Callable[[], bool]) -> None:
        self.folder = folder
        self.config = config
        self._stop = stop
        self._trained = False

    def run(self) -> None:
        """Works until every fold is done.

        Raises:
            StopRequested: when asked to stop; what is reached is saved.
            SkinCoreError: one sentence on what went wrong.
        """
        from skin_core.training.tracking import Tracker

        state = self.folder.update_state(status="preparing")
        self._told(Progress("Starting", 0, 0))
        title = self.config.title or self.folder.run_id
        # Each member goes on with it: sums and seeds of two backends are no one experiment.
        chosen = backend.choose(state.backend)
        tags = self.folder.read_tags()
        tracker = Tracker.open(self.folder.run_id, title, self.config, state.tracking_id, tags, backend=chosen)
        threads = state.threads or len(os.sched_getaffinity(0))
        self.folder.update_state(tracking_id=tracker.tracking_id, threads=threads, backend=chosen)
        ended = "FAILED"
        try:
            prepared = prepare(self.folder, self.config, self._told)
            self.folder.update_state(classes=prepared.classes, synthetic=prepared.synthetic, notes=prepared.notes)
            for number in range(1, self.config.folds + 1):
                if not self.folder.member(number).is_finished:
                    self._member(number, prepared, tracker.tracking_id, threads)
            self._collect(prepared)
            ended = "FINISHED"
        except StopRequested:
            ended = "KILLED"
            raise
        finally:
            state = self.folder.read_state()
            tracker.finish(ended, self.folder.artifacts, state.best, state.notes)
        self.folder.update_state(status="finished")
        log.info("Finished")

    def _member(self, number: int, prepared: Prepared, tracking_id: str, threads: int) -> None:
        if self._trained:
            import keras

            # Graphs of the folds before would pile up, and a member must not depend on who came before it.
            keras.backend.clear_session()
        self._trained = True
        series = Series(self.folder, self.config, prepared, tracking_id, threads, self._seconds_of_a_fold())
        session = FoldSession(series, number, self._stop)
        self.folder.update_state(status="running", fold=number, epoch=session.folder.read_state().epoch)
        session.run()

    def _seconds_of_a_fold(self) -> float | None:
        """Mean time that a finished fold took; None before there is one."""
        found = []
        for number in range(1, self.config.folds + 1):
            member = self.folder.member(number)
            if member.is_finished:
                found.append(sum(row["seconds"] for row in read_rows(member.history, EPOCH_COLUMNS)))
        return sum(found) / len(found) if found else None

    def _collect(self, prepared: Prepared) -> None:
        from skin_core.screening.out_of_fold import collect

        self._told(Progress("Putting the out-of-fold predictions together", 0, 0))
        notes = [*prepared.notes]
        for number in range(1, self.config.folds + 1):
            notes += self.folder.member(number).read_state().notes
        best = collect(self.folder, self.config, prepared)
        self.folder.update_state(best=best, notes=tuple(dict.fromkeys(notes)))

    def _told(self, progress: Progress) -> None:
        if self._stop():
            raise StopRequested
        self.folder.write_progress(progress)
