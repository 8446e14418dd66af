"""Pretrained weights: looked up in the stated order, and one sentence when they cannot be had."""

import functools
import hashlib
import threading
import time
from dataclasses import replace
from http.server import HTTPServer, SimpleHTTPRequestHandler

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from skin_core.config import RunConfig
from skin_core.errors import WeightsError
from skin_core.models import weights
from skin_core.models.families import mobilenet_v2
from skin_core.models.families.efficientnet_b7 import _scale_as_trained
from skin_core.models.family import ModelSpec
from skin_core.models.registry import family
from skin_core.models.weights import Pretrained

SPEC = ModelSpec(classes=("benign", "malignant"), image_size=64, weights="imagenet")
# Nothing listens on the discard port of this machine.
NOWHERE = Pretrained(file="net_notop.h5", url="http://127.0.0.1:9/net_notop.h5", aliases=("other.weights.h5",))


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A weights folder and a Keras cache of the test's own."""
    (tmp_path / "weights").mkdir()
    (tmp_path / "keras" / "models").mkdir(parents=True)
    monkeypatch.setenv("LESIONLAB_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


@pytest.fixture(scope="module")
def backbone_file(tmp_path_factory):
    """A MobileNetV2 backbone, saved without the scaling in front of it, as the published files are."""
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    folder = tmp_path_factory.mktemp("backbone")
    backbone.save_weights(folder / "backbone.weights.h5")
    with h5py.File(folder / "backbone.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, backbone)
    return folder, backbone


def test_the_folder_comes_before_the_cache_and_keras_own_name_before_the_others(places):
    cached = places / "keras" / "models" / NOWHERE.file
    cached.touch()
    assert weights.find("imagenet", NOWHERE) == cached
    alias = places / "weights" / "other.weights.h5"
    alias.touch()
    assert weights.find("imagenet", NOWHERE) == alias
    own = places / "weights" / NOWHERE.file
    own.touch()
    assert weights.find("imagenet", NOWHERE) == own
    assert weights.find(str(alias), NOWHERE) == alias


def test_weights_that_cannot_be_had_are_a_sentence_within_seconds():
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"net_notop\.h5 .*LESIONLAB_WEIGHTS.*weights=random") as caught:
        weights.find("imagenet", NOWHERE)
    assert time.monotonic() - start < weights.CONNECT_SECONDS + 2
    assert str(caught.value).count(". ") == 0 and "\n" not in str(caught.value)


def test_a_path_that_is_not_there_is_named(places):
    with pytest.raises(WeightsError, match=r"There is no weights file .*absent\.weights\.h5"):
        weights.find(str(places / "absent.weights.h5"), NOWHERE)
    (places / "notes.txt").touch()
    with pytest.raises(WeightsError, match=r"notes\.txt is no weights file"):
        weights.find(str(places / "notes.txt"), NOWHERE)


class Files(SimpleHTTPRequestHandler):
    """Serves a folder; ``?3`` promises three bytes more than there are."""

    def log_message(self, *_):
        pass

    def send_header(self, keyword, value):
        _, _, missing = self.path.partition("?")
        super().send_header(
            keyword, str(int(value) + int(missing)) if missing and keyword == "Content-Length" else value
        )


@pytest.fixture
def server(places):
    (places / "served").mkdir()
    with HTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=places / "served")) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield places / "served", f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_download_lands_in_keras_cache_whole_or_not_at_all(server, places):
    folder, address = server
    (folder / "net_notop.h5").write_bytes(b"weights")
    served = replace(NOWHERE, url=f"{address}/net_notop.h5", md5=hashlib.md5(b"weights").hexdigest())
    cached = places / "keras" / "models" / "net_notop.h5"
    with pytest.raises(WeightsError, match="the checksum differs"):
        weights.find("imagenet", replace(served, md5=hashlib.md5(b"others").hexdigest()))
    with pytest.raises(WeightsError, match="File not found"):
        weights.find("imagenet", replace(served, url=f"{address}/absent.h5"))
    (folder / "short.h5").write_bytes(b"weights")
    with pytest.raises(WeightsError, match="ended 3 bytes too early"):
        weights.find("imagenet", replace(served, url=f"{address}/short.h5?3"))
    assert not list(cached.parent.iterdir())
    assert weights.find("imagenet", served) == cached and cached.read_bytes() == b"weights"


