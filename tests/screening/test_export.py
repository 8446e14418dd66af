"""The exported graph against Keras: probabilities, features and the Grad-CAM map of each class, for every kind of head."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_bundle import N_TABULAR, SIZE, Networks

from skin_core.screening.engine import Engine

HEADS = ["pooled", "flat", "sigmoid_with_columns"]


def _inputs(kind: str, n: int = 3) -> tuple[np.ndarray, np.ndarray | None]:
    generator = np.random.default_rng(2)
    blocks = generator.integers(0, 256, (n, SIZE // 8, SIZE // 8, 3), dtype=np.uint8)
    images = blocks.repeat(8, axis=1).repeat(8, axis=2)
    columns = generator.normal(size=(n, N_TABULAR)).astype(np.float32)
    return images, columns if kind == "sigmoid_with_columns" else None


@pytest.mark.parametrize("kind", HEADS)
def test_graph_equals_keras(networks: Networks, kind: str) -> None:
    from skin_core.screening import export

    model = getattr(networks, kind)
    engine = Engine(export.export(model))
    images, columns = _inputs(kind)
    differences = export.parity(model, engine, images, columns)
    assert differences["probabilities"] < 1e-5
    assert differences["maps"] < 1e-4
    found = engine.run(images, columns)
    assert found.maps.max(axis=(1, 2, 3)).min() > 0, "maps of nothing would agree with anything"
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert found.features.shape == (3, 12)
    assert found.maps.min() >= 0


@pytest.mark.parametrize("kind", [*HEADS, "other"])
def test_gradcam_plus_of_every_class_equals_its_definition(networks: Networks, kind: str) -> None:
    from skin_core.explain.methods import Explainer
    from skin_core.screening import export

    model = _convolution_after_spatial() if kind == "other" else getattr(networks, kind)
    engine = Engine(export.export(model))
    assert engine.explains_plus and engine.gives_spatial
    images, columns = _inputs(kind, n=2)
    found = engine.run(images, columns)
    assert (found.maps_plus is None) == (kind in ("flat", "sigmoid_with_columns"))
    for index in range(2):
        explainer = Explainer(model, None if columns is None else columns[index : index + 1])
        for column in range(engine.n_classes):
            expected = explainer.map(images[index : index + 1].astype(np.float32), "gradcam++", column)
            mine = engine.gradcam_plus(found, index, column)
            # Where 2 + g Σ A is near 0, equation 19 enlarges the rounding of what goes in.
            assert mine / max(mine.max(), 1e-6) == pytest.approx(expected / max(expected.max(), 1e-6), abs=5e-4)


def _convolution_after_spatial():
    """A head that no shortcut is known for."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(6, 3, strides=4, activation="relu", name="spatial")(layers.Rescaling(1 / 255)(image))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 1, activation="relu")(x))
    return keras.Model(image, layers.Activation("softmax")(layers.Dense(3, name="logits")(x)))


def test_the_dense_kernel_is_kept_once(networks: Networks) -> None:
    from skin_core.screening import export

    largest = max(weight.size for weight in networks.flat.get_weights())
    assert len(export.export(networks.flat)) < 1.5 * 4 * largest + 40_000


def test_pooled_features_are_the_mean_of_the_spatial_layer(networks: Networks) -> None:
    import keras

    from skin_core.screening import export

    images, _ = _inputs("pooled")
    model = networks.pooled
    spatial = keras.Model(model.inputs, model.get_layer("spatial").output)([images.astype(np.float32)])
    found = Engine(export.export(model)).run(images)
    assert found.features == pytest.approx(np.asarray(spatial).mean(axis=(1, 2)), abs=1e-5)


def test_a_linear_head_gives_the_kernel_as_weights() -> None:
    """Behind global average pooling and one dense layer, Grad-CAM is the kernel over h·w, worked out by hand."""
    import keras

    from skin_core.screening import export

    image = keras.Input((32, 32, 3), name="image")
    spatial = keras.layers.AveragePooling2D(8, name="spatial")(image)
    pooled = keras.layers.GlobalAveragePooling2D()(spatial)
    logits = keras.layers.Dense(2, name="logits")(pooled)
    model = keras.Model(image, keras.layers.Activation("softmax", name="probabilities")(logits))
    kernel = np.array([[1.0, -1.0], [0.5, 2.0], [-2.0, 0.0]], np.float32)
    model.get_layer("logits").kernel.assign(kernel)
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    picture[0, :8, :8] = (100, 40, 10)
    found = Engine(export.export(model)).run(picture)
    # 100·1 + 40·0.5 - 10·2 = 100 and -100 + 80 + 0 = -20 → 0, each over the 16 cells of the map.
    assert found.maps[0, 0, 0, 0] == pytest.approx(100 / 16, rel=1e-5)
    assert found.maps[0, 1, 0, 0] == 0
    assert np.count_nonzero(found.maps) == 1


@pytest.mark.parametrize("kind", HEADS)
def test_export_leaves_the_model_as_it_was(networks: Networks, kind: str) -> None:
    from skin_core.screening import export

    model = getattr(networks, kind)
    before = [weight.copy() for weight in model.get_weights()]
    config = model.to_json()
    export.export(model)
    assert model.to_json() == config
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_compact_changes_the_network_by_rounding_only_and_still_agrees(networks: Networks) -> None:
    import keras

    from skin_core.screening import compact, export

    model = keras.models.clone_model(networks.flat)
    model.set_weights(networks.flat.get_weights())
    images, _ = _inputs("flat")
    before = np.asarray(model([images.astype(np.float32)]))
    full = len(export.export(model))
    compact.make_compact(model)
    assert np.asarray(model([images.astype(np.float32)])) == pytest.approx(before, abs=5e-3)
    kernel = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)).kernel.numpy()
    assert np.array_equal(kernel, kernel.astype(np.float16).astype(np.float32))
    graph = export.export(model, engine="float16")
    assert len(graph) < full
    differences = export.parity(model, Engine(graph), images, None)
    assert differences["probabilities"] < 1e-3 and differences["maps"] < 1e-2


def test_wrong_input_is_told(networks: Networks) -> None:
    from skin_core.errors import BundleError
    from skin_core.screening import export

    engine = Engine(export.export(networks.pooled))
    with pytest.raises(ValueError, match=r"images must be \(N, 48, 48, 3\)"):
        engine.run(np.zeros((1, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="not be given"):
        engine.run(np.zeros((1, SIZE, SIZE, 3), np.uint8), np.zeros((1, 2), np.float32))
    with pytest.raises(BundleError, match=r"no screening graph.*\.$"):
        Engine(b"no graph")
