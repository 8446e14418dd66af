"""The risk's own calibration: it finds what data was made with, undoes class weights, and travels as plain values."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from skin_core.errors import ConfigError
from skin_core.evaluation.prevalence import at_prevalence, predictive_values
from skin_core.evaluation.risk import RiskCalibration, endpoint_score, fit_risk


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _drawn(slope: float, intercept: float, n: int = 8000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(9)
    score = generator.normal(0, 2, n)
    return score, generator.random(n) < _sigmoid(slope * score + intercept), np.arange(n) // 2


def test_the_score_is_the_log_odds_of_the_endpoint() -> None:
    logits = np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
    powers = np.exp(logits)
    expected = np.log((powers[:, 0] + powers[:, 2]) / powers[:, 1])
    assert endpoint_score(logits, [0, 2]) == pytest.approx(expected)
    # A sigmoid head's own number.
    assert endpoint_score(np.array([[0.0, 3.25]]), [1])[0] == pytest.approx(3.25)
    assert endpoint_score(np.array([[0.0, 900.0]], np.float32), [1])[0] == pytest.approx(900)


def test_finds_slope_and_intercept() -> None:
    found = fit_risk(*_drawn(0.5, -1.5))
    assert found.method == "logistic"
    assert (found.slope, found.intercept) == (pytest.approx(0.5, rel=0.05), pytest.approx(-1.5, rel=0.05))
    assert set(found.log_loss) == {"logistic", "temperature", "isotonic"}
    assert min(found.log_loss, key=found.log_loss.get) == "logistic"


def test_a_curve_that_is_no_sigmoid_gets_steps() -> None:
    generator = np.random.default_rng(3)
    score = generator.normal(0, 2, 6000)
    positive = generator.random(6000) < np.where(score < 0, 0.05, 0.6)
    found = fit_risk(score, positive, np.arange(6000))
    assert found.method == "isotonic"
    assert found(np.array([-2.0, 2.0])) == pytest.approx([0.05, 0.6], abs=0.03)
    risk = found(np.array([-1e9, 1e9]))
    assert 0 < risk[0] < risk[1] < 1


def test_isotonic_agrees_with_scikit_learn() -> None:
    from sklearn.isotonic import IsotonicRegression

    score, positive, _ = _drawn(1.0, 0.0, n=500)
    reference = IsotonicRegression(y_min=1 / ((~positive).sum() + 2), y_max=(positive.sum() + 1) / (positive.sum() + 2))
    reference.fit(score, positive)
    from skin_core.evaluation.risk import _isotonic

    own = RiskCalibration("isotonic", **_isotonic(score, positive))
    assert own(score) == pytest.approx(reference.predict(score), abs=1e-12)


def test_class_weights_and_resampling_are_undone() -> None:
    """A network trained with the positives weighted twelvefold gives log odds that are higher by ln 12."""
    generator = np.random.default_rng(1)
    true_score = generator.normal(-3.5, 1.5, 30_000)
    positive = generator.random(30_000) < _sigmoid(true_score)
    weighted = true_score + np.log(12)
    assert _sigmoid(weighted).mean() > 3 * positive.mean()
    found = fit_risk(weighted, positive, np.arange(30_000))
    assert found.prevalence == pytest.approx(positive.mean())
    assert found(weighted).mean() == pytest.approx(positive.mean(), rel=0.01)
    assert np.abs(found(weighted) - _sigmoid(true_score)).mean() < 0.01
    # The share of positives that training saw is nowhere in it: halving them there changes nothing here.
    assert found(weighted) == pytest.approx(
        fit_risk(weighted - 0.7, positive, np.arange(30_000))(weighted - 0.7), abs=0.01
    )


def test_a_ranking_is_never_turned_round() -> None:
    score, positive, groups = _drawn(-1.0, 0.0)
    found = fit_risk(score, positive, groups)
    assert (np.diff(found(np.sort(score))) >= 0).all()


def test_separated_outcomes_and_few_of_them_stay_finite() -> None:
    score = np.array([-3.0, -2.0, -1.0, 1.0, 2.0])
    found = fit_risk(score, score > 0, np.arange(5))
    assert found.method == "logistic" and found.log_loss == {}
    assert ((found(score) > 0.02) & (found(score) < 0.98)).all()


def test_one_outcome_alone_fits_nothing() -> None:
    for positive in (np.zeros(4, bool), np.ones(4, bool), np.zeros(0, bool)):
        found = fit_risk(np.zeros(len(positive)), positive, np.arange(len(positive)))
        assert (found.method, found.prevalence) == ("none", None)
    assert RiskCalibration()(np.array([0.0, np.log(3), np.nan])) == pytest.approx([0.5, 0.75, np.nan], nan_ok=True)


@pytest.mark.parametrize("method", ["logistic", "temperature", "isotonic"])
def test_travels_as_json(method: str) -> None:
    knots = {"scores": (-1.0, 0.0, 2.0), "risks": (0.1, 0.1, 0.7)} if method == "isotonic" else {"slope": 0.7}
    made = RiskCalibration(method, **knots, prevalence=0.2, n=50, n_positive=10, log_loss={method: 0.4})
    again = RiskCalibration.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again == made
    score = np.linspace(-3, 3, 7)
    assert (again(score) == made(score)).all()


@pytest.mark.parametrize(
    "values",
    [
        {"method": "magic"},
        {"method": "logistic", "slope": 0.0},
        {"method": "logistic", "slope": float("nan")},
        {"method": "logistic", "prevalence": 1.0},
        {"method": "isotonic"},
        {"method": "isotonic", "scores": (0.0, 1.0), "risks": (0.5, 0.2)},
        {"method": "isotonic", "scores": (1.0, 0.0), "risks": (0.1, 0.2)},
        {"method": "isotonic", "scores": (0.0, 1.0), "risks": (0.1, 1.2)},
    ],
)
def test_a_damaged_calibration_is_refused(values: dict) -> None:
    with pytest.raises(ValueError, match="risk's"):
        RiskCalibration(**values)


def test_applying_it_imports_neither_scikit_learn_nor_scipy() -> None:
    code = (
        "import sys, numpy as np; from skin_core.evaluation.risk import RiskCalibration as R;"
        "R('isotonic', scores=(0.0, 1.0), risks=(0.1, 0.9))(np.zeros(1));"
        "sys.exit(bool({'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_prevalence_by_hand() -> None:
    # Odds of 1 to 3 at a prevalence of 1/2, where 1 in 10 is positive: 1 to 27.
    assert at_prevalence(0.25, 0.5, 0.1) == pytest.approx(1 / 28)
    risk = np.array([0.0, 0.2, 0.5, 1.0])
    assert at_prevalence(risk, 0.3, 0.3) == pytest.approx(risk)
    assert at_prevalence(at_prevalence(risk, 0.3, 0.02), 0.02, 0.3) == pytest.approx(risk)
    assert at_prevalence(risk, 0.3, 0.02)[[0, 3]].tolist() == [0, 1]


def test_another_prevalence_agrees_with_drawing_a_rarer_set() -> None:
    score, positive, groups = _drawn(1.0, -0.5, n=60_000)
    kept = ~positive | (np.random.default_rng(2).random(60_000) < 0.1)
    rarer = positive[kept].mean()
    moved = at_prevalence(fit_risk(score, positive, groups)(score[kept]), positive.mean(), rarer)
    assert moved.mean() == pytest.approx(rarer, rel=0.03)


def test_predictive_values_by_hand() -> None:
    # Of 1,000: 20 positive, 18 found; 980 negative, 196 referred.
    found = predictive_values(0.9, 0.8, 0.02)
    assert found.ppv == pytest.approx(18 / 214) and found.npv == pytest.approx(784 / 786)
    assert found.referred == pytest.approx(0.214) and found.number_needed_to_refer == pytest.approx(214 / 18)
    assert np.isnan(predictive_values(0.0, 1.0, 0.1).ppv) and np.isnan(predictive_values(1.0, 0.0, 0.1).npv)
    for wrong in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            predictive_values(0.9, 0.8, wrong)


def test_a_validation_without_a_mistake_makes_no_risk_certain() -> None:
    """20 malignant at +2 to +3 and 60 benign at -3 to -2: nothing there says how the risk falls in between."""
    score = np.r_[np.linspace(2, 3, 20), np.linspace(-3, -2, 60)]
    found = fit_risk(score, score > 0, np.arange(80))
    assert max(found.log_loss.values()) > min(found.log_loss.values()) > 0.01
    assert found.slope < 5 and 0.01 < found(np.array([0.1]))[0] < 0.9
