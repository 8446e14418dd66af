"""Areas under curves and points on them: by hand, against scikit-learn, and where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from skin_core.evaluation.ranking import Ranked

POSITIVE = np.array([True, True, False, True, False, False])
SCORE = np.array([0.9, 0.7, 0.7, 0.4, 0.3, 0.1])


def of(positive: np.ndarray, score: np.ndarray, weights: np.ndarray | None = None) -> Ranked:
    return Ranked.of(np.ones((1, len(score))) if weights is None else weights, positive, score)


def test_counts_at_each_distinct_score() -> None:
    ranked = of(POSITIVE, SCORE)
    assert ranked.hits[:, 0].tolist() == [0, 1, 2, 3, 3, 3]
    assert ranked.alarms[:, 0].tolist() == [0, 0, 1, 1, 2, 3]


def test_points_on_the_curve_by_hand() -> None:
    ranked = of(POSITIVE, SCORE)
    # Sensitivities 0, 1/3, 2/3, 1, 1, 1 beside specificities 1, 1, 2/3, 2/3, 1/3, 0.
    assert ranked.sensitivity_at(0.9)[0] == pytest.approx(1 / 3)
    assert ranked.sensitivity_at(2 / 3)[0] == 1
    assert ranked.specificity_at(0.95)[0] == pytest.approx(2 / 3)
    assert ranked.specificity_at(1 / 3)[0] == 1
    # Precisions 1, 2/3, 3/4 at gains of a third each.
    assert ranked.average_precision()[0] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_partial_auc_by_hand() -> None:
    # Above a sensitivity of 0.8 the specificity is 2/3 throughout: 0.2 · 2/3.
    assert of(POSITIVE, SCORE).partial_auc(0.8)[0] == pytest.approx(0.2 * 2 / 3)
    perfect = np.array([0.9, 0.8, 0.2, 0.7, 0.1, 0.3])
    assert of(POSITIVE, perfect).partial_auc(0.8)[0] == pytest.approx(0.2)
    # One threshold for all: the chance line, a triangle of 0.2 by 0.2.
    assert of(POSITIVE, np.full(6, 0.5)).partial_auc(0.8)[0] == pytest.approx(0.02)


@pytest.mark.parametrize("decimals", [1, 6])
def test_agrees_with_scikit_learn(decimals: int) -> None:
    generator = np.random.default_rng(8)
    positive = generator.random(300) < 0.2
    score = np.round(generator.normal(positive * 1.2, 1), decimals)
    weights = generator.integers(0, 4, (3, 300)).astype(float)
    ranked = of(positive, score, weights)
    for row in range(3):
        assert ranked.auc()[row] == pytest.approx(
            reference.roc_auc_score(positive, score, sample_weight=weights[row]), abs=1e-12
        )
        assert ranked.average_precision()[row] == pytest.approx(
            reference.average_precision_score(positive, score, sample_weight=weights[row]), abs=1e-12
        )
        # As the challenge's own program turns scikit-learn's corrected area back into a plain one.
        scaled = reference.roc_auc_score(~positive, -score, max_fpr=0.2, sample_weight=weights[row])
        plain = 0.5 * 0.2**2 + (0.2 - 0.5 * 0.2**2) / 0.5 * (scaled - 0.5)
        assert ranked.partial_auc(0.8)[row] == pytest.approx(plain, abs=1e-12)
        false, true, _ = reference.roc_curve(positive, score, sample_weight=weights[row], drop_intermediate=False)
        assert ranked.sensitivity_at(0.9)[row] == pytest.approx(true[false <= 0.1 + 1e-9].max())
        assert ranked.specificity_at(0.95)[row] == pytest.approx(1 - false[true >= 0.95 - 1e-9].min())


FIGURES = {
    "auc": Ranked.auc,
    "average_precision": Ranked.average_precision,
    "partial_auc": Ranked.partial_auc,
    "sensitivity_at": lambda ranked: ranked.sensitivity_at(0.9),
    "specificity_at": lambda ranked: ranked.specificity_at(0.9),
}


@pytest.mark.parametrize("name", FIGURES)
def test_undefined_is_nan(name: str) -> None:
    figure = FIGURES[name]
    assert np.isnan(figure(of(np.array([True, True]), np.array([0.1, 0.2]))))
    assert np.isnan(figure(of(np.array([False, False]), np.array([0.1, 0.2]))))
    assert np.isnan(figure(of(np.zeros(0, bool), np.zeros(0))))
    assert np.isnan(figure(of(POSITIVE, np.r_[SCORE[:5], np.nan])))
    # A resample that drew no positive is undefined beside one that did.
    both = figure(of(POSITIVE, SCORE, np.array([[1.0] * 6, POSITIVE == 0])))
    assert not np.isnan(both[0]) and np.isnan(both[1])


def test_constant_scores_and_one_positive() -> None:
    constant = of(POSITIVE, np.full(6, 0.3))
    assert constant.auc()[0] == 0.5 and constant.average_precision()[0] == 0.5
    assert constant.sensitivity_at(0.9)[0] == 0 and constant.specificity_at(0.9)[0] == 0
    one = of(np.array([False, True, False]), np.array([0.2, 0.5, 0.9]))
    assert one.auc()[0] == 0.5 and one.partial_auc()[0] == pytest.approx(0.1)
