"""The training loop: explicit, so that every position in it can be saved and gone on from exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.models.outputs import class_probabilities
from skin_core.progress import Progress, ProgressCallback
from skin_core.training import checkpoint as checkpoints
from skin_core.training.feed import Feed
from skin_core.training.pace import Pace
from skin_core.training.schedule import Schedule
from skin_core.training.scores import cross_entropy_loss, epoch_scores
from skin_core.training.step import Step

BATCH_LOG_SECONDS = 1.0


class StopRequested(Exception):
    """Someone asked the run to stop; the checkpoint is written."""


@dataclass
class Position:
    """Where the loop is.

    Attributes:
        epoch: epoch under way, from 0; epochs done.
        batch: batches of it done.
        step: batches done since the start of the run.
        loss_sum: sum over this epoch's images of their batch's loss; ``images``: their number.
        seconds: time spent in this epoch.
        history: one row an epoch done.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    images: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Listeners:
    """Who is told what.

    Attributes:
        progress: the step under way; called about five times a second.
        batch: rows of (step, epoch, loss), about one a second.
        epoch: after each epoch: the history so far, and the number of the best epoch.
        best: at a new best epoch: its row, and the probabilities of validation, float64 (M, C).
        stop: asked before each batch.
        checkpoint: after each checkpoint was written.
    """

    progress: ProgressCallback
    batch: Callable[[Mapping[str, float]], None]
    epoch: Callable[[Sequence[Mapping[str, float]], int], None]
    best: Callable[[Mapping[str, float], np.ndarray], None]
    stop: Callable[[], bool]
    checkpoint: Callable[[Position], None]


