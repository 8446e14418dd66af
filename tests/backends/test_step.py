"""The step, the same under every backend: by hand, restored to the bit, with batches of any size."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from skin_core.models.kept_statistics import keep_statistics
from skin_core.training.step import Step


def _linear() -> keras.Model:
    """Two numbers to two classes, weights of 0."""
    given = keras.Input((2,), name="pair")
    outputs = keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros", activation="softmax")(given)
    return keras.Model([given], outputs)


def _random() -> keras.Model:
    """Everything that changes beside weights: statistics and the seed of dropout."""
    image = keras.Input((4, 4, 3), name="image")
    x = keras.layers.Conv2D(6, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, name="drop")(x)
    x = keras.layers.Flatten()(x)
    return keras.Model([image], keras.layers.Dense(3, activation="softmax", name="out")(x))


def _batch(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return {"image": pixels}, (np.arange(n) % 3).astype(np.int32), np.ones(n, np.float32)


def _step(model: keras.Model, rate: float = 1e-3) -> Step:
    return Step(model, keras.losses.SparseCategoricalCrossentropy(), _adam(model, rate))


def _adam(model: keras.Model, rate: float) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    return optimizer


def test_a_step_by_hand() -> None:
    model = _linear()
    step = _step(model, 0.01)
    pairs = np.array([[1, 0], [0, 2]], np.float32)
    loss, outputs = step.train({"pair": pairs}, np.array([0, 1]), np.array([1.0, 3.0]))
    # Both images have probability ½ on either class: (1 ln 2 + 3 ln 2) / 2.
    assert loss == pytest.approx(2 * np.log(2), rel=1e-6)
    np.testing.assert_allclose(outputs, np.full((2, 2), 0.5), atol=1e-7)
    # The gradient is [[-¼, ¼], [1½, -1½]]; the first step of Adam is the rate against its sign.
    expected = [[0.01, -0.01], [-0.01, 0.01]]
    np.testing.assert_allclose(step.variables()["model_00000"], expected, rtol=1e-4)
    # So the first image's logits are ±0.01, and its probability of class 0 is 1 / (1 + exp(-0.02)).
    np.testing.assert_allclose(step.predict({"pair": pairs})[0, 0], 1 / (1 + np.exp(-0.02)), rtol=1e-5)


def test_targets_and_outputs_of_a_sigmoid() -> None:
    given = keras.Input((1,), name="number")
    outputs = keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")(given)
    model = keras.Model([given], outputs)
    step = Step(model, keras.losses.BinaryCrossentropy(), _adam(model, 1e-3))
    loss, found = step.train({"number": np.ones((2, 1))}, np.array([[1.0], [0.0]]), np.ones(2))
    assert loss == pytest.approx(np.log(2), rel=1e-6)
    assert found.shape == (2, 1)


def test_a_step_restored_goes_on_to_the_bit() -> None:
    step = _step(_random())
    for seed in range(2):
        step.train(*_batch(8, seed))
    kept = step.variables()
    first = [step.train(*_batch(8, seed)) for seed in (2, 3)]
    after = step.variables()
    step.restore(kept)
    second = [step.train(*_batch(8, seed)) for seed in (2, 3)]
    for (loss, outputs), (again, same) in zip(first, second, strict=True):
        assert loss == again
        np.testing.assert_array_equal(outputs, same)
    for name, values in step.variables().items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_a_new_step_goes_on_where_another_was_left() -> None:
    one, other = _step(_random()), _step(_random())
    one.train(*_batch(8))
    other.restore(one.variables())
    first, second = one.train(*_batch(8, 1)), other.train(*_batch(8, 1))
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])


def test_dropout_draws_anew_at_each_step() -> None:
    step = _step(_random(), 1e-7)
    before = step.train(*_batch(8))[1]
    assert np.abs(before - step.train(*_batch(8))[1]).max() > 0.01


def test_a_rate_of_nothing_changes_no_weight_but_the_statistics() -> None:
    model = _random()
    step = _step(model)
    step.train(*_batch(8))
    step.variables()  # Brings what was learnt into the network's own variables, here and below.
    before = {
        layer: [np.array(weight) for weight in model.get_layer(layer).get_weights()] for layer in ("conv", "norm")
    }
    step.set_rate(0.0)
    step.train(*_batch(8))
    step.variables()
    for was, weight in zip(before["conv"], model.get_layer("conv").get_weights(), strict=True):
        np.testing.assert_array_equal(was, weight)
    assert np.abs(before["norm"][2] - model.get_layer("norm").get_weights()[2]).max() > 0


def test_statistics_that_are_kept_normalise_in_training_too() -> None:
    image = keras.Input((2, 2, 1), name="image")
    x = keras.layers.BatchNormalization(name="norm")(image)
    x = keras.layers.Flatten()(x)
    model = keras.Model([image], keras.layers.Dense(2, activation="softmax", name="out")(x))
    layer = model.get_layer("norm")
    keep_statistics([layer])
    # Scale 2, shift 0, mean 3, variance 4.
    layer.set_weights([np.array([value], np.float32) for value in (2, 0, 3, 4)])
    step = _step(model, 0.01)
    pixels = {"image": np.random.default_rng(1).normal(7, 1, (8, 2, 2, 1)).astype(np.float32)}
    in_use = step.predict(pixels)
    in_training = step.train(pixels, np.arange(8) % 2, np.ones(8))[1]
    np.testing.assert_allclose(in_training, in_use, atol=1e-6)
    step.variables()
    scale, _, mean, variance = (float(weight[0]) for weight in layer.get_weights())
    assert (mean, variance) == (3, 4)
    assert abs(scale - 2) == pytest.approx(0.01, rel=1e-3)


def test_batches_of_any_size() -> None:
    step = _step(_random())
    step.train(*_batch(8))
    loss, outputs = step.train(*_batch(3))
    assert np.isfinite(loss) and outputs.shape == (3, 3)
    whole = step.predict(_batch(8)[0])
    np.testing.assert_allclose(step.predict({"image": _batch(8)[0]["image"][:5]}), whole[:5], atol=1e-6)
    np.testing.assert_allclose(step.predict({"image": _batch(8)[0]["image"][7:]}), whole[7:], atol=1e-6)


def test_what_is_no_input_of_the_network_is_passed_over() -> None:
    step = _step(_random())
    inputs, targets, weights = _batch(4)
    step.train({**inputs, "tabular": np.zeros((4, 2))}, targets, weights)
    np.testing.assert_array_equal(step.predict({**inputs, "tabular": np.zeros((4, 2))}), step.predict(inputs))


def test_a_checkpoint_of_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected model_00000 of shape \(3, 3, 3, 6\); got \(2, 2\)"):
        _step(_random()).restore(_step(_linear()).variables())


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone compiles for each size of batch")
def test_jax_compiles_an_update_for_the_full_batch_and_for_the_last_one_only() -> None:
    step = _step(_random())
    for _ in range(3):
        for size in (8, 8, 8, 3):
            step.train(*_batch(size))
        step.recalibrate([_batch(8)[0], _batch(3)[0]])
        step.predict(_batch(8)[0])
        step.restore(step.variables())
        step.set_rate(1e-4)
    assert step._learner.compiled == 2
