"""The deeper methods on small networks, against what must come out and against tf-keras-vis."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.errors import BundleError
from skin_core.explain.deeper import METHODS, SIGNED, explain
from skin_core.explain.scorecam import scorecam

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
    from skin_core.explain.methods import Explainer

    explainer = Explainer(spot_model)
    for column, quarter in ((0, (slice(0, 0.5), slice(0, 0.5))), (1, (slice(0.5, 1), slice(0.5, 1)))):
        heat = explainer.map(spots, method, column)
        assert heat.max() > 0
        if method in SIGNED:
            assert heat.min() < 0, "the other class's spot speaks against this one"
            heat = np.maximum(heat, 0)
        assert heat.min() >= 0
        if method != "smoothgrad":  # The gradient of a linear network is the same everywhere.
            side = len(heat)
            inside = heat[tuple(slice(int(part.start * side), int(part.stop * side)) for part in quarter)]
            assert inside.sum() > 0.9 * heat.sum()


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_columns_are_held_fixed_and_nothing_is_modified(sigmoid_model, spots: np.ndarray) -> None:
    from skin_core.explain.methods import Explainer

    columns = np.array([[0.5, 2.0]], np.float32)
    before = sigmoid_model.to_json(), [weight.copy() for weight in sigmoid_model.get_weights()]
    explainer = Explainer(sigmoid_model, columns)
    speaks_for = explainer.map(spots, "gradcam++", 1)
    assert speaks_for[1:3, 1:3].sum() > 0.9 * speaks_for.sum() > 0
    assert explainer.map(spots, "scorecam", 1).shape == (8, 8)
    assert sigmoid_model.to_json() == before[0]
    assert all(np.array_equal(old, new) for old, new in zip(before[1], sigmoid_model.get_weights(), strict=True))


@pytest.fixture(scope="module")
def uneven_model():
    """Flatten and a hidden layer: its gradient differs from place to place, and so do the weights of Grad-CAM++."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(8, 3, strides=4, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(12, activation="relu")(layers.Flatten()(layers.Activation("linear", name="spatial")(x)))
    logits = layers.Dense(3, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(logits))


def _normalised(heat) -> np.ndarray:
    heat = np.asarray(heat)
    return (heat - heat.min()) / np.ptp(heat)


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize("column", [0, 1, 2])
def test_maps_equal_those_of_tf_keras_vis(uneven_model, column: int) -> None:
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    from skin_core.explain.methods import Explainer
    from skin_core.screening import export
    from skin_core.screening.engine import Engine

    blocks = np.random.default_rng(4).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    picture = blocks.repeat(4, axis=1).repeat(4, axis=2)
    pixels = picture.astype(np.float32)
    cam = {"penultimate_layer": "spatial", "seek_penultimate_conv_layer": False, "expand_cam": False}
    theirs = GradcamPlusPlus(uneven_model, model_modifier=ReplaceToLinear(), clone=True)
    expected = _normalised(theirs(CategoricalScore(column), pixels, **cam)[0])
    explainer = Explainer(uneven_model)
    assert _normalised(explainer.map(pixels, "gradcam++", column)) == pytest.approx(expected, abs=1e-4)
    engine = Engine(export.export(uneven_model))
    output = engine.run(picture)
    assert output.maps_plus is None, "the graph gives the factors"
    assert _normalised(engine.gradcam_plus(output, 0, column)) == pytest.approx(expected, abs=1e-4)

    # tf-keras-vis puts a softmax over whatever the model gives, so it is given logits.
    import keras

    logits = keras.Model(uneven_model.inputs, uneven_model.get_layer("logits").output)
    expected = _normalised(Scorecam(logits)(CategoricalScore(column), pixels, **cam)[0])
    assert _normalised(explainer.map(pixels, "scorecam", column)) == pytest.approx(expected, abs=1e-4)
    found = scorecam(output.spatial[0], pixels[0], column, lambda images: engine.run(images).probabilities)
    assert _normalised(found) == pytest.approx(expected, abs=1e-4)


def test_wrong_requests_are_one_sentence() -> None:
    with pytest.raises(BundleError, match=r"no explanation method 'magic'; there are gradcam\+\+"):
        explain(None, np.zeros((8, 8, 3), np.uint8), "magic", "mel", given={})
