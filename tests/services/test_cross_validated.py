"""What is told of a cross-validated run, and two of them compared, from predictions made by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.evaluation.scored import Scored
from skin_core.models.registry import default_config
from skin_core.screening.predictions import save_predictions
from skin_core.services import cross_validation, estimates, judged, runs
from skin_core.services.figure_rows import Interval
from skin_core.training.folder import RunFolder

N = 200
IDS = np.array([f"i{number:03}" for number in range(N)])


def _scored(noise: float, seed: int) -> Scored:
    labels = np.random.default_rng(0).integers(0, 2, N)
    risk = 1 / (1 + np.exp(-(3 * labels - 1.5 + noise * np.random.default_rng(seed).normal(0, 1, N))))
    return Scored(
        classes=("benign", "mel"),
        labels=labels,
        levels=2 * labels,
        melanoma=labels,
        groups=np.array([f"lesion {number // 2}" for number in range(N)]),
        probabilities=np.stack([1 - risk, risk], axis=1),
        risk=risk,
        melanoma_column=1,
    )


def _keep(tmp_path, scored: Scored, folds: np.ndarray) -> str:
    run_id = runs.create_run(default_config("light_residual", str(tmp_path)).model_copy(update={"folds": 4}))
    folder = RunFolder.of(run_id)
    rows = "".join(f"{name},{name},{fold}\n" for name, fold in zip(IDS, folds, strict=True))
    folder.folds.write_text("image_id,group,fold\n" + rows)
    save_predictions(folder.out_of_fold, IDS, scored)
    figures = {
        name: {part: None if math.isnan(value) else value for part, value in entry.items()}
        for name, entry in scored.metrics(resamples=50).items()
    }
    members = []
    for fold in range(1, 5):
        value = {1: 0.8, 2: 0.9, 3: None, 4: 0.7}[fold]
        members.append(
            {"fold": fold, "n": 50, "n_groups": 25, "n_train": 120, "epoch": 2, "epochs": 3, "seconds": 60.0}
            | {"metrics": {"macro_auc": value}}
        )
    record = {"folds": 4, "select": "inner", "metrics": figures, "members": members}
    record |= {"intervals": "By hand.", "notes": ["One."], "time": "2026-01-01T00:00:00+00:00"}
    folder.cross_validation.write_text(json.dumps(record))
    return run_id


FOLDS = np.arange(N) // 2 % 4 + 1


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
    run_id = _keep(tmp_path, _scored(1.0, 1), FOLDS)
    assert judged.available(run_id) == ("out_of_fold",)
    found = cross_validation.cross_validated(run_id=run_id)
    assert (found.folds, found.select, found.pooled.n, found.pooled.n_groups) == (4, "inner", N, 100)
    assert found.pooled.notes == ("One.",) and found.pooled.intervals == "By hand."
    assert found.over_folds("macro_auc").values[:2] == (0.8, 0.9)
    assert found.over_folds("macro_auc").pooled == found.pooled.row("macro_auc").figure
    assert found.over_folds("accuracy").n == 0
    assert math.isnan(found.members[2].figures["macro_auc"])


def test_the_better_settings_are_told_picture_by_picture(tmp_path) -> None:
    sharp, blunt = _keep(tmp_path, _scored(1.0, 1), FOLDS), _keep(tmp_path, _scored(5.0, 2), FOLDS)
    found = cross_validation.compare_cross_validated(first=sharp, second=blunt, resamples=300)
    area = next(row for row in found.rows if row.name == "malignancy_auc")
    assert found.n == N and area.difference > 0 and area.low > 0 and area.p < 0.05 and area.p_delong < 0.05
    assert "another seed" in found.notes[-1]
    same = cross_validation.compare_cross_validated(first=sharp, second=sharp, resamples=50)
    assert all(row.difference == 0 and row.p == 1 for row in same.rows if not math.isnan(row.p))


def test_other_folds_are_not_compared(tmp_path) -> None:
    run_id = _keep(tmp_path, _scored(1.0, 1), FOLDS)
    other = _keep(tmp_path, _scored(1.0, 1), (FOLDS % 4) + 1)
    single = runs.create_run(default_config("light_residual", str(tmp_path)))
    with pytest.raises(RunError, match="different folds"):
        cross_validation.compare_cross_validated(first=run_id, second=other)
    with pytest.raises(RunError, match="no out-of-fold predictions"):
        cross_validation.compare_cross_validated(first=run_id, second=single)


def test_classes_that_differ_are_not_compared(tmp_path) -> None:
    run_id = _keep(tmp_path, _scored(1.0, 1), FOLDS)
    other = _keep(tmp_path, replace(_scored(1.0, 1), classes=("a", "b")), FOLDS)
    with pytest.raises(RunError, match="different classes"):
        cross_validation.compare_cross_validated(first=run_id, second=other)


@pytest.mark.parametrize(("select", "expected"), [("inner", 578), ("held", 680), ("last", 680)])
def test_what_a_folds_network_learns_from_is_estimated(select: str, expected: int) -> None:
    # Of 1,000 images 850 are dealt; four of five folds are 680, and 85 % of those 578.
    config = RunConfig(data="d", family="light_residual", folds=5, cv_select=select, schedule="cosine")
    assert estimates.estimate_run(config=config, n_images=1000).n_train == expected
