"""Optuna's part: what to try next, whether to give a trial up, and where all of it is kept.

The study lives in a SQLite file of its own beside the tracking store's. In one file the two do not work: MLflow and
Optuna both keep the version of their tables in a table named ``alembic_version``, neither can be told another name, and
each refuses a file that holds the other's version.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from skin_core.paths import workspace
from skin_core.search.config import SearchConfig
from skin_core.search.folder import IMPORTANCE_FROM, Importance, Trial
from skin_core.search.space import Dimension, setting

# Another search may be writing to the same file.
_PATIENCE_SECONDS = 60

_STATES = {
    TrialState.WAITING: "running",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}

log = logging.getLogger("skin_core.search")


def store_url() -> str:
    """Where the studies are kept."""
    return f"sqlite:///{workspace() / 'optuna.db'}"


class Study:
    """One search's study.

    Args:
        name: of the search.
        created: when it was made, seconds since 1970: a search whose folder was deleted must not come back under a new
            one of the same name.
        config: what it is asked to do.
    """

    def __init__(self, name: str, created: float, config: SearchConfig) -> None:
        self.config = config
        self._distributions = {item.key: _distribution(item) for item in config.dimensions}
        # Optuna's own lines come into the log as ours do, without colours.
        optuna.logging.disable_default_handler()
        optuna.logging.enable_propagation()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # Two processes that meet a new file would both make its tables.
        with FileLock(workspace() / "optuna.lock"):
            storage = optuna.storages.RDBStorage(
                store_url(), engine_kwargs={"connect_args": {"timeout": _PATIENCE_SECONDS}}
            )
            self._study = optuna.create_study(
                storage=storage,
                study_name=f"{name}@{created:.0f}",
                direction="minimize" if config.minimises else "maximize",
                pruner=_pruner(config),
                load_if_exists=True,
            )
        first = self._as_it_stands()
        if first is not None and not self._study.get_trials(deepcopy=False):
            # So that what the search gains is seen, not only what it ends at.
            self._study.enqueue_trial(first)

    def trials(self) -> list[Trial]:
        """Every trial begun so far, the first one first."""
        begun = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]
        return [self._told(trial) for trial in begun]

    def unfinished(self) -> optuna.Trial | None:
        """A trial that was left running by a search that was stopped or killed, or None."""
        left = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return optuna.Trial(self._study, left[0]._trial_id) if left else None

    def ask(self) -> optuna.Trial:
        """A new trial with its settings."""
        begun = len(self.trials())
        # Seeded anew for each trial: a resumed search would else try its first settings a second time. Within the
        # study's history the next settings depend on the seed and the trial's number alone.
        self._study.sampler = TPESampler(seed=self.config.seed + begun)
        return self._study.ask(self._distributions)

    def is_whole(self, trial: optuna.Trial) -> bool:
        """Whether a trial has all its settings: a search killed in the middle of `ask` leaves some out."""
        return trial.params.keys() == self._distributions.keys()

    def finish(self, trial: optuna.Trial, value: float) -> None:
        """Records a trial that ran to its end."""
        self._study.tell(trial, value)

    def give_up(self, trial: optuna.Trial, why: str) -> None:
        """Records a trial that was ended early."""
        trial.set_user_attr("why", why)
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: optuna.Trial, why: str) -> None:
        """Records a trial that came to nothing."""
        trial.set_user_attr("why", why)
        self._study.tell(trial, state=TrialState.FAIL)

    def importance(self) -> Importance:
        """How much of the finished trials' variance each setting explains.

        Functional ANOVA over a random forest: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing
        hyperparameter importance", ICML 2014.
        """
        finished = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(finished) < IMPORTANCE_FROM or len({trial.value for trial in finished}) < 2:
            return Importance(len(finished))
        shares = get_param_importances(self._study, evaluator=FanovaImportanceEvaluator(seed=self.config.seed))
        return Importance(len(finished), {key: float(share) for key, share in shares.items()})

    def _as_it_stands(self) -> dict[str, Any] | None:
        """The settings that the trials begin from, where the space holds them."""
        values = {item.key: setting(self.config.run, item.key) for item in self.config.dimensions}
        return values if all(item.holds(values[item.key]) for item in self.config.dimensions) else None

    def _told(self, trial: FrozenTrial) -> Trial:
        curve = tuple(sorted(trial.intermediate_values.items()))
        best = (min if self.config.minimises else max)((value for _, value in curve), default=None)
        return Trial(
            number=trial.number + 1,
            state=_STATES[trial.state],  # type: ignore[arg-type]
            value=trial.value if trial.state == TrialState.COMPLETE else best,
            settings=dict(trial.params),
            run=trial.user_attrs.get("run"),
            curve=curve,
            seconds=trial.user_attrs.get("seconds", 0.0),
            why=trial.user_attrs.get("why", ""),
        )


def known(trial: optuna.Trial) -> Mapping[int, float]:
    """Epoch → figure, as far as they were reported."""
    return trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values


def _distribution(item: Dimension) -> BaseDistribution:
    if item.kind == "choice":
        return CategoricalDistribution(item.choices)
    if item.kind == "int":
        return IntDistribution(int(item.low), int(item.high), log=item.log)
    return FloatDistribution(item.low, item.high, log=item.log)


def _pruner(config: SearchConfig) -> BasePruner:
    longest = max(
        (int(end) for item in config.dimensions if item.key == "epochs" for end in (*item.choices, item.high)),
        default=config.run.epochs,
    )
    if config.pruner == "median":
        return MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=config.warmup_epochs)
    if config.pruner == "hyperband":
        return HyperbandPruner(
            min_resource=min(config.warmup_epochs, longest), max_resource=longest, reduction_factor=3
        )
    return NopPruner()
