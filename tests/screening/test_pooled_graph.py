"""Two networks in one graph: answers and maps worked out by hand, then every kind of head against Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade_bundle import N_TABULAR, SIZE, Networks

from skin_core.screening.engine import Engine
from skin_core.screening.pooling import Pool


def _linear(cell: int, kernel: list[float]):
    """Means of square cells, their mean over space, and the red channel times two numbers."""
    import keras

    image = keras.Input((32, 32, 3), name="image")
    spatial = keras.layers.AveragePooling2D(cell, name="spatial")(image)
    logits = keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(spatial))
    model = keras.Model(image, keras.layers.Activation("softmax", name="probabilities")(logits))
    model.get_layer("logits").set_weights([np.array([kernel, [0, 0], [0, 0]], np.float32), np.zeros(2, np.float32)])
    return model


@pytest.fixture(scope="module")
def pair() -> list:
    return [_linear(8, [1, 0]), _linear(16, [0, 2])]


@pytest.fixture
def corner() -> np.ndarray:
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    picture[0, :8, :8, 0] = 160
    return picture


def test_the_mean_of_two_and_their_maps_by_hand(pair: list, corner: np.ndarray) -> None:
    from skin_core.screening.passes import Network
    from skin_core.screening.pooled_graph import export_pool

    pool = Pool.fit("mean", np.zeros((2, 2, 2)), np.array([2.0, 4.0]), np.array([[0, 0], [0.25, 0]]))
    found = Engine(export_pool([Network(model) for model in pair], pool)).run(corner)
    # The mean red is 160 · 64 / 1024 = 10: logits (10, 0) and (0, 20), over their temperatures (5, 0) and (0, 5).
    assert found.logits[0] == pytest.approx([2.5 + 0.125, 2.5], abs=1e-5)
    assert found.features[0] == pytest.approx([10, 0, 0, 10, 0, 0], abs=1e-5)
    # The first member: 160 · 1 / 16 = 10 in the corner cell of 4 × 4, counted 1 / (2 · 2).
    assert found.maps.shape == (1, 2, 4, 4)
    assert found.maps[0, 0, 0, 0] == pytest.approx(2.5, abs=1e-5)
    assert np.count_nonzero(found.maps[0, 0]) == 1
    # The second: 40 · 2 / 4 = 20 in the corner cell of 2 × 2, counted 1 / (2 · 4); enlarged, a cell's share falls off
    # as 1, 3/4, 1/4, 0.
    share = np.array([1, 0.75, 0.25, 0])
    assert found.maps[0, 1] == pytest.approx(2.5 * np.outer(share, share), abs=1e-5)
    assert found.spatial.shape == (1, 4, 4, 6)


def test_what_speaks_against_a_class_in_one_member_is_weighed_against_the_other(corner: np.ndarray) -> None:
    from skin_core.screening.passes import Network
    from skin_core.screening.pooled_graph import export_pool

    # +3 and -1 in the same cells: the sum of the members' own maps would be 3, the map of their mean is (3 - 1) / 2.
    networks = [Network(_linear(8, [3, 0])), Network(_linear(8, [-1, 0]))]
    pool = Pool.fit("mean", np.zeros((2, 2, 2)), np.ones(2), np.zeros((2, 2)))
    found = Engine(export_pool(networks, pool)).run(corner)
    assert found.maps[0, 0, 0, 0] == pytest.approx(10 * (3 - 1) / 2, abs=1e-4)


@pytest.mark.parametrize("how", ["mean", "rank"])
def test_as_one_keras_network_it_says_the_same_and_loads_in_safe_mode(
    pair: list, corner: np.ndarray, how: str, tmp_path: Path
) -> None:
    import keras

    from skin_core.explain.methods import Explainer
    from skin_core.screening.pooled_graph import assembled

    generator = np.random.default_rng(2)
    pool = Pool.fit(how, generator.normal(0, 4, (2, 40, 2)), np.array([2.0, 4.0]), np.array([[0, 0], [0.25, 0]]))
    whole = assembled(pair, pool)
    whole.save(tmp_path / "whole.keras")
    loaded = keras.saving.load_model(tmp_path / "whole.keras", compile=False, safe_mode=True)
    said = np.asarray(loaded([corner.astype(np.float32)], training=False))
    logits = pool(np.array([[[10.0, 0.0]], [[0.0, 20.0]]]))
    assert said == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-5)
    # It looks where its members look: the noise of SmoothGrad goes through all of it.
    smooth = Explainer(loaded).map(corner.astype(np.float32), "smoothgrad", 0)
    assert smooth.shape == (32, 32) and smooth.min() >= 0 and smooth.max() > 0
    names = [layer.name for layer in loaded.layers]
    assert {"m0_spatial", "m1_spatial", "logits", "probabilities"} <= set(names) and "spatial" not in names


@pytest.mark.parametrize(("how", "kind"), [("mean", "pooled"), ("rank", "sigmoid_with_columns")])
def test_every_kind_of_member_agrees_with_keras(networks: Networks, how: str, kind: str) -> None:
    from skin_core.models.split import twin
    from skin_core.screening import export
    from skin_core.screening.passes import Network
    from skin_core.screening.pooled_graph import expected, export_pool

    first = getattr(networks, kind)
    second = twin(first)
    generator = np.random.default_rng(6)
    second.set_weights([weight + generator.normal(0, 0.05, weight.shape) ** 2 for weight in first.get_weights()])
    models, views = [first, second], [1, 2]
    images = generator.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    columns = generator.normal(size=(2, N_TABULAR)).astype(np.float32) if kind == "sigmoid_with_columns" else None
    classes = 2 if kind == "sigmoid_with_columns" else 3
    validation, biases = generator.normal(0, 4, (2, 200, classes)), generator.normal(0, 0.3, (2, classes))
    pool = Pool.fit(how, validation, np.array([1.5, 0.8]), biases)
    engine = Engine(export_pool([Network(model, count) for model, count in zip(models, views, strict=True)], pool))
    found = export.differences(engine, images, columns, lambda *given: expected(models, views, pool, *given))
    assert found["probabilities"] < 1e-4 and found["maps"] < 1e-3
    answers = engine.run(images, columns)
    assert np.ptp(answers.logits, axis=0).max() > 1e-3 and answers.maps.max() > 0
    assert engine.explains_plus == (kind == "pooled")


def test_a_member_without_columns_goes_with_one_that_takes_them(networks: Networks) -> None:
    import keras
    from keras import layers

    from skin_core.screening.passes import Network
    from skin_core.screening.pooled_graph import assembled, expected, export_pool

    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(4, 3, strides=4, activation="relu", name="spatial")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x))
    plain = keras.Model(image, layers.Activation("softmax", name="probabilities")(x))
    models = [plain, networks.sigmoid_with_columns]
    pool = Pool.fit("mean", np.zeros((2, 2, 2)), np.ones(2), np.zeros((2, 2)))
    engine = Engine(export_pool([Network(model) for model in models], pool))
    assert engine.n_tabular == N_TABULAR
    picture = np.random.default_rng(1).integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    columns = np.ones((1, N_TABULAR), np.float32)
    wanted = expected(models, [1, 1], pool, picture, columns)[0]
    assert engine.run(picture, columns).logits == pytest.approx(wanted, abs=1e-4)
    whole = assembled(models, pool)
    said = np.asarray(whole([picture.astype(np.float32), columns], training=False))
    assert said == pytest.approx(np.exp(wanted) / np.exp(wanted).sum(), abs=1e-5)
