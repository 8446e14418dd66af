"""Cross-validated runs: started, followed fold by fold, told, and compared with each other on the same folds.

A script for an ablation needs three calls: `cross_validate` with each of two configurations, then
`compare_cross_validated` with the two runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from skin_core.config import RunConfig
from skin_core.errors import ConfigError, RunError
from skin_core.evaluation.bootstrap import RESAMPLES
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.services import runs
from skin_core.services.comparison import compare_runs
from skin_core.services.differences import Differences, differences_of
from skin_core.services.figure_rows import FIGURES, Interval
from skin_core.services.judged import Judged, judged, recorded_cross_validation
from skin_core.training import store
from skin_core.training.fold_data import is_done, read_folds
from skin_core.training.folder import RunFolder

DEFAULT_FOLDS = 5
OUT_OF_FOLD = "out_of_fold"


@dataclass(frozen=True)
class Member:
    """One fold of a run at one moment.

    Attributes:
        fold: its number, from 1.
        state: "waiting", "training" or "done".
        epoch: epochs done, of ``epochs``.
        best_epoch: number of the epoch whose weights are kept so far, or None.
    """

    fold: int
    state: str
    epoch: int
    epochs: int
    best_epoch: int | None


@dataclass(frozen=True)
class FoldRow:
    """One fold when all are done.

    Attributes:
        fold: its number, from 1.
        n: images that it held; n_groups: their lesions or patients; n_train: images that its network learnt from.
        epoch: whose weights predicted them; epochs: how many it trained; seconds: how long, validation included.
        figures: name → value on the held images; NaN where undefined.
    """

    fold: int
    n: int
    n_groups: int
    n_train: int
    epoch: int
    epochs: int
    seconds: float
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Spread:
    """One figure over the folds.

    Attributes:
        name, part, title: as in `judged.Row`.
        values: one a fold, in their order; NaN where undefined.
        n: folds in which it is defined.
        mean, sd: over those; sd is the sample's (n - 1), NaN below two folds.
        low, high: least and greatest value.
        pooled: over all out-of-fold images, with its interval; not the mean of the folds.
    """

    name: str
    part: str
    title: str
    values: tuple[float, ...]
    n: int
    mean: float
    sd: float
    low: float
    high: float
    pooled: Interval


@dataclass(frozen=True)
class CrossValidated:
    """A run whose folds are all done.

    Attributes:
        run_id: of the run.
        folds: how many; select: whose figures chose the epoch (`RunConfig.cv_select`).
        pooled: figures over all out-of-fold images, with intervals, notes and classes.
        spread: each of those figures over the folds, in reading order.
        members: the folds.
    """

    run_id: str
    folds: int
    select: str
    pooled: Judged
    spread: tuple[Spread, ...]
    members: tuple[FoldRow, ...]

    def over_folds(self, name: str) -> Spread | None:
        """The figure of that name over the folds, if there is one."""
        return next((entry for entry in self.spread if entry.name == name), None)


def create_cross_validation(*, config: RunConfig) -> str:
    """Checks a configuration and makes a cross-validated run of it, without starting it.

    Args:
        config: the settings, with ``folds`` of at least 2.

    Returns:
        The run's id.

    Raises:
        ConfigError: if there are no folds, or family and settings do not go together.
        DataSourceError, RunError: see `runs.create_run`.
    """
    if not config.folds:
        raise ConfigError(f"folds must be at least 2 to cross-validate; got 0 (usual is {DEFAULT_FOLDS}).")
    return runs.create_run(config)


def start_cross_validation(*, config: RunConfig) -> str:
    """Makes a cross-validated run, queues it and starts its worker process, which outlives the caller.

    Args, Returns, Raises: as `create_cross_validation`.
    """
    run_id = create_cross_validation(config=config)
    store.start(run_id)
    return run_id


def cross_validate(*, config: RunConfig, progress: ProgressCallback = ignore_progress) -> CrossValidated:
    """Cross-validates in the foreground and tells the result.

    Args:
        config: the settings, with ``folds`` of at least 2.
        progress: told what is done.

    Raises:
        ConfigError, DataSourceError: see `create_cross_validation`.
        RunError: if the run failed, was stopped, or its worker was killed.
    """
    return finish_cross_validation(run_id=create_cross_validation(config=config), progress=progress)


def finish_cross_validation(*, run_id: str, progress: ProgressCallback = ignore_progress) -> CrossValidated:
    """Starts a run that was made, or goes on with one that ended early, waits for its end and tells the result.

    Of a run that has finished, the result is told at once.

    Raises:
        RunError: if there is no such run, it is not cross-validated, is at work, failed, was stopped or was killed.
    """
    run = runs.get_run(run_id)
    if not run.config.folds:
        raise RunError(
            f"Run {run_id} is not cross-validated; resume it with: python -m skin_core train --resume {run_id}"
        )
    if run.status != "finished":
        run = runs.run_in_foreground(run_id, progress)
    if run.status == "failed":
        raise RunError(f"Run {run_id} failed: {run.error}")
    if run.status != "finished":
        raise RunError(f"Run {run_id} was stopped in fold {run.fold or 1} of {run.config.folds}; resume it to go on.")
    return cross_validated(run_id=run_id)


def cross_validated(*, run_id: str) -> CrossValidated:
    """A finished cross-validated run.

    Raises:
        RunError: if there is no such run, it is not cross-validated, or its folds are not all done.
    """
    record = recorded_cross_validation(RunFolder.of(run_id))
    members = tuple(
        FoldRow(
            **{name: entry[name] for name in ("fold", "n", "n_groups", "n_train", "epoch", "epochs", "seconds")},
            figures={name: math.nan if value is None else value for name, value in entry["metrics"].items()},
        )
        for entry in record["members"]
    )
    return CrossValidated(
        run_id=run_id,
        folds=record["folds"],
        select=record["select"],
        pooled=judged(run_id, OUT_OF_FOLD),
        spread=tuple(
            spread_of(name, [member.figures.get(name, math.nan) for member in members], Interval.of(entry))
            for name in FIGURES
            if (entry := record["metrics"].get(name)) is not None
        ),
        members=members,
    )


def spread_of(name: str, values: list[float], pooled: Interval) -> Spread:
    """A figure's mean, standard deviation and range over the folds in which it is defined."""
    part, title = FIGURES[name]
    defined = np.array([value for value in values if not math.isnan(value)])
    n = len(defined)
    return Spread(
        name=name,
        part=part,
        title=title,
        values=tuple(values),
        n=n,
        mean=float(defined.mean()) if n else math.nan,
        sd=float(defined.std(ddof=1)) if n > 1 else math.nan,
        low=float(defined.min()) if n else math.nan,
        high=float(defined.max()) if n else math.nan,
        pooled=pooled,
    )


