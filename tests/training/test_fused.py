"""The fused batch normalisation: the numbers that Keras' own layer gives, and a network that is still saved as Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from skin_core.models.family import ModelSpec
from skin_core.models.registry import family
from skin_core.training.fused import FusedNormalization, with_fused_normalization


@pytest.fixture
def layer() -> keras.layers.BatchNormalization:
    layer = keras.layers.BatchNormalization(momentum=0.9)
    layer.build((None, 4, 4, 3))
    layer.gamma.assign([2.0, 0.5, -1.0])
    layer.beta.assign([0.0, 1.0, -3.0])
    return layer


def _exact(layer, x: np.ndarray, upstream: np.ndarray) -> dict[str, np.ndarray]:
    """By the formulas of Ioffe and Szegedy (2015), in double precision."""
    x, upstream, axes = x.astype(np.float64), upstream.astype(np.float64), (0, 1, 2)
    n = x.size // x.shape[-1]
    mean, variance = x.mean(axes), x.var(axes)
    root = 1 / np.sqrt(variance + layer.epsilon)
    normal = (x - mean) * root
    by_gamma, by_beta = (upstream * normal).sum(axes), upstream.sum(axes)
    gamma = layer.gamma.numpy()
    return {
        "outputs": gamma * normal + layer.beta.numpy(),
        "by_inputs": gamma * root * (upstream - by_beta / n - normal * by_gamma / n),
        "by_gamma": by_gamma,
        "by_beta": by_beta,
        "moving_mean": 0.1 * mean,
        "moving_variance": 0.9 + 0.1 * variance,
    }


def test_outputs_gradients_and_statistics_are_the_formulas(layer) -> None:
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(5, 4, 4, 3)) * [0.2, 1, 8] + [0, -4, 30]).astype(np.float32)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    expected = _exact(layer, x, upstream)
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = FusedNormalization(layer)(inputs, training=True)
    found = tape.gradient(outputs, [inputs, layer.gamma.value, layer.beta.value], output_gradients=upstream)
    found = [outputs, *found, layer.moving_mean, layer.moving_variance]
    for (name, value), got in zip(expected.items(), found, strict=True):
        np.testing.assert_allclose(np.asarray(got), value, rtol=2e-4, atol=2e-5, err_msg=name)


def test_a_frozen_layer_normalises_with_its_statistics_and_keeps_them(layer) -> None:
    layer.trainable = False
    x = np.full((2, 4, 4, 3), 7.0, np.float32)
    found = FusedNormalization(layer)(x, training=True)
    # Mean 0 and variance 1 as built: gamma * 7 / sqrt(1.001) + beta.
    expected = [2 * 7 / np.sqrt(1.001), 1 + 0.5 * 7 / np.sqrt(1.001), -3 - 7 / np.sqrt(1.001)]
    np.testing.assert_allclose(np.asarray(found)[1, 2, 3], expected, rtol=1e-5)
    assert layer.moving_mean.numpy().tolist() == [0, 0, 0]


def test_a_network_is_run_fused_and_saved_as_pure_keras(tmp_path) -> None:
    model = family("light_cnn").build(ModelSpec(("a", "b", "c"), 32, weights="random"))
    running = with_fused_normalization(model)
    assert sum(isinstance(layer, FusedNormalization) for layer in running.layers) == 4
    # Behind the pooling there are vectors, not maps: that layer stays as it is.
    assert running.get_layer("head_bn") is model.get_layer("head_bn")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    running([pixels], training=True)
    assert model.get_layer("block1_bn").moving_mean.numpy().any()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert not any(isinstance(layer, FusedNormalization) for layer in again.layers)
    np.testing.assert_allclose(again([pixels]), running([pixels], training=False), atol=1e-6)
