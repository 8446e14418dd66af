"""Calibration finds the parameters that data was made with."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.evaluation.calibration import calibrated, expected_bias, fit_calibration


def _made(temperature: float, bias: tuple[float, ...], n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 3, (n, len(bias)))
    probabilities = calibrated(logits, temperature, bias)
    labels = (generator.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return logits, np.minimum(labels, len(bias) - 1)


def test_finds_the_temperature_and_the_shift_of_priors() -> None:
    temperature, bias = fit_calibration(*_made(2.5, (1.0, -1.5, 0.5)))
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert bias == pytest.approx((1.0, -1.5, 0.5), abs=0.08)


def test_a_class_without_images_keeps_a_finite_bias() -> None:
    logits, _ = _made(1.0, (0.0, 0.0, 0.0), n=100)
    temperature, bias = fit_calibration(logits, np.arange(100) % 2)
    assert np.isfinite([temperature, *bias]).all()
    assert sum(bias) == pytest.approx(0, abs=1e-9)


def test_a_class_without_images_gets_the_shift_that_training_made() -> None:
    # Learnt as if equally frequent: the shares 1/2, 49/100 and 1/100 come back as their logarithms.
    shares = np.array([0.5, 0.49, 0.01])
    assert expected_bias(shares, equal_shares=False) is None and expected_bias(None, equal_shares=True) is None
    expected = expected_bias(shares, equal_shares=True)
    np.testing.assert_allclose(expected[0] - expected[2], np.log(50), atol=1e-12)
    logits, _ = _made(1.0, (0.0, 0.0, 0.0), n=400)
    labels = np.arange(400) % 2
    _, bias = fit_calibration(logits, labels, expected)
    _, untold = fit_calibration(logits, labels)
    # Without images nothing speaks against the expected shift: the rarest class is not raised above the others.
    assert bias[2] - bias[0] <= expected[2] - expected[0] + 1e-6
    assert untold[2] - untold[0] > bias[2] - bias[0]


def test_one_class_alone_changes_nothing() -> None:
    assert fit_calibration(np.ones((4, 2)), np.zeros(4, int)) == (1.0, (0.0, 0.0))
    assert fit_calibration(np.ones((0, 2)), np.zeros(0, int)) == (1.0, (0.0, 0.0))


def test_calibrated_rows_sum_to_one_even_for_huge_logits() -> None:
    rows = calibrated(np.array([[1e4, -1e4], [0.0, 0.0]], np.float32), 0.5)
    assert rows.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_a_validation_without_a_mistake_does_not_make_the_network_certain() -> None:
    logits = np.repeat(np.array([[2.0, 0.0], [0.0, 2.0]]), 20, axis=0)
    temperature, _ = fit_calibration(logits, np.repeat([0, 1], 20))
    # As if two further images held it at 1: without them it would fall to 0.
    assert 0.3 < temperature < 1
    assert calibrated(logits[:1], temperature)[0, 0] < 0.999
