"""Batch normalisation folded into the convolution before it."""

from __future__ import annotations

import numpy as np


def test_a_folded_network_gives_the_same_with_fewer_operations():
    import keras
    from keras import layers

    from skin_core.models.folded import with_folded_normalization

    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, use_bias=False)(image)
    x = layers.BatchNormalization(name="with_scale")(x)
    x = layers.Activation("silu")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    x = layers.BatchNormalization(scale=False, name="after_depthwise")(x)
    y = layers.Conv2D(16, 1)(x)
    x = layers.Add()([layers.BatchNormalization(name="two_takers")(y), y])
    model = keras.Model(image, layers.BatchNormalization(name="after_add")(x))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    inputs = rng.uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    before = keras.ops.convert_to_numpy(model(inputs, training=False))

    folded = with_folded_normalization(model)

    left = [layer.name for layer in folded.layers if isinstance(layer, layers.BatchNormalization)]
    assert sorted(left) == ["after_add", "two_takers"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(folded(inputs, training=False)), before, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(inputs, training=False)), before)