class Loop:
    """Trains a network to the end of its configuration.

    Args:
        config: epochs, schedule, monitor, seconds between checkpoints.
        step: the compiled step over the network.
        feed: the batches.
        risk_levels: the risk level of each class in output order; None where not known.
        shares: float (C,), of the classes in training, where it balances them; see `epoch_scores`.
        folder: of the checkpoints.
        listeners: who is told.
    """

    def __init__(
        self,
        config: RunConfig,
        step: Step,
        feed: Feed,
        *,
        risk_levels: Sequence[str | None],
        shares: np.ndarray | None,
        folder: Path,
        listeners: Listeners,
    ) -> None:
        self.config = config
        self.feed = feed
        self.position = Position()
        self._step = step
        self._risk_levels = risk_levels
        self._shares = shares
        self._folder = folder
        self._tell = listeners
        self._schedule = Schedule(config, feed.n_batches(0))
        self._outputs: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []
        self._pace = Pace()

    @property
    def best_epoch(self) -> int:
        """Number of the best epoch so far, from 1; 0 before the first."""
        return self._schedule.watch.best_epoch

    def restore(self) -> bool:
        """Goes to the newest checkpoint's position; False where there is none.

        Raises:
            RunError: if the checkpoint is damaged or of another network.
        """
        found = checkpoints.load(self._folder)
        if found is None:
            return False
        arrays = dict(found.arrays)
        outputs, truths = arrays.pop("outputs"), arrays.pop("truths")
        self._outputs, self._truths = ([outputs], [truths]) if len(truths) else ([], [])
        try:
            self._step.restore(arrays)
            self.position = Position(**found.position["loop"])
            self._schedule.restore(found.position["schedule"])
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"The checkpoint in {self._folder} does not fit the run ({error}); start a new run."
            ) from error
        return True

    def run(self) -> None:
        """Trains until the last epoch or early stopping.

        Raises:
            StopRequested: when asked; the position is saved.
            RunError: if the loss is no number any more.
        """
        while self.position.epoch < self.config.epochs and not self._schedule.should_stop:
            self._epoch()

    def _epoch(self) -> None:
        here = self.position
        n_batches = self.feed.n_batches(here.epoch)
        resumed_at, resumed_seconds = time.monotonic(), here.seconds
        saved = logged = told = time.monotonic()
        if here.batch < n_batches:
            for inputs, targets, weights in self.feed.training(here.epoch, here.batch):
                if self._tell.stop():
                    self._save()
                    raise StopRequested
                loss = self._train(inputs, targets, weights)
                now = time.monotonic()
                here.seconds = resumed_seconds + now - resumed_at
                self._pace.stepped(now)
                if now - logged >= BATCH_LOG_SECONDS or here.step == 1:
                    logged = now
                    self._tell.batch({"step": here.step, "epoch": here.epoch + 1, "loss": loss})
                if now - told >= 0.2:
                    told = now
                    self._progress(n_batches)
                if now - saved >= self.config.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
        self._finish_epoch(resumed_at, resumed_seconds, n_batches)

    def _train(self, inputs, targets, weights) -> float:
        here = self.position
        self._step.set_rate(self._schedule.rate(here.step))
        loss, outputs = self._step.train(inputs, targets, weights)
        if not math.isfinite(loss):
            raise RunError(
                f"The loss is no number any more (epoch {here.epoch + 1}, batch {here.batch + 1}); lower the learning "
                f"rate ({self.config.learning_rate:g}) and start again."
            )
        size = len(outputs)
        here.batch += 1
        here.step += 1
        here.loss_sum += loss * size
        here.images += size
        self._outputs.append(outputs)
        self._truths.append(class_numbers(np.asarray(targets)))
        return loss

    def _finish_epoch(self, resumed_at: float, resumed_seconds: float, n_batches: int) -> None:
        here = self.position
        n_classes = len(self._risk_levels)
        row: dict[str, float] = {"epoch": here.epoch + 1, "loss": here.loss_sum / max(1, here.images)}
        train_seconds = here.seconds
        row |= epoch_scores(
            np.concatenate(self._truths),
            class_probabilities(np.concatenate(self._outputs), n_classes),
            self._risk_levels,
            self._shares,
        )
        rate = self._schedule.rate(max(0, here.step - 1))
        row["learning_rate"] = rate
        row["images_per_second"] = here.images / train_seconds if train_seconds > 0 else math.nan
        try:
            # What validates is what is kept: the averaged weights, where there are any.
            with self._step.averaged():
                probabilities = self._validate(n_batches)
                row["val_loss"] = cross_entropy_loss(self.feed.labels, probabilities)
                scores = epoch_scores(self.feed.labels, probabilities, self._risk_levels, self._shares)
                row |= {f"val_{name}": value for name, value in scores.items()}
                row["seconds"] = resumed_seconds + time.monotonic() - resumed_at
                if self._schedule.after_epoch(here.epoch + 1, row[self.config.monitor]):
                    self._tell.best(row, probabilities)
        except StopRequested:
            # No position in here is worth saving: a stop goes back to the end of the epoch's last batch.
            self._save()
            raise
        self.position = Position(epoch=here.epoch + 1, step=here.step, history=[*here.history, row])
        self._outputs, self._truths = [], []
        self._save()
        self._tell.epoch(self.position.history, self.best_epoch)

    def predict(self, batches: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """What the network as it is now says, float64 (M, C), rows sum to 1.

        Args:
            batches: inputs by name, as `Feed.validation` gives them.

        Raises:
            StopRequested: when asked; nothing is saved.
        """
        outputs = []
        for inputs in batches:
            if self._tell.stop():
                raise StopRequested
            outputs.append(self._step.predict(inputs))
        return class_probabilities(np.concatenate(outputs), len(self._risk_levels))

    def _validate(self, n_batches: int) -> np.ndarray:
        outputs = []
        begun = told = time.monotonic()
        if self.config.recalibration_images:
            self._step.recalibrate(self.feed.recalibration())
        for inputs in self.feed.validation():
            if self._tell.stop():
                raise StopRequested
            outputs.append(self._step.predict(inputs))
            if time.monotonic() - told >= 0.2:
                told = time.monotonic()
                self._progress(n_batches)
        self._pace.validated(time.monotonic() - begun)
        return class_probabilities(np.concatenate(outputs), len(self._risk_levels))

    def _progress(self, n_batches: int) -> None:
        done, total = self.position.step, self.config.epochs * n_batches
        left = self._pace.seconds_left(total - done, self.config.epochs - self.position.epoch)
        self._tell.progress(Progress("Training", done, total, left))

    def _save(self) -> None:
        here = self.position
        position: dict[str, Any] = {"loop": vars(here), "schedule": self._schedule.state()}
        arrays = self._step.variables()
        arrays["outputs"] = np.concatenate(self._outputs) if self._outputs else np.zeros((0, 1), np.float32)
        arrays["truths"] = np.concatenate(self._truths) if self._truths else np.zeros(0, np.int32)
        # Two checkpoints of one step: before and after the epoch's validation.
        checkpoints.save(self._folder, checkpoints.Checkpoint(position, arrays), 2 * here.step + (here.batch == 0))
        self._tell.checkpoint(here)


def class_numbers(targets: np.ndarray) -> np.ndarray:
    """The class of each target, whatever its form; a blend of two counts as the larger part.

    Args:
        targets: int (N,), float (N, 1) of a sigmoid head, or float (N, C).

    Returns:
        int32 (N,).
    """
    if targets.ndim == 1:
        return targets.astype(np.int32)
    if targets.shape[1] == 1:
        return (targets[:, 0] >= 0.5).astype(np.int32)
    return targets.argmax(axis=1).astype(np.int32)