@pytest.mark.parametrize("file", ["backbone.weights.h5", "backbone.h5"])
def test_a_backbone_behind_its_scaling_takes_the_published_file(backbone_file, file):
    folder, backbone = backbone_file
    model = family("mobilenet_v2").build(replace(SPEC, weights=str(folder / file)))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    spatial = keras.Model(model.inputs, model.get_layer("spatial").output)
    np.testing.assert_allclose(
        np.asarray(spatial([pixels])), np.asarray(backbone(pixels / 127.5 - 1, training=False)), rtol=1e-4, atol=1e-12
    )
    trainable = [weight.path for weight in model.trainable_weights]
    assert {"Conv1/kernel", "bn_Conv1/gamma", "bn_Conv1/beta"} <= set(trainable)


def test_statistics_of_the_pretraining_are_kept_while_everything_else_trains(backbone_file, tmp_path):
    from skin_core.training.optimizer import optimizer_for
    from skin_core.training.step import Step

    folder, _ = backbone_file
    config = RunConfig(data="x", family="mobilenet_v2", learning_rate=0.01)
    inherits = replace(SPEC, weights="random", inherits_statistics=True)
    for spec in (replace(SPEC, weights=str(folder / "backbone.h5")), inherits):
        model = family("mobilenet_v2").build(spec)
        model.save(tmp_path / "saved.keras")
        model = keras.models.load_model(tmp_path / "saved.keras", compile=False)
        norm = model.get_layer("bn_Conv1")
        before = [np.array(weight) for weight in norm.weights]
        step = Step(model, keras.losses.SparseCategoricalCrossentropy(), optimizer_for(model, config))
        pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
        step.train({"image": pixels}, np.array([0, 1, 1, 0]), np.ones(4, np.float32))
        changed = [bool((old != np.array(new)).any()) for old, new in zip(before, norm.weights, strict=True)]
        # Beta learns; gamma may, but behind random kernels its gradient is too small to move it; the statistics stand.
        assert changed[1:] == [True, False, False] and norm.gamma.trainable


def test_the_files_of_the_weights_folder_are_taken(backbone_file, places):
    folder, _ = backbone_file
    (places / "weights" / mobilenet_v2.IMAGENET.aliases[0]).symlink_to(folder / "backbone.weights.h5")
    model = family("mobilenet_v2").build(SPEC)
    with h5py.File(folder / "backbone.h5") as file:
        stored = file["Conv1"]["Conv1"]["kernel"][()]
    np.testing.assert_array_equal(model.get_layer("Conv1").get_weights()[0], stored)


def test_a_damaged_file_or_one_of_another_network_is_a_sentence(backbone_file, tmp_path):
    folder, _ = backbone_file
    whole = (folder / "backbone.weights.h5").read_bytes()
    (tmp_path / "short.weights.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.weights.h5").write_text("not weights")
    (tmp_path / "empty.weights.h5").touch()
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    small.save_weights(tmp_path / "dense.weights.h5")
    for name in ("short", "text", "empty", "dense"):
        with pytest.raises(WeightsError, match=f"{name}.weights.h5 does not hold weights for mobilenetv2"):
            family("mobilenet_v2").build(replace(SPEC, weights=str(tmp_path / f"{name}.weights.h5")))


def test_random_weights_touch_no_file(monkeypatch):
    monkeypatch.setenv("LESIONLAB_WEIGHTS", "/nonexistent")
    model = family("mobilenet_v2").build(replace(SPEC, weights="random"))
    batch_norm = model.get_layer("bn_Conv1")
    assert batch_norm.trainable and batch_norm.momentum == 0.99


def test_efficientnet_input_is_scaled_as_its_weights_were_trained():
    backbone = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    (layer,) = (layer for layer in backbone.layers if isinstance(layer, keras.layers.Normalization))
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    layer.set_weights([mean, std**2, np.int64(1)])
    _scale_as_trained(backbone)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    normalised = keras.Model(backbone.inputs, layer.output)([pixels])
    np.testing.assert_allclose(np.asarray(normalised), (pixels / 255 - mean) / std / np.sqrt(std), atol=1e-4)
