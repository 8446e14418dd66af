"""Optuna's part, without any training: what is proposed, what is given up, what mattered."""

from __future__ import annotations

import pytest

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.search.config import SearchConfig
from skin_core.search.study import Study

SPACE = {"learning_rate": "1e-4:1e-2:log", "batch_size": "16,32,64", "augmentation.rotation": "0:0.5"}


def config(monitor: str = "val_auc", space: dict[str, str] = SPACE, **changes) -> SearchConfig:
    run = RunConfig(data="DATA", family="light_residual", weights="random", monitor=monitor, epochs=9)
    return SearchConfig.parse({"run": run.model_dump(), "space": space, **changes})


def test_what_is_wrong_with_a_search_is_told_with_what_came() -> None:
    with pytest.raises(
        ConfigError,
        match=r"^The search's settings do not work: run\.epochs: .*; got 'many'; "
        r"startup_trials: input should be greater than or equal to 1; got 0\.$",
    ):
        SearchConfig.parse(
            {"startup_trials": 0, "run": {"data": "DATA", "family": "light_cnn", "epochs": "many"}, "space": SPACE}
        )


def test_the_first_trial_takes_the_settings_as_they_are() -> None:
    trial = Study("one", 1.0, config()).ask()
    assert trial.params == {"learning_rate": 1e-3, "batch_size": 32, "augmentation.rotation": 0.0}


def test_unless_the_space_does_not_hold_them() -> None:
    trial = Study("one", 1.0, config(space={"batch_size": "8,16"})).ask()
    assert trial.params["batch_size"] in (8, 16)


def test_a_search_taken_up_again_tries_what_the_unbroken_one_would_have_tried() -> None:
    whole = Study("whole", 1.0, config())
    unbroken = []
    for _ in range(4):
        trial = whole.ask()
        unbroken.append(trial.params)
        whole.finish(trial, trial.params["augmentation.rotation"])
    broken = []
    for _ in range(4):
        study = Study("broken", 1.0, config())
        trial = study.ask()
        broken.append(trial.params)
        study.finish(trial, trial.params["augmentation.rotation"])
    assert broken == unbroken
    assert len({tuple(params.values()) for params in unbroken}) == 4


def test_a_trial_left_open_is_found_by_the_next_process() -> None:
    trial = Study("one", 1.0, config()).ask()
    trial.set_user_attr("run", "some-run")
    trial.report(0.7, 1)
    left = Study("one", 1.0, config()).unfinished()
    assert left is not None and left.params == trial.params
    assert left.user_attrs["run"] == "some-run"
    (told,) = Study("one", 1.0, config()).trials()
    assert (told.number, told.state, told.value, told.curve) == (1, "running", 0.7, ((1, 0.7),))


def test_a_new_search_of_a_deleted_ones_name_does_not_inherit_its_trials() -> None:
    study = Study("one", 1.0, config())
    study.finish(study.ask(), 0.5)
    assert Study("one", 2.0, config()).trials() == []


@pytest.mark.parametrize(
    ("monitor", "curve", "worse", "better"), [("val_auc", (0.6, 0.7), 0.5, 0.65), ("val_loss", (2.0, 1.5), 2.5, 1.9)]
)
def test_a_trial_behind_the_median_is_given_up(monitor: str, curve: tuple, worse: float, better: float) -> None:
    study = Study("one", 1.0, config(monitor, startup_trials=1, warmup_epochs=1))
    first = study.ask()
    for epoch, value in enumerate(curve, start=1):
        first.report(value, epoch)
        assert not first.should_prune()
    study.finish(first, curve[-1])
    second = study.ask()
    second.report(better, 1)
    assert not second.should_prune()
    study.finish(second, better)
    third = study.ask()
    third.report(worse, 1)
    assert third.should_prune()
    study.give_up(third, "Behind after epoch 1.")
    assert [(trial.state, trial.value, trial.why) for trial in study.trials()] == [
        ("finished", curve[-1], ""),
        ("finished", better, ""),
        ("pruned", worse, "Behind after epoch 1."),
    ]


def test_no_trial_is_given_up_before_its_time() -> None:
    study = Study("one", 1.0, config(startup_trials=1, warmup_epochs=3))
    first = study.ask()
    for epoch in (1, 2, 3):
        first.report(0.9, epoch)
    study.finish(first, 0.9)
    second = study.ask()
    judged = []
    for epoch in (1, 2, 3):
        second.report(0.1, epoch)
        judged.append(second.should_prune())
    assert judged == [False, False, True]


@pytest.mark.parametrize("epochs", ["9", "2:27", "3,9"])
def test_hyperband_is_made_for_the_longest_trial(epochs: str) -> None:
    space = SPACE if epochs == "9" else {**SPACE, "epochs": epochs}
    study = Study("one", 1.0, config(pruner="hyperband", warmup_epochs=1, space=space))
    for _ in range(6):
        trial = study.ask()
        for epoch in (1, 2, 3):
            trial.report(0.5, epoch)
            trial.should_prune()
        study.finish(trial, 0.5)
    assert study._study.pruner._max_resource == {"9": 9, "2:27": 27, "3,9": 9}[epochs]


def test_what_decides_the_figure_is_what_mattered() -> None:
    study = Study("one", 1.0, config())
    assert study.importance().shares == {}
    for number in range(24):
        trial = study.ask()
        # The rotation alone decides.
        study.finish(trial, 0.5 + trial.params["augmentation.rotation"])
        if number == 3:
            assert study.importance().shares == {}
    importance = study.importance()
    assert importance.trials == 24
    assert sum(importance.shares.values()) == pytest.approx(1)
    assert importance.shares["augmentation.rotation"] > 0.9


def test_equal_figures_explain_nothing() -> None:
    study = Study("one", 1.0, config())
    for _ in range(6):
        study.finish(study.ask(), 0.5)
    assert study.importance().shares == {}


def test_a_failed_trial_has_its_reason() -> None:
    study = Study("one", 1.0, config())
    study.fail(study.ask(), "The loss is no number any more.")
    (trial,) = study.trials()
    assert (trial.state, trial.value, trial.why) == ("failed", None, "The loss is no number any more.")
