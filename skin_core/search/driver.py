"""The search itself: asks for settings, lets a run be made of them, watches its validation curve, and tells how it went."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress

import optuna

from skin_core.errors import ConfigError, RunError, SearchError
from skin_core.progress import Progress
from skin_core.search.folder import SearchFolder, Trial
from skin_core.search.space import with_settings
from skin_core.search.study import Study, known
from skin_core.training import store
from skin_core.training.folder import EPOCH_COLUMNS, RunFolder, read_rows
from skin_core.training.loop import StopRequested
from skin_core.training.store import RunView

POLL_SECONDS = 0.3
# A setting may fail by itself (a rate at which the loss explodes); so many in a row mean that something else is wrong.
FAILURES_IN_A_ROW = 3

log = logging.getLogger("skin_core.search")


class Search:
    """Works on a search until it has its trials.

    Args:
        folder: of the search.
        stop: asked often; True stops the trial's run as well, and both can be taken up again.
    """

    def __init__(self, folder: SearchFolder, stop: Callable[[], bool]) -> None:
        self.folder = folder
        self.config = folder.read_config()
        self.stop = stop
        state = folder.read_state()
        self.study = Study(folder.name, state.created, self.config)
        self._wanted = state.trials
        self._took: list[float] = []

    def run(self) -> None:
        """Works until the last trial.

        Raises:
            StopRequested: when asked to; the trial under way stays open and is taken up by the next `run`.
            SearchError: if one trial after the other fails.
        """
        failures = 0
        self.mirror()
        while True:
            if self.stop():
                raise StopRequested
            trial = self.study.unfinished()
            if trial is None:
                if len(self.study.trials()) >= self._wanted:
                    return
                trial = self.study.ask()
            self.mirror()
            _Conduct(self, trial).run()
            last = self.mirror()[trial.number]
            self.folder.write_importance(self.study.importance())
            log.info(
                "Trial %d: %s, %s%s", last.number, last.state, _number(last.value), f" ({last.why})" * bool(last.why)
            )
            failures = failures + 1 if last.state == "failed" else 0
            if failures == FAILURES_IN_A_ROW:
                raise SearchError(f"{failures} trials in a row failed, so the search ends; the last one: {last.why}")

    def mirror(self) -> list[Trial]:
        """Writes the trials to where pages read them, and returns them."""
        trials = self.study.trials()
        self.folder.write_trials(trials)
        self._took = [trial.seconds for trial in trials if trial.state != "running"]
        return trials

    def told(self, elapsed: float, run_left: float | None) -> None:
        """Says how far the search is.

        Args:
            elapsed: seconds spent on the trial under way.
            run_left: seconds that its run expects to need still, or None.
        """
        left = seconds_left(self._took, elapsed, run_left, self._wanted)
        self.folder.write_progress(Progress("Trials", len(self._took), self._wanted, left))


class _Conduct:
    """One trial from its settings to its end."""

    def __init__(self, search: Search, trial: optuna.Trial) -> None:
        self._search = search
        self._study = search.study
        self._trial = trial
        self._begun = time.monotonic()
        self._before = trial.user_attrs.get("seconds", 0.0)
        self._seen = dict(known(trial))

    def run(self) -> None:
        if not self._study.is_whole(self._trial):
            self._study.fail(self._trial, "The search was killed while it chose the settings.")
            return
        try:
            run_id = self._run_id()
            self._search.mirror()
            # A trial that was to be given up when the search was killed is not trained further.
            giving_up = bool(self._seen) and self._trial.should_prune()
            self._follow(run_id, giving_up)
        except (ConfigError, RunError) as error:  # Settings that do not go together, or a run that was deleted.
            self._study.fail(self._trial, str(error))

    def _run_id(self) -> str:
        """The trial's run: made already, or made now."""
        known_id = self._trial.user_attrs.get("run")
        if known_id is not None:
            return known_id
        name, number = self._search.folder.name, str(self._trial.number + 1)
        tags = {"search": name, "trial": number}
        # A search that was killed between making the run and noting it would else make a second one.
        for view in store.views():
            if tags.items() <= view.tags.items():
                run_id = view.run_id
                break
        else:
            config = with_settings(self._search.config.run, self._trial.params)
            recipe = {"recipe": self._search.config.recipe} if self._search.config.recipe else {}
            run_id = store.create(config.model_copy(update={"title": f"{name}, trial {number}"}), {**tags, **recipe})
        self._trial.set_user_attr("run", run_id)
        return run_id

    def _follow(self, run_id: str, giving_up: bool) -> None:
        """Watches the run to its end, and ends it where it falls behind or the search is asked to stop."""
        stopping, started, revived = False, False, False
        if not RunFolder.of(run_id).worker.exists():
            store.start(run_id)
            started = True
        while True:
            # The state first: rows written after it are seen at the next look, and an end is never seen before them.
            view = store.view(run_id)
            giving_up = giving_up or self._report(run_id)
            self._search.told(self._elapsed(), _time_left(view))
            if view.status == "finished":
                self._finished(view)
                return
            if view.at_work:
                started = True
                stopping = stopping or self._search.stop()
                if (giving_up or stopping) and view.status != "stopping":
                    with suppress(RunError):  # It ended by itself a moment ago; the next look sees how.
                        store.stop(run_id)
            elif giving_up:
                self._clock()
                self._study.give_up(self._trial, f"Behind after epoch {max(self._seen)}.")
                return
            elif stopping:
                self._clock()
                raise StopRequested
            elif view.status == "failed":
                self._clock()
                self._study.fail(self._trial, view.error or "Its run failed without a word.")
                return
            elif not started:
                store.start(run_id)
                started = True
            elif view.status == "stopped":
                self._clock()
                self._study.give_up(self._trial, f"Its run was stopped by hand after epoch {view.epoch}.")
                return
            elif revived:
                self._clock()
                self._study.fail(self._trial, "The worker of its run was killed twice.")
                return
            else:
                log.warning("The worker of run %s was killed; it goes on from its last checkpoint", run_id)
                revived = True
                store.start(run_id)
            time.sleep(POLL_SECONDS)

    def _report(self, run_id: str) -> bool:
        """Passes on the epochs that are new; True once the trial lies behind the others."""
        behind, reported = False, len(self._seen)
        for row in read_rows(RunFolder.of(run_id).history, EPOCH_COLUMNS):
            epoch, value = int(row["epoch"]), row[self._search.config.run.monitor]
            # Each epoch is judged at its own place, however many have come since the last look.
            if epoch not in self._seen and not math.isnan(value) and not behind:
                self._seen[epoch] = value
                self._trial.report(value, epoch)
                behind = self._trial.should_prune()
        if len(self._seen) > reported:
            # Now, not only at the end: a search that is killed would else forget the time that the trial took.
            self._clock()
            self._search.mirror()
        return behind

    def _finished(self, view: RunView) -> None:
        self._clock()
        monitor = self._search.config.run.monitor
        value = view.best.get(monitor)
        if value is None:
            self._study.fail(self._trial, f"{monitor} is undefined on this validation split.")
        else:
            self._study.finish(self._trial, value)

    def _elapsed(self) -> float:
        return self._before + time.monotonic() - self._begun

    def _clock(self) -> None:
        self._trial.set_user_attr("seconds", self._elapsed())


def seconds_left(ended: list[float], elapsed: float, run_left: float | None, wanted: int) -> float | None:
    """An estimate for the rest of a search.

    Args:
        ended: seconds that each ended trial took, those given up early included.
        elapsed: seconds spent on the trial under way.
        run_left: seconds that its run expects to need still, or None where it cannot tell yet.
        wanted: trials in all.

    Returns:
        Seconds, or None before there is anything to tell it from.
    """
    if not ended and run_left is None:
        return None
    usual = sum(ended) / len(ended) if ended else elapsed + (run_left or 0.0)
    here = run_left if run_left is not None else max(0.0, usual - elapsed)
    return here + usual * max(0, wanted - len(ended) - 1)


def _time_left(view: RunView) -> float | None:
    # Before the training itself a run tells the time of a part of its preparation.
    if view.progress is None or view.progress.what != "Training":
        return None
    return view.progress.seconds_left


def _number(value: float | None) -> str:
    return "no figure" if value is None else f"{value:.4f}"
