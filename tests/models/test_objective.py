import math

import keras
import numpy as np
import pytest

from skin_core.models.objective import Objective, objective_of
from skin_core.models.outputs import class_probabilities


def head(units: int, activation: str) -> keras.Model:
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation)(inputs))


def test_the_head_decides_the_loss():
    assert objective_of(head(1, "sigmoid"), 2).kind == "binary"
    assert objective_of(head(2, "softmax"), 2).kind == "sparse"
    assert objective_of(head(7, "softmax"), 7, label_smoothing=0.1) == Objective("categorical", 7, 0.1)
    assert objective_of(head(7, "softmax"), 7, mixing=True).kind == "categorical"
    with pytest.raises(ValueError, match="expected a head of 7 classes; got 3 outputs"):
        objective_of(head(3, "softmax"), 7)


def test_targets_have_the_form_of_the_loss():
    labels = np.array([1, 0])
    np.testing.assert_array_equal(Objective("binary", 2).targets(labels), np.float32([[1], [0]]))
    np.testing.assert_array_equal(Objective("categorical", 3).targets(labels), np.float32([[0, 1, 0], [1, 0, 0]]))
    assert Objective("sparse", 3).targets(labels).dtype == np.int32


def test_the_three_losses_agree_where_they_say_the_same():
    labels = np.array([1, 0])
    two = np.float32([[0.2, 0.8], [0.6, 0.4]])
    expected = -(math.log(0.8) + math.log(0.6)) / 2
    for kind, probabilities in (("sparse", two), ("categorical", two), ("binary", two[:, 1:])):
        objective = Objective(kind, 2)
        assert float(objective.loss()(objective.targets(labels), probabilities)) == pytest.approx(expected, abs=1e-6)


def test_a_sigmoid_becomes_two_columns():
    np.testing.assert_allclose(class_probabilities(np.array([[0.25], [1.0]]), 2), [[0.75, 0.25], [0.0, 1.0]])
    np.testing.assert_allclose(class_probabilities(np.array([0.25]), 2), [[0.75, 0.25]])
    with pytest.raises(ValueError, match=r"expected outputs of shape \(N, 7\)"):
        class_probabilities(np.zeros((2, 1)), 7)
