import math

import keras
import numpy as np
import pytest

from skin_core.errors import ConfigError
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


def test_a_teachers_part_of_the_target_by_hand():
    label, teacher = np.array([2]), np.array([[0.2, 0.3, 0.5]])
    objective = Objective("categorical", 3)
    # Half the label's (0, 0, 1), half the teacher's.
    target = objective.distilled(objective.targets(label), teacher, 0.5)
    assert target.dtype == np.float32
    np.testing.assert_allclose(target, [[0.1, 0.15, 0.75]], atol=1e-7)
    said = np.float32([[0.25, 0.25, 0.5]])
    by_hand = -(0.25 * math.log(0.25) + 0.75 * math.log(0.5))
    assert float(objective.loss()(target, said)) == pytest.approx(by_hand, abs=1e-6)
    # A sigmoid has the second class alone: 3/4 of 1 and 1/4 of 0.6.
    binary = Objective("binary", 2)
    np.testing.assert_allclose(
        binary.distilled(binary.targets(np.array([1])), np.array([[0.4, 0.6]]), 0.25), [[0.9]], atol=1e-7
    )
    # With adjusted logits it is softmax(z + log π) that learns the target: p = (1/3, 2/3), π = (3/4, 1/4) gives (3/5, 2/5).
    adjusted = Objective("categorical", 2, form="logit_adjusted", priors=(0.75, 0.25))
    target = adjusted.distilled(adjusted.targets(np.array([0])), np.array([[0.2, 0.8]]), 0.5)
    value = float(adjusted.loss()(target, np.float32([[1 / 3, 2 / 3]])))
    assert value == pytest.approx(-(0.6 * math.log(0.6) + 0.4 * math.log(0.4)), abs=1e-6)
    with pytest.raises(ValueError, match="class numbers"):
        Objective("sparse", 3).distilled(np.array([2]), teacher, 0.5)


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


def test_logit_adjustment_by_hand():
    from skin_core.models.adjusted import LogitAdjustedCrossentropy

    # Shares of 3/4 and 1/4: an even guess counts as 3/4 for the first class and 1/4 for the second.
    loss = LogitAdjustedCrossentropy([0.75, 0.25])
    even = np.float32([[0.5, 0.5], [0.5, 0.5]])
    each = [float(loss(np.eye(2, dtype=np.float32)[[k]], even[:1])) for k in (0, 1)]
    np.testing.assert_allclose(each, [-np.log(0.75), -np.log(0.25)], rtol=1e-5)
    # Smoothed by a half: three quarters of the target and one quarter of the other.
    smoothed = LogitAdjustedCrossentropy([0.75, 0.25], label_smoothing=0.5)
    value = float(smoothed(np.float32([[1, 0]]), even[:1]))
    np.testing.assert_allclose(value, -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), rtol=1e-5)


def test_logit_adjustment_takes_its_shares_from_the_training_images():
    objective = objective_of(head(3, "softmax"), 3, form="logit_adjusted", counts=[6, 2, 0])
    assert objective.kind == "categorical"
    # A class that has none counts half an image.
    np.testing.assert_allclose(objective.priors, np.array([6, 2, 0.5]) / 8.5)
    with pytest.raises(ConfigError, match="needs a softmax"):
        objective_of(head(1, "sigmoid"), 2, form="logit_adjusted", counts=[1, 1])


@pytest.mark.parametrize("width", [1, 3])
def test_focal_loss_forgives_what_is_known(width):
    objective = objective_of(head(width, "sigmoid" if width == 1 else "softmax"), max(2, width), form="focal")
    loss, target = objective.loss(), objective.targets(np.array([1]))
    sure = np.full((1, width), 0.9, np.float32) if width == 1 else np.float32([[0.05, 0.9, 0.05]])
    # -(1 - p)² · log p
    np.testing.assert_allclose(float(loss(target, sure)), -(0.1**2) * np.log(0.9), rtol=1e-4)
