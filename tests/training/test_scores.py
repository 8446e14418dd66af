"""Figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skin_core.training import scores
from skin_core.training.loop import class_numbers

LABELS = np.array([0, 0, 1, 2])
PROBABILITIES = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]])


def test_accuracy_is_the_share_of_hits():
    assert scores.accuracy_score(LABELS, PROBABILITIES) == 2 / 4


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_occur():
    assert scores.balanced_accuracy_score(LABELS, PROBABILITIES) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert scores.balanced_accuracy_score(LABELS[:3], PROBABILITIES[:3]) == pytest.approx((1 / 2 + 1) / 2)


def test_auc_is_the_mean_of_one_against_the_rest():
    # Class 0: 0.6 and 0.2 against 0.1 and 0.5 → 3 of 4 pairs; class 1: 0.8 beats all three;
    # class 2: 0.1 against 0.1, 0.3, 0.1 → two ties and a loss, 1 of 3.
    assert scores.auc_score(LABELS, PROBABILITIES) == pytest.approx((3 / 4 + 1 + 1 / 3) / 3)


def test_auc_of_two_classes_is_of_the_second():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.2, 0.8]])
    assert scores.auc_score(np.array([0, 0, 1, 1]), probabilities) == 3 / 4


def test_malignancy_sums_the_classes_of_its_side_and_leaves_unknown_ones_out():
    levels = ["benign", "malignant", None]
    # P(malignant): 0.3 and 0.5 for the benign, 0.8 for the malignant; the image of the unknown class is out.
    assert scores.malignancy_auc_score(LABELS, PROBABILITIES, levels) == 1.0
    levels = ["benign", "premalignant", "malignant"]
    # 0.4 and 0.8 for the benign, 0.9 and 0.5 for the others: three of four pairs.
    assert scores.malignancy_auc_score(LABELS, PROBABILITIES, levels) == 3 / 4


def test_what_is_undefined_is_nan():
    assert math.isnan(scores.malignancy_auc_score(LABELS, PROBABILITIES, ["benign"] * 3))
    assert math.isnan(scores.auc_score(np.array([1, 1]), PROBABILITIES[:2, :2]))
    empty = np.zeros(0, int), np.zeros((0, 3))
    for value in (
        *scores.epoch_scores(*empty, ["benign", "malignant", None]).values(),
        scores.cross_entropy_loss(*empty),
    ):
        assert math.isnan(value)


def test_cross_entropy_is_the_mean_log_of_the_true_class_clipped():
    expected = -(math.log(0.6) + math.log(0.2) + math.log(0.8) + math.log(0.1)) / 4
    assert scores.cross_entropy_loss(LABELS, PROBABILITIES) == pytest.approx(expected)
    assert scores.cross_entropy_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (np.array([2, 0], np.int32), [2, 0]),
        (np.array([[0.1], [0.9]], np.float32), [0, 1]),
        (np.array([[0.3, 0.7, 0.0], [0.6, 0.0, 0.4]], np.float32), [1, 0]),
    ],
)
def test_the_class_of_a_target_in_any_form(targets, expected):
    assert class_numbers(targets).tolist() == expected


def test_the_areas_of_balanced_training_are_at_the_classes_own_shares():
    """Two pictures, class 1 malignant, classes 0 and 2 benign. As the network weighs classes alike, the benign one is more
    suspect (0.5 to 0.4). Class 2 is eight times as frequent as the others: 0.4 · 1 / (0.4 + 0.6) stays 0.4 for the malignant
    one, and the benign one has 0.5 / (0.5 + 8 · 0.5)."""
    probabilities = np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5]])
    labels, levels = np.array([1, 2]), ["benign", "malignant", "benign"]
    assert scores.epoch_scores(labels, probabilities, levels)["malignancy_auc"] == 0
    found = scores.epoch_scores(labels, probabilities, levels, np.array([0.1, 0.1, 0.8]))
    assert found["malignancy_auc"] == 1
    # Both are named as the network names them.
    assert found["accuracy"] == scores.accuracy_score(labels, probabilities)
