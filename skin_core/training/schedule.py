"""The learning rate over time, the best epoch, and when to stop early: plain arithmetic with a state to save."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from skin_core.config import RunConfig


@dataclass
class Watch:
    """What is remembered from epoch to epoch; all of it is in each checkpoint.

    Attributes:
        best: the monitored figure of the best epoch; NaN before the first, or if it was undefined.
        best_epoch: its number, from 1; 0 before the first.
        since_best: epochs since then.
        plateau_wait: epochs since the last gain or the last fall of the rate.
        rate: the learning rate that the plateau schedule has come to.
    """

    best: float
    best_epoch: int
    since_best: int
    plateau_wait: int
    rate: float


class Schedule:
    """Decides rates and ends.

    Args:
        config: the run's configuration.
        steps_per_epoch: batches an epoch, for the cosine.
    """

    def __init__(self, config: RunConfig, steps_per_epoch: int) -> None:
        self.config = config
        self.total_steps = max(1, config.epochs * steps_per_epoch)
        self.warmup_steps = min(config.warmup_epochs * steps_per_epoch, self.total_steps - 1)
        self.watch = Watch(math.nan, 0, 0, 0, config.learning_rate)

    def rate(self, step: int) -> float:
        """The learning rate for a step, counted from 0 over the whole run.

        Cosine: rises linearly over the warm-up, then falls along half a cosine to the least rate at the last step.
        """
        config = self.config
        if config.schedule == "plateau":
            return self.watch.rate
        if config.schedule == "constant":
            return config.learning_rate
        if step < self.warmup_steps:
            return config.learning_rate * (step + 1) / (self.warmup_steps + 1)
        share = (step - self.warmup_steps) / max(1, self.total_steps - 1 - self.warmup_steps)
        least = min(config.min_learning_rate, config.learning_rate)
        return least + (config.learning_rate - least) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))

    def after_epoch(self, epoch: int, monitored: float) -> bool:
        """Takes the monitored figure of an epoch.

        The first epoch is the best so far even if its figure is undefined, so that a run always has a model; an
        undefined figure never replaces a defined one. Where the last epoch is to be kept, each is the best so far.

        Args:
            epoch: its number, from 1.
            monitored: the figure that ``config.monitor`` names.

        Returns:
            Whether this epoch is the best so far.
        """
        watch = self.watch
        better = monitored < watch.best if self.config.monitor == "val_loss" else monitored > watch.best
        gained = watch.best_epoch == 0 or better or (math.isnan(watch.best) and not math.isnan(monitored))
        gained = gained or self.config.takes_last_epoch
        if gained:
            watch.best, watch.best_epoch = monitored, epoch
            watch.since_best = watch.plateau_wait = 0
            return True
        watch.since_best += 1
        watch.plateau_wait += 1
        if watch.plateau_wait >= self.config.plateau_patience:
            watch.plateau_wait = 0
            watch.rate = max(watch.rate * self.config.plateau_factor, min(self.config.min_learning_rate, watch.rate))
        return False

    @property
    def should_stop(self) -> bool:
        """Whether early stopping has come to its end."""
        return 0 < self.config.early_stopping <= self.watch.since_best

    def state(self) -> dict[str, float]:
        """What `restore` needs to go on."""
        return asdict(self.watch)

    def restore(self, state: dict[str, float]) -> None:
        """Goes on from a saved state."""
        self.watch = Watch(**state)
