"""The methods of tf-keras-vis on small networks, and one of them through the process that the app asks."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.errors import BundleError
from skin_core.explain.deeper import METHODS, explain

SIZE = 32


@pytest.fixture(scope="module")
def spot_model():
    """Two classes that look at the red and at the blue of a picture."""
    import keras

    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    spatial = keras.layers.AveragePooling2D(4, name="spatial")(x)
    pooled = keras.layers.GlobalAveragePooling2D()(spatial)
    logits = keras.layers.Dense(2, name="logits")(pooled)
    model = keras.Model(image, keras.layers.Activation("softmax", name="probabilities")(logits))
    model.get_layer("logits").kernel.assign(np.array([[60, 0], [0, 0], [0, 60]], np.float32))
    return model


@pytest.fixture(scope="module")
def sigmoid_model():
    """One unit that looks at the picture's red and at a column."""
    import keras

    image = keras.Input((SIZE, SIZE, 3), name="image")
    beside = keras.Input((2,), name="tabular")
    spatial = keras.layers.AveragePooling2D(4, name="spatial")(keras.layers.Rescaling(1 / 255)(image))
    pooled = keras.layers.GlobalAveragePooling2D()(spatial)
    logits = keras.layers.Dense(1, name="logits")(keras.layers.Concatenate()([pooled, beside]))
    model = keras.Model([image, beside], keras.layers.Activation("sigmoid", name="probabilities")(logits))
    model.get_layer("logits").kernel.assign(np.array([[20], [0], [0], [1], [-1]], np.float32))
    return model


@pytest.fixture
def spots() -> np.ndarray:
    """A red spot at the upper left, a blue one at the lower right, on black."""
    picture = np.zeros((1, SIZE, SIZE, 3), np.float32)
    picture[0, 4:12, 4:12, 0] = 255
    picture[0, 20:28, 20:28, 2] = 255
    return picture


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_its_spot(spot_model, spots: np.ndarray, method: str) -> None:
    from skin_core.explain.methods import explainable, explanation

    model = explainable(spot_model, None)
    for column, quarter in ((0, (slice(0, 0.5), slice(0, 0.5))), (1, (slice(0.5, 1), slice(0.5, 1)))):
        heat = explanation(model, spots, method, column)
        assert heat.min() >= 0 and heat.max() > 0
        if method != "smoothgrad":  # The gradient of a linear network is the same everywhere.
            inside = heat[tuple(slice(int(part.start * 8), int(part.stop * 8)) for part in quarter)]
            assert inside.sum() > 0.9 * heat.sum()


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_columns_are_held_fixed_and_nothing_is_modified(sigmoid_model, spots: np.ndarray) -> None:
    import keras

    from skin_core.explain.methods import explainable, explanation

    columns = np.array([[0.5, 2.0]], np.float32)
    before = sigmoid_model.to_json(), [weight.copy() for weight in sigmoid_model.get_weights()]
    model = explainable(sigmoid_model, columns)
    own = float(np.asarray(sigmoid_model([spots, columns]))[0, 0])
    both = np.asarray(keras.ops.softmax(model([spots])))[0]
    assert both == pytest.approx([1 - own, own], abs=1e-6)
    speaks_for = explanation(model, spots, "gradcam++", 1)
    assert speaks_for[1:3, 1:3].sum() > 0.9 * speaks_for.sum() > 0
    assert explanation(model, spots, "scorecam", 1).shape == (8, 8)
    assert sigmoid_model.to_json() == before[0]
    assert all(np.array_equal(old, new) for old, new in zip(before[1], sigmoid_model.get_weights(), strict=True))


def test_wrong_requests_are_one_sentence() -> None:
    with pytest.raises(BundleError, match=r"no explanation method 'magic'; there are gradcam\+\+"):
        explain(None, np.zeros((8, 8, 3), np.uint8), "magic", "mel", given={})
