"""Rates, best epochs and early ends, worked out by hand."""

from __future__ import annotations

import math

import pytest

from skin_core.config import RunConfig
from skin_core.training.schedule import Schedule


def config(**values) -> RunConfig:
    return RunConfig(data="d", family="light_cnn", learning_rate=0.1, **values)


def test_cosine_rises_over_the_warmup_and_falls_to_the_least():
    schedule = Schedule(config(schedule="cosine", epochs=3, warmup_epochs=1.0, min_learning_rate=0.0), 4)
    assert [schedule.rate(step) for step in range(4)] == pytest.approx([0.02, 0.04, 0.06, 0.08])
    assert schedule.rate(4) == pytest.approx(0.1)
    # Steps 4 to 11 are half a cosine: step 7 is 3 of 7 along.
    assert schedule.rate(7) == pytest.approx(0.05 * (1 + math.cos(math.pi * 3 / 7)))
    assert schedule.rate(11) == pytest.approx(0.0)


def test_plateau_falls_after_epochs_without_gain_but_not_below_the_least():
    schedule = Schedule(config(plateau_patience=2, plateau_factor=0.1, min_learning_rate=0.005), 10)
    rates = []
    for epoch, value in enumerate([0.5, 0.5, 0.4, 0.6, 0.6, 0.6, 0.6, 0.6], start=1):
        rates.append(schedule.rate(0))
        schedule.after_epoch(epoch, value)
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.005, 0.005])
    assert schedule.watch.best_epoch == 4


def test_a_loss_is_better_when_lower():
    schedule = Schedule(config(monitor="val_loss"), 1)
    assert [schedule.after_epoch(epoch, value) for epoch, value in enumerate([2.0, 1.0, 1.5], start=1)] == [
        True,
        True,
        False,
    ]


def test_early_stopping_counts_epochs_without_gain():
    schedule = Schedule(config(early_stopping=2), 1)
    ends = []
    for epoch, value in enumerate([0.5, 0.4, 0.6, 0.6, 0.6], start=1):
        schedule.after_epoch(epoch, value)
        ends.append(schedule.should_stop)
    assert ends == [False, False, False, False, True]


def test_an_undefined_figure_is_best_only_until_a_defined_one_comes():
    schedule = Schedule(config(), 1)
    figures = [math.nan, math.nan, 0.3, math.nan, 0.4]
    assert [schedule.after_epoch(epoch, value) for epoch, value in enumerate(figures, start=1)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_restored_schedule_goes_on_as_if_nothing_had_been():
    figures = [0.5, 0.4, 0.4, 0.6, 0.3, 0.3, 0.3]
    whole = Schedule(config(plateau_patience=2, early_stopping=3), 5)
    for epoch, value in enumerate(figures, start=1):
        whole.after_epoch(epoch, value)
    first, second = (Schedule(config(plateau_patience=2, early_stopping=3), 5) for _ in range(2))
    for epoch, value in enumerate(figures[:4], start=1):
        first.after_epoch(epoch, value)
    second.restore(first.state())
    for epoch, value in enumerate(figures[4:], start=5):
        second.after_epoch(epoch, value)
    assert second.state() == whole.state()
    assert second.should_stop


def test_where_the_last_epoch_is_kept_no_figure_decides():
    values = {"folds": 3, "cv_select": "last", "schedule": "cosine", "epochs": 3}
    schedule = Schedule(config(**values), 1)
    assert [schedule.after_epoch(epoch, value) for epoch, value in enumerate([0.9, 0.1, math.nan], start=1)] == [
        True
    ] * 3
    assert schedule.watch.best_epoch == 3
    assert not schedule.should_stop
