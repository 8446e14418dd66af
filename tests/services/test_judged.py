"""What pages and reports tell of an evaluation, from predictions made by hand."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from skin_core.errors import ConfigError, RunError
from skin_core.evaluation.scored import Scored
from skin_core.models.registry import default_config
from skin_core.screening.predictions import save_predictions
from skin_core.screening.record import OperatingPoint
from skin_core.services import judged, judged_curves, referral, runs
from skin_core.services.clinic import at_clinic_prevalence
from skin_core.services.judged import Interval
from skin_core.training.folder import RunFolder

RISK = np.array([0.9, 0.8, 0.6, 0.3, 0.7, 0.2, 0.1, 0.1, 0.4, 0.1])
LEVELS = np.array([2, 2, 1, 2, 0, 0, 0, 0, 0, 0])


def truth(**changes: object) -> Scored:
    """Ten images: three melanomas, one premalignant keratosis, six nevi."""
    values: dict[str, object] = {
        "classes": ("akiec", "mel", "nv"),
        "labels": np.array([1, 1, 0, 1, 2, 2, 2, 2, 2, 2]),
        "levels": LEVELS,
        "melanoma": (LEVELS == 2).astype(int),
        "groups": np.array([f"lesion {number}" for number in range(10)]),
        "probabilities": np.stack([0.1 * RISK, 0.9 * RISK, 1 - RISK], axis=1),
        "risk": RISK,
        "melanoma_column": 1,
        "threshold": 0.5,
    }
    return Scored(**{**values, **changes})


def test_a_threshold_in_a_clinic_by_hand() -> None:
    # Three of four are found, one of six benign ones is referred; of 1,000 with 40 ill: 30 found, 160 alarms.
    found = referral.referral_of(truth(), 0.5, 0.04, fitted=0.4, resamples=200)
    assert (found.sensitivity.value, found.n_positive) == (0.75, 4)
    assert found.specificity.value == pytest.approx(5 / 6) and found.n_negative == 6
    assert found.ppv.value == pytest.approx(30 / 190) and found.npv.value == pytest.approx(800 / 810)
    assert found.referred.value == pytest.approx(0.19) and found.number_needed_to_refer.value == pytest.approx(190 / 30)
    assert found.in_a_thousand() == {"ill": 40, "found": 30, "missed": 10, "alarms": 160, "spared": 800}
    # Odds of 1 at 4 in 10, of 1 to 24 less 2 to 3 at 4 in 100.
    assert found.moved == pytest.approx(1 / 17)
    assert found.ppv.low < found.ppv.value < found.ppv.high


def test_nobody_missed_is_no_proof_that_nobody_is() -> None:
    found = referral.referral_of(truth(), 0.25, 0.04, resamples=200)
    assert found.sensitivity.value == 1 and found.npv.value == 1
    assert found.npv.low < 1 and math.isnan(found.moved)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 1.0, 1.0000001])
def test_a_threshold_moves_as_that_of_a_bundle_does(threshold: float) -> None:
    point = OperatingPoint(threshold=threshold, sensitivity=0.75, specificity=0.5, n_positive=4, n_negative=6)
    info = SimpleNamespace(name="x", operating_point=point, prevalence=0.4)
    found = referral.referral_of(truth(), threshold, 0.04, fitted=0.4, resamples=20)
    assert found.moved == at_clinic_prevalence(info, 0.04).threshold
    assert (found.moved == threshold) == (threshold in (0.0, 1.0, 1.0000001))


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1, math.nan])
def test_what_is_no_prevalence_is_told(prevalence: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        referral.referral_of_run("none", "test", 0.5, prevalence)


def test_a_run_without_malignancy_has_nothing_to_refer_by() -> None:
    with pytest.raises(RunError, match="no malignancy"):
        referral.referral_of(truth(risk=None), 0.5, 0.1)


def test_curves_of_each_question() -> None:
    found = judged_curves.curves_of_scored(truth(), "test", "risk", "Malignant", resamples=50)
    # 4 × 6 pairs: only 0.3 stands below 0.7 and 0.4.
    assert found.auc == pytest.approx((24 - 3) / 24)
    assert (found.endpoint.n, found.endpoint.n_positive, found.threshold) == (10, 4, 0.5)
    assert found.positives.sum() == 4 and found.negatives.sum() == 6
    assert found.decision is not None and found.decision.everybody[0] == pytest.approx(0.4)
    own = judged_curves.curves_of_scored(truth(), "test", "class:nv", "nv", resamples=20)
    assert own.decision is None and own.threshold is None and own.endpoint.n_positive == 6


@pytest.fixture
def run_id(demo_folder) -> str:
    """A run whose evaluation is written by hand."""
    run_id = runs.create_run(default_config("light_cnn", str(demo_folder)))
    folder = RunFolder.of(run_id)
    metrics = truth().metrics(resamples=50)
    plain = {
        name: {part: None if math.isnan(value) else value for part, value in entry.items()}
        for name, entry in metrics.items()
    }
    record = {"n": 10, "metrics": plain, "intervals": "By hand.", "notes": ["A note."], "count": 2}
    folder.evaluation.write_text(json.dumps({**record, "time": "2026-01-02T03:04:05+00:00", "best_epoch": None}))
    save_predictions(folder.test_predictions, np.array([f"i{number}" for number in range(10)]), truth())
    return run_id


def test_melanoma_comes_first_and_accuracy_last_with_its_floor(run_id: str) -> None:
    assert judged.available(run_id) == ("test",)
    found = judged.judged(run_id)
    assert found.rows[0].part == judged.MELANOMA and found.rows[-1].name == "accuracy"
    assert [row.name for row in found.rows if row.name in judged.HEADLINES] == list(judged.HEADLINES)
    assert found.rows[-1].beside == "always naming the largest class gives 0.600"
    sizes = {name: found.row(name).n for name in ("malignancy_sensitivity", "malignancy_specificity", "accuracy")}
    assert sizes == {"malignancy_sensitivity": 4, "malignancy_specificity": 6, "accuracy": 10}
    assert found.row("melanoma_auc").beside == "3 positive"
    assert "at this n" in found.row("malignancy_ece").beside
    assert [(entry.name, entry.n) for entry in found.classes] == [("akiec", 1), ("mel", 3), ("nv", 6)]
    assert found.evaluated().startswith("The locked test split was read 2 times: its figures are no longer quite blind")
    assert found.notes == ("A note.",) and found.intervals == "By hand." and not found.stale


def test_questions_of_a_run(run_id: str) -> None:
    found = judged_curves.endpoints(run_id, "test")
    assert [entry.key for entry in found] == ["risk", "melanoma", "class:akiec", "class:nv"]
    with pytest.raises(RunError, match="no endpoint 'class:x'"):
        judged_curves.curves_of(run_id, "test", "class:x")


def test_what_was_not_judged_is_told(run_id: str) -> None:
    with pytest.raises(RunError, match="not judged on validation"):
        judged.judged(run_id, "validation")
    RunFolder.of(run_id).test_predictions.unlink()
    with pytest.raises(RunError, match="evaluate it"):
        judged.judged(run_id)


def test_undefined_stays_undefined() -> None:
    assert math.isnan(Interval.of({"value": None, "low": None, "high": None}).value)
    assert math.isnan(Interval.of(None).low)


def test_most_confidently_wrong_first() -> None:
    from skin_core.services.judged_curves import Cases, _decisions

    table = _table()
    cases = Cases("", "likeliest", ("likeliest",), truth().classes, truth().confusion(), _decisions(truth()), table)
    assert cases.counts.tolist() == [[0, 1, 0], [0, 2, 1], [0, 1, 5]]
    assert cases.cell("nv", "nv")["confidence"].is_monotonic_decreasing
    # The missed melanoma whose risk is lowest stands first; so does the nevus with the highest.
    assert cases.decided(positive=True, referred=False)["risk"].tolist() == [0.3]
    assert cases.decided(positive=False, referred=True)["risk"].tolist() == [0.7]
    assert cases.decided(positive=True, referred=True)["risk"].tolist() == [0.9, 0.8, 0.6]
    assert cases.decisions.to_numpy().tolist() == [[3, 1], [1, 5]]


def _table():
    import pandas as pd

    scored = truth()
    names = np.array(scored.classes, dtype=object)
    guesses = scored.probabilities.argmax(axis=1)
    return pd.DataFrame(
        {
            "true": names[scored.labels],
            "predicted": names[guesses],
            "confidence": scored.probabilities.max(axis=1),
            "risk": scored.risk,
            "positive": pd.array(LEVELS > 0, dtype="boolean"),
            "referred": scored.referred,
        }
    )
