"""Metrics against values worked out by hand, and against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from skin_core.evaluation import metrics, ranking
from skin_core.evaluation.bootstrap import with_intervals
from skin_core.evaluation.reliability import equal_mass_bins
from skin_core.evaluation.scored import Scored

ONE = np.ones((1, 6))
LABELS = np.array([0, 0, 0, 1, 1, 2])
GUESSES = np.array([0, 0, 1, 1, 2, 2])


def test_confusion_by_hand() -> None:
    table = metrics.confusion(ONE, LABELS, GUESSES, 3)
    assert table.tolist() == [[[2, 1, 0], [0, 1, 1], [0, 0, 1]]]
    assert metrics.accuracy(table)[0] == pytest.approx(4 / 6)
    assert metrics.recalls(table)[0].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert metrics.specificities(table)[0].tolist() == pytest.approx([1, 3 / 4, 4 / 5])
    assert metrics.f1_scores(table)[0].tolist() == pytest.approx([4 / 5, 2 / 4, 2 / 3])


def test_auc_by_hand_with_a_tie() -> None:
    positive = np.array([True, True, False, False])
    score = np.array([0.9, 0.5, 0.5, 0.1])
    # Pairs: 0.9 beats both, 0.5 ties one and beats one: (2 + 1.5) / 4.
    assert ranking.auc(np.ones((1, 4)), positive, score)[0] == pytest.approx(3.5 / 4)
    doubled = ranking.auc(np.array([[1.0, 2, 1, 1]]), positive, score)
    assert doubled[0] == pytest.approx((2 + 3) / 6)


def test_auc_without_one_side_is_undefined() -> None:
    weights = np.array([[1.0, 1, 1], [0, 1, 1]])
    values = ranking.auc(weights, np.array([True, False, False]), np.array([0.3, 0.1, 0.2]))
    assert values[0] == 1 and np.isnan(values[1])
    assert np.isnan(ranking.auc(np.ones((1, 0)), np.zeros(0, bool), np.zeros(0)))


def test_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 4, 300)
    probabilities = generator.dirichlet(np.ones(4), 300)
    scored = _scored(labels, probabilities)
    found = {name: values[0] for name, values in scored.figures(np.ones((1, 300))).items()}
    guesses = probabilities.argmax(axis=1)
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, guesses))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, guesses, average="macro"))
    assert found["macro_auc"] == pytest.approx(
        reference.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    )
    assert found["log_loss"] == pytest.approx(reference.log_loss(labels, probabilities))
    assert found["malignancy_auc"] == pytest.approx(reference.roc_auc_score(labels >= 2, scored.risk))
    clear = labels != 2
    assert found["malignancy_auc_without_premalignant"] == pytest.approx(
        reference.roc_auc_score(labels[clear] == 3, scored.risk[clear])
    )
    assert found["melanoma_auc"] == pytest.approx(reference.roc_auc_score(labels == 3, probabilities[:, 3]))


def test_what_is_undefined_is_nan() -> None:
    scored = _scored(np.zeros(5, int), np.full((5, 4), 0.25))
    found = scored.metrics(resamples=20)
    assert found["accuracy"]["value"] == 1.0
    for name in ("macro_auc", "malignancy_auc", "melanoma_auc", "sensitivity_c3", "malignancy_sensitivity"):
        assert np.isnan(found[name]["value"]), name
        assert np.isnan(found[name]["low"]), name


def test_labels_outside_the_classes_count_for_the_risk_only() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    scored = Scored(
        classes=("benign", "malignant"),
        labels=np.array([0, 1, -1]),
        levels=np.array([0, 2, 1]),
        melanoma=np.array([-1, -1, -1]),
        groups=np.arange(3),
        probabilities=probabilities,
        risk=probabilities[:, 1],
        threshold=0.7,
    )
    found = {name: values[0] for name, values in scored.figures(np.ones((1, 3))).items()}
    assert found["accuracy"] == 1.0
    assert found["malignancy_auc"] == 1.0
    assert found["malignancy_sensitivity"] == pytest.approx(1 / 2)
    assert found["malignancy_specificity"] == 1.0
    assert scored.confusion().tolist() == [[1, 0], [0, 1]]


def test_resampling_lesions_widens_the_interval() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(generator.integers(0, 2, 40), 10)
    right = np.repeat(generator.random(40) < 0.8, 10)

    def figure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"accuracy": metrics.mean_of(weights, right.astype(float))}

    by_image = with_intervals(figure, np.arange(400), seed=1)["accuracy"]
    by_lesion = with_intervals(figure, np.repeat(np.arange(40), 10), seed=1)["accuracy"]
    assert len(labels) == 400 and by_image["value"] == by_lesion["value"] == pytest.approx(right.mean())
    assert by_lesion["high"] - by_lesion["low"] > 2 * (by_image["high"] - by_image["low"])
    # Binomial with 40 lesions: a 95 % interval about 4 standard errors wide.
    width = 4 * np.sqrt(right.mean() * (1 - right.mean()) / 40)
    assert by_lesion["high"] - by_lesion["low"] == pytest.approx(width, rel=0.2)
    assert with_intervals(figure, np.repeat(np.arange(40), 10), seed=1)["accuracy"] == by_lesion


def _scored(labels: np.ndarray, probabilities: np.ndarray) -> Scored:
    """Classes c0, c1 benign, c2 premalignant, c3 melanoma."""
    return Scored(
        classes=("c0", "c1", "c2", "c3"),
        labels=labels,
        levels=np.array([0, 0, 1, 2])[labels],
        melanoma=(labels == 3).astype(int),
        groups=np.arange(len(labels)),
        probabilities=probabilities,
        risk=probabilities[:, 2] + probabilities[:, 3],
        melanoma_column=3,
        threshold=0.5,
    )


def test_a_guess_that_weighs_classes_alike_goes_by_what_exceeds_its_share() -> None:
    # Class 0 is nine times as common as class 1: a probability of 0.2 for class 1 is twice its share.
    probabilities = np.array([[0.95, 0.05], [0.8, 0.2], [0.8, 0.2], [0.92, 0.08]])
    labels = np.array([0, 0, 1, 1])
    scored = replace(_two_classes(labels, probabilities), priors=np.array([0.9, 0.1]))
    found = {name: values[0] for name, values in scored.figures(np.ones((1, 4))).items()}
    # Likeliest: always 0, which finds all of class 0 and nothing of class 1.
    assert found["balanced_accuracy_likeliest"] == pytest.approx((1 + 0) / 2)
    # Guesses 0, 1, 1, 0: half of each class.
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["sensitivity_rare"] == 0.5 and found["precision_rare"] == 0.5 and found["accuracy"] == 0.5
    assert scored.class_rule == "alike" and scored.confusion().tolist() == [[1, 1], [1, 1]]
    assert scored.confusion("likeliest").tolist() == [[2, 0], [2, 0]]
    # Of the two pictures that are named rare, one is.
    assert scored.shares()["precision_rare"].tolist() == [False, True, True, False]


def test_without_shares_the_likeliest_class_is_all_that_can_be_judged() -> None:
    probabilities = np.array([[0.95, 0.05], [0.8, 0.2], [0.8, 0.2], [0.3, 0.7]])
    scored = _two_classes(np.array([0, 0, 1, 1]), probabilities)
    found = {name: values[0] for name, values in scored.figures(np.ones((1, 4))).items()}
    assert scored.class_rule == "likeliest"
    assert found["balanced_accuracy"] == found["balanced_accuracy_likeliest"] == pytest.approx((1 + 0.5) / 2)


def _two_classes(labels: np.ndarray, probabilities: np.ndarray) -> Scored:
    return Scored(
        classes=("common", "rare"),
        labels=labels,
        levels=2 * labels,
        melanoma=np.full(len(labels), -1),
        groups=np.arange(len(labels)),
        probabilities=probabilities,
        risk=probabilities[:, 1],
    )


def test_more_figures_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(4)
    labels = generator.choice(4, 300, p=(0.6, 0.2, 0.15, 0.05))
    probabilities = generator.dirichlet(np.ones(4), 300)
    scored = _scored(labels, probabilities)
    found = {name: values[0] for name, values in scored.figures(np.ones((1, 300))).items()}
    guesses, positive = probabilities.argmax(axis=1), labels >= 2
    assert found["weighted_f1"] == pytest.approx(reference.f1_score(labels, guesses, average="weighted"))
    assert found["accuracy_floor"] == pytest.approx((labels == 0).mean())
    for index in range(4):
        assert found[f"precision_c{index}"] == pytest.approx(
            reference.precision_score(labels == index, guesses == index)
        )
        assert found[f"sensitivity_c{index}"] == pytest.approx(
            reference.recall_score(labels == index, guesses == index)
        )
        assert found[f"specificity_c{index}"] == pytest.approx(
            reference.recall_score(labels != index, guesses != index)
        )
        assert found[f"average_precision_c{index}"] == pytest.approx(
            reference.average_precision_score(labels == index, probabilities[:, index])
        )
    assert found["malignancy_brier"] == pytest.approx(reference.brier_score_loss(positive, scored.risk))
    assert found["malignancy_ppv"] == pytest.approx(reference.precision_score(positive, scored.risk >= 0.5))
    assert found["malignancy_number_needed_to_refer"] == pytest.approx(1 / found["malignancy_ppv"])
    assert found["malignancy_referred"] == pytest.approx((scored.risk >= 0.5).mean())
    assert found["melanoma_sensitivity"] == pytest.approx((scored.risk[labels == 3] >= 0.5).mean())


def test_every_figure_has_an_interval_and_melanoma_comes_first() -> None:
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 4, 240)
    probabilities = generator.dirichlet(np.ones(4), 240)
    found = _scored(labels, probabilities).metrics(resamples=100)
    names = list(found)
    assert names[0] == "melanoma_auc" and names[-2:] == ["accuracy", "accuracy_floor"]
    assert names.index("malignancy_ece_if_calibrated") == names.index("malignancy_ece") + 1
    for name, entry in found.items():
        assert set(entry) == {"value", "low", "high"}
        assert entry["low"] <= entry["value"] <= entry["high"], name


def test_a_score_that_is_no_number_leaves_what_reads_it_undefined() -> None:
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [np.nan] * 4, [0.1, 0.1, 0.1, 0.7]])
    found = {name: values[0] for name, values in _scored(np.arange(4), probabilities).figures(np.ones((1, 4))).items()}
    for name in ("accuracy", "balanced_accuracy", "malignancy_auc", "melanoma_auc", "brier", "ece", "malignancy_brier"):
        assert np.isnan(found[name]), name
    assert found["malignancy_prevalence"] == 0.5


def test_the_rank_within_a_patient_needs_patients() -> None:
    labels = np.tile([0, 0, 0, 3], 10)
    probabilities = np.random.default_rng(1).dirichlet(np.ones(4), 40)
    scored = _scored(labels, probabilities)
    assert "malignancy_top_15_sensitivity" not in scored.figures(np.ones((1, 40)))
    of_patients = replace(scored, patients=np.repeat(["a", "b"], 20))
    assert 0 < of_patients.figures(np.ones((1, 40)))["malignancy_top_15_sensitivity"][0] <= 1


def test_a_perfect_model_is_not_certain_to_be_perfect() -> None:
    labels = np.repeat([0, 3], [30, 12])
    probabilities = np.where(np.eye(4)[labels] > 0, 0.85, 0.05)
    found = replace(_scored(labels, probabilities), groups=np.arange(42) // 2).metrics(resamples=100)
    # Six lesions of six, and fifteen of fifteen.
    assert found["malignancy_sensitivity"]["low"] == pytest.approx(0.025 ** (1 / 6))
    assert found["melanoma_sensitivity_at_90_specificity"]["low"] == pytest.approx(0.025 ** (1 / 6))
    assert found["malignancy_specificity_at_95_sensitivity"]["low"] == pytest.approx(0.025 ** (1 / 15))
    assert found["malignancy_auc"]["value"] == 1 and np.isnan(found["malignancy_auc"]["low"])
    assert np.isnan(found["malignancy_calibration_slope"]["value"])


def test_the_share_among_a_patients_most_suspect_lesions_has_an_interval_where_none_was_missed() -> None:
    """20 lesions of one patient, three malignant on top: 3 of 3, and Clopper and Pearson's interval of that."""
    risk = np.linspace(0.9, 0.1, 20)
    probabilities = np.stack([1 - risk, np.zeros(20), np.zeros(20), risk], axis=1)
    scored = replace(_scored(np.where(np.arange(20) < 3, 3, 0), probabilities), patients=np.full(20, "p"))
    found = scored.metrics(resamples=50)["malignancy_top_15_sensitivity"]
    assert (found["value"], found["high"]) == (1.0, 1.0)
    assert found["low"] == pytest.approx(0.025 ** (1 / 3), abs=1e-6)


def test_bins_of_tied_values_hold_twenty_or_are_one() -> None:
    values = np.r_[np.arange(5) / 100, np.full(35, 0.5)]
    assert set(equal_mass_bins(values).tolist()) == {0}
    values = np.r_[np.full(25, 0.1), np.full(25, 0.2), np.arange(10) / 100 + 0.5]
    assert np.bincount(equal_mass_bins(values)).tolist() == [25, 35]
    assert np.bincount(equal_mass_bins(np.arange(60.0))).tolist() == [20, 20, 20]
