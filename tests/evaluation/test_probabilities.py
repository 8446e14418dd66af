"""Calibration error, slope and intercept, ranks within a patient: by hand and against independent computations."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.evaluation.patients import in_top, top_sensitivity
from skin_core.evaluation.recalibration import calibration_in_the_large, calibration_slope, log_odds
from skin_core.evaluation.reliability import (
    equal_mass_bins,
    error_if_calibrated,
    expected_calibration_error,
)

ONE = np.ones((1, 40))


def test_bins_hold_equally_many_and_keep_ties_together() -> None:
    assert np.bincount(equal_mass_bins(np.arange(60) / 60)).tolist() == [20, 20, 20]
    assert equal_mass_bins(np.full(100, 0.3)).tolist() == [0] * 100
    tied = np.r_[np.full(50, 0.1), np.full(10, 0.5), np.full(40, 0.9)]
    bins = equal_mass_bins(tied)
    assert all(len(set(bins[tied == value])) == 1 for value in (0.1, 0.5, 0.9))
    assert len(equal_mass_bins(np.zeros(0))) == 0


def test_plain_calibration_error_by_hand() -> None:
    # Two bins of 20: said 0.2 and 5 of 20 right, said 0.9 and 16 of 20 right.
    confidence = np.r_[np.full(20, 0.2), np.full(20, 0.9)]
    correct = np.r_[np.arange(20) < 5, np.arange(20) < 16]
    plain = expected_calibration_error(ONE, correct, confidence, debiased=False)
    assert plain[0] == pytest.approx((0.05 + 0.1) / 2)


def test_debiasing_agrees_with_drawing_as_its_source_does() -> None:
    confidence = np.r_[np.full(20, 0.2), np.full(20, 0.9)]
    correct = np.r_[np.arange(20) < 5, np.arange(20) < 16]
    generator = np.random.default_rng(0)
    shares, said = np.array([0.25, 0.8]), np.array([0.2, 0.9])
    redrawn = generator.normal(shares, np.sqrt(shares * (1 - shares) / 20), (400_000, 2))
    bias = np.abs(redrawn - said).mean() - np.abs(shares - said).mean()
    found = expected_calibration_error(ONE, correct, confidence)[0]
    assert found == pytest.approx(np.abs(shares - said).mean() - bias, abs=3e-4)


def test_a_calibrated_model_shows_what_is_told_beside_the_figure() -> None:
    generator = np.random.default_rng(1)
    confidence = generator.beta(1, 4, 600)
    expected = error_if_calibrated(confidence, np.arange(600), seed=3)
    assert expected == error_if_calibrated(confidence, np.arange(600), seed=3)
    truth = generator.random((400, 600)) < confidence
    shown = expected_calibration_error(np.ones((400, 600)), truth, confidence)
    plain = expected_calibration_error(np.ones((400, 600)), truth, confidence, debiased=False)
    assert shown.mean() == pytest.approx(expected["value"], rel=0.1)
    assert shown.mean() < 0.7 * plain.mean()
    assert expected["low"] < expected["value"] < expected["high"]
    # Pictures of one lesion are right or wrong together: chance alone does more.
    clustered = error_if_calibrated(np.repeat(confidence[:60], 10), np.repeat(np.arange(60), 10), seed=3)
    assert clustered["value"] > 1.5 * expected["value"]


def test_a_model_that_is_wrong_by_a_tenth_shows_a_tenth() -> None:
    generator = np.random.default_rng(2)
    truth = generator.uniform(0.3, 0.7, 20_000)
    error = expected_calibration_error(np.ones((1, 20_000)), generator.random(20_000) < truth, truth + 0.1)
    assert error[0] == pytest.approx(0.1, abs=0.01)


def test_calibration_error_is_undefined_without_numbers() -> None:
    assert np.isnan(expected_calibration_error(np.ones((2, 0)), np.zeros(0, bool), np.zeros(0))).all()
    assert np.isnan(expected_calibration_error(np.ones((1, 2)), np.ones(2, bool), np.array([0.5, np.nan])))
    assert np.isnan(error_if_calibrated(np.zeros(0), np.zeros(0))["value"])


def test_slope_and_intercept_find_what_the_outcomes_were_drawn_with() -> None:
    generator = np.random.default_rng(4)
    risk = generator.beta(1, 3, 60_000)
    positive = generator.random(60_000) < 1 / (1 + np.exp(-(0.4 + 0.6 * log_odds(risk))))
    slope, intercept = calibration_slope(np.ones((1, 60_000)), positive, risk)
    assert slope[0] == pytest.approx(0.6, abs=0.03) and intercept[0] == pytest.approx(0.4, abs=0.05)


def test_slope_and_intercept_agree_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(5)
    risk = generator.beta(1, 3, 400)
    positive = generator.random(400) < risk**1.5
    weights = np.stack([np.ones(400), generator.integers(0, 4, 400)]).astype(float)
    slope, intercept = calibration_slope(weights, positive, risk)
    large = calibration_in_the_large(weights, positive, risk)
    for row in range(2):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        model.fit(log_odds(risk)[:, np.newaxis], positive, sample_weight=weights[row])
        assert slope[row] == pytest.approx(model.coef_[0, 0], abs=1e-4)
        assert intercept[row] == pytest.approx(model.intercept_[0], abs=1e-4)
        # With the right intercept the mean risk is the prevalence.
        moved = 1 / (1 + np.exp(-(large[row] + log_odds(risk))))
        assert np.average(moved, weights=weights[row]) == pytest.approx(np.average(positive, weights=weights[row]))


@pytest.mark.parametrize(
    ("positive", "risk"),
    [
        ([True, True, True], [0.1, 0.2, 0.3]),
        ([False, False, False], [0.1, 0.2, 0.3]),
        ([True, False, True], [0.4, 0.4, 0.4]),
        ([False, False, True, True], [0.1, 0.2, 0.8, 0.9]),
        ([True, False, True], [0.1, np.nan, 0.3]),
        ([], []),
    ],
)
def test_slope_is_undefined_where_nothing_can_be_fitted(positive: list[bool], risk: list[float]) -> None:
    slope, intercept = calibration_slope(np.ones((1, len(risk))), np.array(positive, bool), np.array(risk, float))
    assert np.isnan(slope[0]) and np.isnan(intercept[0])


def test_a_risk_of_zero_and_one_has_finite_log_odds() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    risk = np.array([0.0, 0.0, 1.0, 1.0, 0.5, 0.5])
    positive = np.array([False, True, True, False, True, False])
    assert calibration_in_the_large(np.ones((1, 6)), positive, risk)[0] == pytest.approx(0, abs=1e-6)


def test_top_of_a_patient_by_hand() -> None:
    patients = np.array(["a"] * 4 + ["b"] * 2)
    score = np.array([0.9, 0.5, 0.5, 0.1, 0.3, 0.2])
    # Two places: patient a's second goes to one of two that tie; patient b has only two.
    assert in_top(score, patients, top=2).tolist() == [1, 0.5, 0.5, 0, 1, 1]
    positive = np.array([True, True, False, True, False, True])
    found = top_sensitivity(np.ones((1, 6)), positive, score, patients, top=2)
    assert found[0] == pytest.approx((1 + 0.5 + 0 + 1) / 4)


def test_top_is_undefined_where_every_lesion_is_in_it() -> None:
    score, patients = np.arange(6.0), np.repeat([1, 2], 3)
    assert np.isnan(top_sensitivity(np.ones((1, 6)), score > 3, score, patients, top=3))
    assert np.isnan(top_sensitivity(np.ones((1, 6)), np.zeros(6, bool), score, patients, top=2))
    assert np.isnan(top_sensitivity(np.ones((1, 6)), score > 3, score * np.nan, patients, top=2))
