"""Rates by layer, decay and averaged weights, worked out by hand on a network of two numbers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from skin_core.config import RunConfig
from skin_core.training.optimizer import averages_of, optimizer_for, rate_shares


def network() -> keras.Model:
    image = keras.Input((1,), name="image")
    x = keras.layers.Dense(1, name="first", kernel_initializer="ones")(image)
    x = keras.layers.Dense(1, name="middle", kernel_initializer="ones")(x)
    return keras.Model([image], keras.layers.Dense(1, name="last", kernel_initializer="ones")(x))


def config(**changes) -> RunConfig:
    return RunConfig(data="x", family="light_cnn", learning_rate=0.1, **changes)


def gradients(model: keras.Model, value: float = 1.0) -> list:
    return [keras.ops.full(variable.shape, value) for variable in model.trainable_variables]


def test_the_first_layer_steps_least_and_the_last_one_fully():
    model = network()
    assert rate_shares(model, 0.04) == pytest.approx([0.04, 0.04, 0.2, 0.2, 1.0, 1.0])
    optimizer = optimizer_for(model, config(layer_decay=0.04))
    optimizer.apply(gradients(model), model.trainable_variables)
    # Adam's first step is the rate, whatever the gradient.
    steps = [1 - float(np.squeeze(model.get_layer(name).kernel)) for name in ("first", "middle", "last")]
    assert steps == pytest.approx([0.004, 0.02, 0.1], rel=1e-4)


def test_a_layer_that_is_not_trained_has_no_rate():
    model = network()
    model.get_layer("first").trainable = False
    assert rate_shares(model, 0.04) == pytest.approx([0.2, 0.2, 1.0, 1.0])


def test_decay_shortens_kernels_and_leaves_biases():
    model = network()
    model.get_layer("last").bias.assign([1.0])
    optimizer = optimizer_for(model, config(weight_decay=0.5))
    optimizer.apply(gradients(model, 0.0), model.trainable_variables)
    # 1 - 0.1 · 0.5, and no step where there is no gradient.
    assert float(np.squeeze(model.get_layer("last").kernel)) == pytest.approx(0.95)
    assert float(np.squeeze(model.get_layer("last").bias)) == 1.0


def test_averages_follow_the_weights():
    model = network()
    assert not averages_of(optimizer_for(model, config()))
    optimizer = optimizer_for(model, config(averaging=0.75))
    kernel = model.get_layer("last").kernel
    seen = []
    for _ in range(3):
        optimizer.apply(gradients(model), model.trainable_variables)
        seen.append(float(np.squeeze(kernel)))
    average = float(np.squeeze(averages_of(optimizer)[4]))
    # Steps weigh by their age: 0.75² : 0.75 : 1, in sixteenths 9 : 12 : 16.
    assert average == pytest.approx((9 * seen[0] + 12 * seen[1] + 16 * seen[2]) / 37, rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"layer_decay": 0.5}])
def test_no_first_weight_is_left_in_the_average_of_a_short_run(changes):
    model = network()
    optimizer = optimizer_for(model, config(averaging=0.998, **changes))
    kernel = model.get_layer("last").kernel
    optimizer.apply(gradients(model), model.trainable_variables)
    kernel.assign(keras.ops.full(kernel.shape, 100.0))
    for _ in range(20):
        optimizer.apply(gradients(model, 0.0), model.trainable_variables)
        kernel.assign(keras.ops.full(kernel.shape, 5.0))
    # Nearly even weights over 21 steps: about 0.9, then 100 once, then 5; Keras' own would say 1.3.
    assert float(np.squeeze(averages_of(optimizer)[4])) == pytest.approx((0.9 + 100 + 19 * 5) / 21, rel=0.03)


def test_a_step_swaps_the_averages_in_and_out_again():
    from skin_core.training.step import Step

    model = network()
    step = Step(model, keras.losses.MeanSquaredError(), optimizer_for(model, config(averaging=0.75)))
    one = {"image": np.ones((4, 1), np.float32)}
    for _ in range(2):
        step.train(one, np.zeros((4, 1), np.float32), np.ones(4, np.float32))
    step.variables()  # Brings what was learnt into the network's own variables.
    own, averages = [np.array(v) for v in model.weights], [np.array(v) for v in averages_of(step.optimizer)]
    with pytest.raises(RuntimeError, match="in between"), step.averaged():
        np.testing.assert_array_equal(model.weights[0], averages[0])
        raise RuntimeError("in between")
    for variable, value in zip(model.weights, own, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert (own[0] != averages[0]).all()
    # Averages are part of what a checkpoint holds.
    kept = step.variables()
    assert any(np.array_equal(value, averages[0]) and "optimizer" in name for name, value in kept.items())
