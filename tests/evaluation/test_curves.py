"""Curves by hand and against scikit-learn; bands that hold the curve; nothing where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from skin_core.evaluation.curves import (
    decision_curve,
    precision_recall_curve,
    reliability_diagram,
    roc_curve,
    score_histogram,
)

POSITIVE = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.7, 0.7, 0.4, 0.3, 0.1])
GROUPS = np.arange(6)


def _drawn(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    risk = generator.beta(1, 3, n)
    return generator.random(n) < risk, risk, np.arange(n) // 2


def test_roc_agrees_with_scikit_learn_and_its_band_holds_it() -> None:
    positive, risk, groups = _drawn()
    curve = roc_curve(positive, risk, groups, resamples=200)
    false, true, _ = reference.roc_curve(positive, risk, drop_intermediate=False)
    last = np.r_[false[1:] > false[:-1], True]
    assert curve.y == pytest.approx(np.interp(curve.x, false[last], true[last]))
    assert (curve.low <= curve.y).all() and (curve.y <= curve.high).all()
    assert 0.02 < (curve.high - curve.low).mean() < 0.3
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(reference.roc_auc_score(positive, risk), abs=0.01)


def test_precision_by_hand() -> None:
    curve = precision_recall_curve(POSITIVE, SCORE, GROUPS, resamples=50)
    # Thresholds reach 1/3, 2/3 and 1 with precisions 1, 2/3 and 3/4; what reaches 1 reaches 2/3, too.
    at = dict(zip(np.round(curve.x, 2).tolist(), curve.y.tolist(), strict=True))
    assert at[0.33] == 1
    assert at[0.34] == at[0.66] == at[1.0] == 0.75


def test_net_benefit_by_hand() -> None:
    found = decision_curve(POSITIVE, SCORE, GROUPS, thresholds=np.array([0.0, 0.2, 0.5]), resamples=50)
    # At 0.5: 2 found, 1 needless at odds of 1. At 0.2: 3 found, 2 needless at odds of a quarter.
    assert found.model.y == pytest.approx([3 / 6, (3 - 2 / 4) / 6, (2 - 1) / 6])
    assert found.everybody == pytest.approx([0.5, 0.5 - 0.5 / 4, 0.0])
    assert found.nobody.tolist() == [0, 0, 0]


def test_a_calibrated_risk_is_worth_at_least_as_much_as_all_or_none() -> None:
    positive, risk, groups = _drawn(20_000)
    found = decision_curve(positive, risk, groups, resamples=20)
    assert (found.model.y >= np.maximum(found.everybody, found.nobody) - 0.002).all()


def test_reliability_by_hand() -> None:
    risk = np.r_[np.full(20, 0.1), np.full(20, 0.6)]
    positive = np.r_[np.zeros(20, bool), np.arange(20) < 15]
    found = reliability_diagram(positive, risk, np.arange(40), resamples=300)
    assert found.n.tolist() == [20, 20] and found.n_positive.tolist() == [0, 15]
    assert found.predicted == pytest.approx([0.1, 0.6]) and found.observed == pytest.approx([0, 0.75])
    # None of 20: Clopper and Pearson, up to 0.168.
    assert (found.low[0], found.high[0]) == (0, pytest.approx(0.1684, abs=1e-4))
    assert found.low[1] == pytest.approx(0.55, abs=0.06) and found.high[1] == pytest.approx(0.92, abs=0.06)


def test_histogram_counts_every_image() -> None:
    edges, ill, well = score_histogram(POSITIVE, SCORE, bins=10)
    assert len(edges) == 11 and ill.sum() == 3 and well.sum() == 3
    assert ill[9] == 1 and well[1] == 1


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
def test_undefined_is_nan(curve) -> None:
    for positive in (np.ones(6, bool), np.zeros(6, bool)):
        found = curve(positive, SCORE, GROUPS, resamples=20)
        assert np.isnan(found.y).all() and np.isnan(found.low).all()
    empty = curve(np.zeros(0, bool), np.zeros(0), np.zeros(0))
    assert np.isnan(empty.y).all()
    one = curve(GROUPS == 2, SCORE, GROUPS, resamples=100)
    assert not np.isnan(one.y).any() and np.isnan(one.low).all()


def test_a_risk_of_nan_has_no_curve() -> None:
    risk = np.r_[SCORE[:5], np.nan]
    assert np.isnan(roc_curve(POSITIVE, risk, GROUPS, resamples=10).y).all()
    assert np.isnan(decision_curve(POSITIVE, risk, GROUPS, resamples=10).model.y).all()


def test_the_same_seed_gives_the_same_band() -> None:
    first, second = (roc_curve(*_drawn(), resamples=50, seed=4) for _ in range(2))
    assert (first.low == second.low).all()
