"""Two runs are compared on the pictures that both were tested on, from what their evaluations kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade_folds import noisy

from skin_core.errors import RunError
from skin_core.evaluation.scored import Scored
from skin_core.paths import runs_dir
from skin_core.screening.predictions import load_predictions, save_predictions
from skin_core.services.comparison import compare_runs
from skin_core.services.differences import differences_of_runs


def _scored(noise: float, n: int = 300, seed: int = 0) -> Scored:
    return replace(noisy(noise, seed, n), threshold=0.5)


def _keep(run: str, scored: Scored, ids: np.ndarray) -> None:
    folder = runs_dir() / run
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    save_predictions(folder / "predictions_test.npz", ids, scored)


def test_what_is_kept_is_what_was_judged() -> None:
    scored, ids = _scored(1.0), np.array([f"i{number}" for number in range(300)], dtype=object)
    _keep("one", scored, ids)
    found_ids, found = load_predictions(runs_dir() / "one" / "predictions_test.npz")
    assert found_ids.tolist() == ids.tolist()
    assert found.metrics(resamples=20) == scored.metrics(resamples=20)
    bare = replace(scored, risk=None, threshold=None, melanoma_column=None)
    _keep("bare", bare, ids)
    again = load_predictions(runs_dir() / "bare" / "predictions_test.npz")[1]
    assert (again.risk, again.threshold, again.melanoma_column) == (None, None, None)


def test_the_better_run_is_told_with_interval_and_p(workspace) -> None:
    ids = np.array([f"i{number:03}" for number in range(300)])
    _keep("sharp", _scored(1.0, seed=1), ids)
    # The other's pictures in another order, and five of them not its own.
    blunt, order = _scored(4.0, seed=2), np.random.default_rng(3).permutation(300)
    shuffled = {name: getattr(blunt, name)[order] for name in ("labels", "levels", "melanoma", "groups", "risk")}
    blunt = replace(blunt, **shuffled, probabilities=blunt.probabilities[order])
    other_ids = np.where(order < 5, "elsewhere", ids[order]) + np.where(order < 5, order.astype(str), "")
    _keep("blunt", blunt, other_ids)
    found = compare_runs("sharp", "blunt", resamples=300)
    assert found["n"] == 295 and "10 pictures" in found["notes"][0] and "lesions" in found["intervals"]
    area = found["differences"]["malignancy_auc"]
    assert area["low"] > 0 and area["p"] < 0.05
    check = found["delong"]["malignancy_auc"]
    assert check["difference"] == pytest.approx(area["difference"]) and check["p"] < 0.05
    assert (check["low"], check["high"]) == (
        pytest.approx(area["low"], abs=0.03),
        pytest.approx(area["high"], abs=0.03),
    )
    assert set(found["delong"]) == {"malignancy_auc", "melanoma_auc"}


def test_what_cannot_be_compared_is_told() -> None:
    ids = np.array([f"i{number}" for number in range(300)])
    _keep("one", _scored(1.0), ids)
    _keep("apart", _scored(1.0), np.char.add(ids, "x"))
    _keep("foreign", replace(_scored(1.0), classes=("a", "b")), ids)
    _keep("relabelled", replace(_scored(1.0), labels=1 - _scored(1.0).labels), ids)
    (runs_dir() / "unread").mkdir()
    (runs_dir() / "unread" / "config.json").write_text("{}")
    for other, says in (
        ("apart", "share no test picture"),
        ("foreign", "different classes"),
        ("relabelled", "different labels"),
        ("unread", "evaluate it"),
    ):
        with pytest.raises(RunError, match=says):
            compare_runs("one", other)


def test_guesses_by_different_rules_are_not_compared() -> None:
    ids = np.array([f"i{number:03}" for number in range(300)])
    _keep("plain", _scored(1.0), ids)
    _keep("weighed", replace(_scored(1.0), priors=np.array([0.9, 0.1])), ids)
    found = compare_runs("plain", "weighed", resamples=20)
    # The same network: judged by one rule, nothing differs.
    assert found["class_rule"] == "likeliest" and found["differences"]["balanced_accuracy"]["difference"] == 0
    assert "both are judged by their likeliest class" in found["notes"][0]
    rows = [row.name for row in differences_of_runs("plain", "weighed").rows]
    assert "balanced_accuracy_likeliest" in rows and "balanced_accuracy" not in rows


def test_runs_that_count_a_class_differently_are_compared_without_it() -> None:
    """The same predictions, and one run counts a part of the malignant pictures as benign: no difference is left."""
    ids, scored = np.array([f"i{number}" for number in range(300)]), _scored(2.0)
    changed = np.where(np.arange(300) % 7 == 0, 0, scored.levels)
    _keep("plain", scored, ids)
    _keep("changed", replace(scored, levels=changed), ids)
    found = compare_runs("plain", "changed", resamples=50)
    assert found["differences"]["malignancy_auc"]["difference"] == 0
    n = int((changed != scored.levels).sum())
    assert n > 0 and found["notes"] == [
        f"{n} pictures whose risk level the runs count differently were left out of the figures on melanoma and malignancy."
    ]


def test_patients_are_kept_beside_what_is_drawn_as_one() -> None:
    """Two patients who share a twin are one draw, and stay two for the rank within a patient."""
    scored, ids = _scored(1.0), np.array([f"i{number}" for number in range(300)])
    patients = np.repeat(["a", "b"], 150)
    _keep("patients", replace(scored, patients=patients, groups=np.full(300, "a b"), group_word="patients"), ids)
    found = load_predictions(runs_dir() / "patients" / "predictions_test.npz")[1]
    assert found.patients.tolist() == patients.tolist()
    whole = replace(scored, patients=np.full(300, "one"))
    name, ones = "malignancy_top_15_sensitivity", np.ones((1, 300))
    assert found.figures(ones)[name][0] > whole.figures(ones)[name][0] > 0
    assert name not in scored.figures(ones)
