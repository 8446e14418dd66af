"""What is told of a cross-validated run, and two of them compared, from predictions made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from handmade_folds import FOLDS, N, keep, noisy

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.models.registry import default_config
from skin_core.services import cross_validation, estimates, judged, runs
from skin_core.services.figure_rows import Interval


def test_the_spread_over_folds_by_hand() -> None:
    found = cross_validation.spread_of("macro_auc", [0.8, 0.9, math.nan, 0.7], Interval(0.82, 0.75, 0.9))
    assert (found.n, found.mean, found.low, found.high) == (3, pytest.approx(0.8), 0.7, 0.9)
    # Deviations 0, 0.1 and -0.1: a sum of squares of 0.02 over n - 1 = 2.
    assert found.sd == pytest.approx(0.1)
    one = cross_validation.spread_of("macro_auc", [math.nan, 0.6], Interval())
    assert one.mean == 0.6 and math.isnan(one.sd)
    none = cross_validation.spread_of("macro_auc", [math.nan], Interval())
    assert none.n == 0 and math.isnan(none.mean) and math.isnan(none.low)


def test_a_finished_run_is_told(tmp_path) -> None:
    run_id = keep(tmp_path, noisy(1.0, 1))
    assert judged.available(run_id) == ("out_of_fold",)
    found = cross_validation.cross_validated(run_id=run_id)
    assert (found.folds, found.select, found.pooled.n, found.pooled.n_groups) == (4, "inner", N, 100)
    assert found.pooled.notes == ("One.",) and found.pooled.intervals == "By hand."
    assert found.over_folds("macro_auc").values[:2] == (0.8, 0.9)
    assert found.over_folds("macro_auc").pooled == found.pooled.row("macro_auc").figure
    assert found.over_folds("accuracy").n == 0
    assert math.isnan(found.members[2].figures["macro_auc"])


def test_the_better_settings_are_told_picture_by_picture(tmp_path) -> None:
    sharp, blunt = keep(tmp_path, noisy(1.0, 1)), keep(tmp_path, noisy(5.0, 2))
    found = cross_validation.compare_cross_validated(first=sharp, second=blunt, resamples=300)
    area = next(row for row in found.rows if row.name == "malignancy_auc")
    assert found.n == N and area.difference > 0 and area.low > 0 and area.p < 0.05 and area.p_delong < 0.05
    assert "another seed" in found.notes[-1]
    same = cross_validation.compare_cross_validated(first=sharp, second=sharp, resamples=50)
    assert all(row.difference == 0 and row.p == 1 for row in same.rows if not math.isnan(row.p))


def test_other_folds_are_not_compared(tmp_path) -> None:
    run_id = keep(tmp_path, noisy(1.0, 1))
    other = keep(tmp_path, noisy(1.0, 1), (FOLDS % 4) + 1)
    single = runs.create_run(default_config("light_residual", str(tmp_path)))
    with pytest.raises(RunError, match="different folds"):
        cross_validation.compare_cross_validated(first=run_id, second=other)
    with pytest.raises(RunError, match="no out-of-fold predictions"):
        cross_validation.compare_cross_validated(first=run_id, second=single)


def test_classes_that_differ_are_not_compared(tmp_path) -> None:
    run_id = keep(tmp_path, noisy(1.0, 1))
    other = keep(tmp_path, replace(noisy(1.0, 1), classes=("a", "b")))
    with pytest.raises(RunError, match="different classes"):
        cross_validation.compare_cross_validated(first=run_id, second=other)


@pytest.mark.parametrize(("select", "expected"), [("inner", 578), ("held", 680), ("last", 680)])
def test_what_a_folds_network_learns_from_is_estimated(select: str, expected: int) -> None:
    # Of 1,000 images 850 are dealt; four of five folds are 680, and 85 % of those 578.
    config = RunConfig(data="d", family="light_residual", folds=5, cv_select=select, schedule="cosine")
    assert estimates.estimate_run(config=config, n_images=1000).n_train == expected
