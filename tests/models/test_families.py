"""What every family promises, whoever added it: parametrised over the registry."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.objective import objective_of
from skin_core.models.outputs import class_probabilities
from skin_core.models.registry import all_families, default_config, family
from skin_core.models.split import split_at_frozen

SIZE = 64
N_TABULAR = 5
CLASSES = {2: ("benign", "malignant"), 7: ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")}

# (family, number of classes, width of the tabular input): each family with two and seven classes, one of them with a
# table where it takes one, since building and saving a large backbone takes most of the time.
CASES = [
    (name, n_classes, N_TABULAR if declared.tabular and n_classes == 7 else 0)
    for name, declared in all_families().items()
    for n_classes in CLASSES
    # EfficientNetB7 takes ten seconds to build and twenty to save and load: once, as its recipe has it. The layer that
    # differs is the one of all families (`heads.classifier`).
    if not (name == "efficientnet_b7" and n_classes != 2)
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def built(request):
    import keras

    name, n_classes, width = request.param
    spec = ModelSpec(classes=CLASSES[n_classes], image_size=SIZE, n_tabular=width, weights="random", seed=7)
    model = family(name).build(spec)
    # A pass, layer by layer, through the larger ones takes seconds: once for all tests.
    yield family(name), spec, model, np.asarray(model(batch(spec), training=False))
    keras.backend.clear_session()


def batch(spec: ModelSpec, n: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = {"image": rng.integers(0, 256, (n, spec.image_size, spec.image_size, 3)).astype(np.float32)}
    if spec.n_tabular:
        inputs["tabular"] = rng.normal(size=(n, spec.n_tabular)).astype(np.float32)
    return inputs


def test_inputs_and_layers_have_the_promised_names(built):
    _, spec, model, _ = built
    assert [tensor.name for tensor in model.inputs] == (["image", "tabular"] if spec.n_tabular else ["image"])
    assert model.inputs[0].dtype == "float32"
    spatial = model.get_layer("spatial").output.shape
    assert len(spatial) == 4 and spatial[1] == spatial[2] >= 1
    assert model.get_layer("logits").output.shape == model.get_layer("probabilities").output.shape
    assert model.output is model.get_layer("probabilities").output


def test_the_graph_is_flat(built):
    import keras

    _, _, model, _ = built
    assert not [layer.name for layer in model.layers if isinstance(layer, keras.Model)]


def test_nothing_in_the_graph_is_bound_to_tensorflow(built):
    _, _, model, _ = built
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}


def test_probabilities_sum_to_one(built):
    _, spec, _, raw = built
    probabilities = class_probabilities(raw, len(spec.classes))
    assert probabilities.shape == (4, len(spec.classes))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    assert (probabilities >= 0).all()


def test_a_saved_network_gives_the_same_outputs(built):
    import keras

    _, spec, model, before = built
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path, compile=False, safe_mode=True)
        model.save_weights(Path(folder) / "model.weights.h5")
        np.testing.assert_array_equal(np.asarray(loaded(batch(spec), training=False)), before)
        loaded.set_weights([np.zeros_like(weight) for weight in loaded.get_weights()])
        loaded.load_weights(Path(folder) / "model.weights.h5")
    for mine, read in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(read, mine)


def test_gradient_steps_lower_the_loss(built):
    import keras

    declared, spec, model, _ = built
    inputs = batch(spec)
    if declared.frozen_output:
        # Training the backbone would take minutes, and an untrained one passes next to nothing on: the head is fed
        # with features of its own.
        _, model = split_at_frozen(model, declared)
        width = model.inputs[0].shape[1:]
        inputs = {**inputs, "features": np.random.default_rng(1).normal(size=(4, *width)).astype(np.float32)}
        del inputs["image"]
    objective = objective_of(model, len(spec.classes))
    targets = objective.targets(np.arange(4) % len(spec.classes))
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=objective.loss(), jit_compile=False)
    loss = keras.ops.convert_to_numpy(objective.loss()(targets, model(inputs, training=True)))
    for _ in range(5):
        model.train_on_batch(inputs, targets)
    assert keras.ops.convert_to_numpy(objective.loss()(targets, model(inputs, training=True))) < loss


def test_the_head_on_the_features_is_the_network(built):
    declared, spec, model, whole = built
    if declared.frozen_output is None:
        pytest.skip("no backbone")
    inputs = batch(spec)
    features, head = split_at_frozen(model, declared)
    image = inputs.pop("image")
    parts = head({"features": np.asarray(features({"image": image}, training=False)), **inputs}, training=False)
    np.testing.assert_allclose(np.asarray(parts), whole, atol=1e-6)
    head.get_layer("logits").bias.assign(np.ones(head.get_layer("logits").bias.shape))
    np.testing.assert_array_equal(np.asarray(model(inputs | {"image": image}, training=False)), whole)


@pytest.mark.parametrize("name", [name for name in all_families() if name != "efficientnet_b7"])
def test_one_seed_gives_one_network(name):
    spec = ModelSpec(classes=CLASSES[2], image_size=32, weights="random", seed=3)
    first, second = family(name).build(spec).get_weights(), family(name).build(spec).get_weights()
    other = family(name).build(dataclasses.replace(spec, seed=4)).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", ["mobilenet_v2", "tbp_fusion"])
def test_a_frozen_backbone_trains_only_the_head(name):
    spec = ModelSpec(classes=CLASSES[7], image_size=32, weights="random", freeze_backbone=True)
    model = family(name).build(spec)
    assert [weight.path for weight in model.trainable_weights] == ["logits/kernel", "logits/bias"]


@pytest.mark.parametrize("name", all_families())
def test_defaults_make_a_configuration(name):
    config = default_config(name, "somewhere")
    assert isinstance(config, RunConfig) and config.family == name
    declared = family(name)
    assert isinstance(declared, ModelFamily)
    assert (config.weights == "imagenet") == (declared.pretrained is not None)
    assert bool(config.features) <= declared.tabular


def test_a_family_without_a_tabular_branch_refuses_columns():
    with pytest.raises(ConfigError, match="light_cnn takes images only"):
        family("light_cnn").build(ModelSpec(classes=CLASSES[2], image_size=SIZE, n_tabular=3, weights="random"))


def test_one_class_is_no_classifier():
    with pytest.raises(ConfigError, match="at least two classes"):
        family("light_cnn").build(ModelSpec(classes=("nv",), image_size=SIZE, weights="random"))


def test_a_family_without_a_backbone_cannot_be_cut():
    declared = family("light_cnn")
    model = declared.build(ModelSpec(classes=CLASSES[2], image_size=32, weights="random"))
    with pytest.raises(ConfigError, match="light_cnn has no pretrained backbone; set freeze_backbone to false"):
        split_at_frozen(model, declared)


def test_an_unknown_family_lists_those_there_are():
    with pytest.raises(ConfigError, match="efficientnet_b7, isic_cnn, light_cnn"):
        family("resnet")


def test_published_layer_sizes():
    import keras

    light = family("light_cnn").build(ModelSpec(classes=CLASSES[7], image_size=128, weights="random"))
    assert light.get_layer("spatial").output.shape == (None, 16, 16, 256)
    # Counted by hand: 864 stem + 128 BN; blocks 320+2112+256, 640+8320+512, 1280+33024+1024; dense 65792, BN 1024,
    # softmax 1799.
    assert light.count_params() == 117_095
    isic = family("isic_cnn").build(ModelSpec(classes=tuple("abcdefghi"), image_size=180, weights="random"))
    assert isic.get_layer("spatial").output.shape == (None, 22, 22, 64)
    assert [layer.units for layer in isic.layers if isinstance(layer, keras.layers.Dense)] == [128, 9]