def members_of(*, run_id: str) -> tuple[Member, ...]:
    """The folds of a cross-validated run as they are now; empty for any other run.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    config = folder.read_config()
    found = []
    for number in range(1, config.folds + 1):
        member = folder.member(number)
        if not member.state.is_file():
            found.append(Member(number, "waiting", 0, config.epochs, None))
            continue
        state = member.read_state()
        word = "done" if is_done(member) else "training"
        found.append(Member(number, word, state.epoch, state.epochs, state.best_epoch))
    return tuple(found)


def compare_cross_validated(
    *,
    first: str,
    second: str,
    progress: ProgressCallback = ignore_progress,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Differences:
    """Compares two cross-validated runs picture by picture on their out-of-fold predictions.

    Args:
        first, second: run ids; differences are the first's figure less the second's.
        progress: told what is done.
        resamples, seed: of the paired bootstrap over lesions or patients.

    Raises:
        RunError: if there is no such run, one has no out-of-fold predictions, or their folds differ.
    """
    dealt = []
    for run_id in (first, second):
        recorded_cross_validation(RunFolder.of(run_id))
        folds = read_folds(RunFolder.of(run_id))
        dealt.append(dict(zip(folds["image_id"], folds["fold"], strict=True)))
    if dealt[0] != dealt[1]:
        raise RunError(
            f"Runs {first} and {second} have different folds, so that a difference may be the folds'; cross-validate one of "
            "them anew with the other's data, folds, seed, fractions and cleaning."
        )
    progress(Progress("Comparing the out-of-fold predictions", 0, 0))
    found = compare_runs(first, second, split=OUT_OF_FOLD, resamples=resamples, seed=seed)
    found["notes"].append(
        "The same pictures in the same folds. The p-value is of other pictures with these networks: how much another seed "
        "would change is not in it."
    )
    return differences_of(found)
