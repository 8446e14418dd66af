"""Normalisation statistics taken anew: the pooled moments of what the network makes of whole images without dropout."""

from __future__ import annotations

import keras
import numpy as np

from skin_core.training.step import Step
from skin_core.training.steps import forward


def _network() -> keras.Model:
    image = keras.Input((2, 2, 1), name="image")
    x = keras.layers.Dropout(0.5, name="drop")(image)
    x = keras.layers.BatchNormalization(name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    x = keras.layers.Rescaling(10.0, name="tenfold")(x)
    x = keras.layers.BatchNormalization(name="vectors")(x)
    return keras.Model([image], keras.layers.Dense(2, activation="softmax", name="out")(x))


def _step(model: keras.Model) -> Step:
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    return Step(model, keras.losses.SparseCategoricalCrossentropy(), optimizer)


def test_statistics_are_the_moments_of_all_batches_together() -> None:
    model = _network()
    # Two batches: images of all 1 and all 3, then one of all 8. By hand over 12 pixels: mean 4, variance 26/3.
    first = np.stack([np.full((2, 2, 1), value) for value in (1.0, 3.0)])
    second = np.full((1, 2, 2, 1), 8.0)
    _step(model).recalibrate([{"image": first}, {"image": second}])
    layer = model.get_layer("maps")
    np.testing.assert_allclose(layer.moving_mean, [4.0], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [26 / 3], rtol=1e-6)


def test_deeper_layers_see_what_the_batch_makes_of_the_layers_before() -> None:
    model = _network()
    images = np.stack([np.full((2, 2, 1), value) for value in (1.0, 3.0)])
    _step(model).recalibrate([{"image": images}])
    # Normalised by mean 2 and variance 1 (and Keras' epsilon of 0.001) to ∓1, pooled, tenfold: mean 0, variance 100.
    layer = model.get_layer("vectors")
    np.testing.assert_allclose(layer.moving_mean, [0.0], atol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, [100 / 1.001], rtol=1e-4)


def test_frozen_layers_and_weights_stay_and_no_batch_changes_nothing() -> None:
    model = _network()
    model.get_layer("maps").trainable = False
    step = _step(model)
    before = [np.array(weight) for weight in model.trainable_variables]
    step.recalibrate([])
    assert np.array(model.get_layer("vectors").moving_variance).tolist() == [1.0]
    step.recalibrate([{"image": np.random.default_rng(0).normal(5, 2, (8, 2, 2, 1))}])
    assert np.array(model.get_layer("maps").moving_mean).tolist() == [0.0]
    assert np.array(model.get_layer("vectors").moving_mean)[0] != 0
    for was, weight in zip(before, model.trainable_variables, strict=True):
        assert (was == np.array(weight)).all()


def test_dropout_before_batch_normalisation_no_longer_shifts_what_comes_out() -> None:
    """The variance behind dropout .5 of values around 4 is about four times theirs; in use it must be 1 again."""
    model = _network()
    step = _step(model)
    rng = np.random.default_rng(1)
    for _ in range(400):
        pixels = rng.normal(4, 2, (32, 2, 2, 1)).astype(np.float32)
        step.train({"image": pixels}, np.zeros(32, np.int32), np.ones(32, np.float32))
    pixels = rng.normal(4, 2, (256, 2, 2, 1)).astype(np.float32)
    layer = model.get_layer("maps")
    seen = forward(keras.Model(model.inputs, layer.output))

    def variance() -> float:
        gamma = layer.get_weights()[0][0]
        return float(np.var(seen({"image": pixels})) / gamma**2)

    step.variables()  # What was learnt is in the network's own variables from here on.
    # Behind dropout .5 a value v is 0 or 2v: variance 2 (4² + 2²) - 4² = 24, where 4 is left in use.
    np.testing.assert_allclose(variance(), 4 / 24, rtol=0.15)
    step.recalibrate([{"image": pixels}])
    np.testing.assert_allclose(variance(), 1.0, rtol=0.01)
