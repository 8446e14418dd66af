"""A bundle made by hand from a small untrained network and drawn lesions: everything but a training run."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from handmade_bundle import N_TABULAR, SIZE, Networks, write_bundle
from PIL import Image

from skin_core.imaging.decode import fit
from skin_core.screening import trust
from skin_core.screening.bundle import read_info
from skin_core.screening.gate import Gate
from skin_core.screening.outputs import outputs_of


@pytest.fixture(scope="session")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """JPEG bytes of 120 drawn lesions."""
    from skin_core.data.demo import write_demo

    root = write_demo(tmp_path_factory.mktemp("lesions") / "ham", layout="ham10000", n=120)
    return [path.read_bytes() for path in sorted(root.rglob("*.jpg"))]


@pytest.fixture(scope="session")
def networks() -> Networks:
    import keras
    from keras import layers

    def build(*, flat: bool, classes: int, columns: bool) -> keras.Model:
        keras.utils.set_random_seed(7)
        image = keras.Input((SIZE, SIZE, 3), name="image")
        x = layers.Rescaling(1 / 255)(image)
        x = layers.Conv2D(12, 3, strides=2, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Activation("linear", name="spatial")(x)
        x = layers.Flatten()(x) if flat else layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(16, activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.5)(x)
        inputs = [image]
        if columns:
            inputs.append(keras.Input((N_TABULAR,), name="tabular"))
            x = layers.Concatenate()([x, layers.Dense(4, activation="relu")(inputs[1])])
            x = layers.ReLU()(layers.Dense(8)(x))
        logits = layers.Dense(classes, name="logits")(x)
        output = layers.Activation("sigmoid" if classes == 1 else "softmax", name="probabilities")(logits)
        model = keras.Model(inputs, output)
        generator = np.random.default_rng(1)
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):
                width = layer.moving_mean.shape
                layer.moving_mean.assign(generator.normal(0, 0.2, width))
                layer.moving_variance.assign(generator.uniform(0.2, 2, width))
                layer.gamma.assign(generator.uniform(-1.5, 1.5, width))
                layer.beta.assign(generator.normal(0, 0.3, width))
        model.get_layer("logits").kernel.assign(generator.normal(0, 1, model.get_layer("logits").kernel.shape))
        return model

    return Networks(
        pooled=build(flat=False, classes=3, columns=False),
        flat=build(flat=True, classes=9, columns=False),
        sigmoid_with_columns=build(flat=True, classes=1, columns=True),
    )


@pytest.fixture(scope="session")
def bundle_files(
    networks: Networks, lesions: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The large files of a bundle of classes bkl, mel and nv."""
    from skin_core.screening import export
    from skin_core.screening.engine import Engine

    graph = export.export(networks.pooled)
    pixels = np.stack([fit(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), SIZE, "crop") for data in lesions])
    found = outputs_of(Engine(graph), pixels, np.arange(len(pixels)), None)
    gate = Gate.fit(found.features[:80], pixels[:80], found.features[80:], pixels[80:])
    saved = tmp_path_factory.mktemp("keras") / "model.keras"
    export.save_compressed(networks.pooled, saved)
    return {
        "screen.tflite": graph,
        "gate.npz": gate.to_bytes(),
        "model.keras": saved.read_bytes(),
        "signatures.npz": b"none",
    }


@pytest.fixture
def bundle_folder(bundle_files: dict[str, bytes], workspace: Path) -> Path:
    """A trusted bundle "small" in this test's models folder."""
    folder = write_bundle(workspace.parent / "models" / "small", bundle_files)
    trust.allow(read_info(folder).digest, "small")
    return folder
