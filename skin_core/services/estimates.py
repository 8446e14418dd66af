"""How large a run will be, before it is started: from counts, and from the pace of earlier runs on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from skin_core.config import RunConfig
from skin_core.services import runs

# Loading TensorFlow, reading the set and building the network, before the first step of a run.
START_SECONDS = 15.0
# And of each further fold, in the same process.
_FOLD_SECONDS = 3.0
# A picture that is only looked at costs a third of one that is learnt from.
_VALIDATING = 1 / 3


@dataclass(frozen=True)
class Estimate:
    """The size of a run.

    Attributes:
        n_train: images in the training split, about; of a cross-validated run those that one fold's network learns from.
        steps: batches an epoch.
        seconds: how long it would take, about, at the pace of ``like``: all epochs of all folds with their validation, and
            what `START_SECONDS` says; None where no run compares.
        like: title of the earlier run whose pace is taken.
        images_per_second: that pace, brought to this image size.
    """

    n_train: int
    steps: int
    seconds: float | None = None
    like: str = ""
    images_per_second: float | None = None


def estimate_run(*, config: RunConfig, n_images: int, n_test: int = 0) -> Estimate:
    """Estimates a run's size and, where an earlier run of the same family compares, its time.

    Work grows with the number of pixels, so a pace at another image size is scaled by the area.

    Args:
        config: the settings.
        n_images: labelled images in the data set.
        n_test: those of them that the set itself prescribes for testing; 0 where the run makes the split.
    """
    total = min(n_images, config.max_images) if config.max_images else n_images
    if n_test:
        share = (1 - n_test / n_images) * (1 - config.validation_fraction)
    else:
        share = 1 - config.validation_fraction - config.test_fraction
    if config.folds:
        share = (1 - n_test / n_images if n_test else 1 - config.test_fraction) * (1 - 1 / config.folds)
        share *= 1 - config.validation_fraction if config.cv_select == "inner" else 1
    n_train = max(1, round(total * share))
    steps = -(-n_train // config.batch_size)
    for earlier in runs.list_runs():
        if (earlier.config.family, earlier.config.freeze_backbone) != (config.family, config.freeze_backbone):
            continue
        pace = _pace(earlier.run_id)
        if pace is None:
            continue
        here = pace * (earlier.config.image_size / config.image_size) ** 2
        if config.freeze_backbone:  # The head sees cached features, whose number does not grow with the picture.
            here = pace
        networks = max(1, config.folds)
        seconds = START_SECONDS + (networks - 1) * _FOLD_SECONDS
        seconds += (n_train + _VALIDATING * n_train * config.validation_fraction) * config.epochs * networks / here
        return Estimate(n_train, steps, seconds, earlier.title, here)
    return Estimate(n_train, steps)


def _pace(run_id: str) -> float | None:
    """Images a second of a run's epochs, but for the first where there are others: it compiles the step on the way."""
    pace = runs.epoch_history(run_id)["images_per_second"].dropna()
    pace = pace.iloc[1:] if len(pace) > 1 else pace
    return None if pace.empty else float(pace.median())
