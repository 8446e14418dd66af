"""From a Keras model to the screening graph: probabilities, logits, features and every class's Grad-CAM in one pass.

Grad-CAM (Selvaraju et al. 2017) of class c is ``relu(Σ_k w_ck A_k)``, with A the layer ``spatial`` and w_ck the mean
over space of d logit_c / d A_k. The gradient is traced into the graph, so every head that Keras can differentiate is
exported alike; behind global average pooling and one dense layer it folds to the dense kernel itself.

Imports TensorFlow; only the export's own process imports this module.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from skin_core.errors import BundleError
from skin_core.models.split import twin
from skin_core.screening.engine import SIGNATURE, Engine

PARITY_TOLERANCE = 1e-3


def export(model: keras.Model, *, half: bool = False) -> bytes:
    """Exports a model of a family as one LiteRT graph with a batch of one.

    Args:
        model: a flat functional graph with the names that `models.family` lists.
        half: store constants as float16 (they are computed with as float32); for weights that `compact.make_compact`
            has rounded.

    Returns:
        The bytes of a ``screen.tflite`` (builtin operators only).

    Raises:
        BundleError: if an operator has no LiteRT counterpart.
    """
    model = twin(model)
    image = model.get_layer("image").output
    logits = model.get_layer("logits").output
    spatial = model.get_layer("spatial").output
    tabular = [tensor for tensor in model.inputs if tensor.name == "tabular"]
    body = keras.Model(image, spatial)
    head = _traceable_head(keras.Model([spatial, *tabular], logits))
    n_logits = int(logits.shape[-1])

    def screen(image: tf.Tensor, tabular: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        maps = body(image, training=False)
        # One copy of the maps for each logit: one pass through the head and one back give all gradients.
        copies = tf.repeat(maps, n_logits, axis=0)
        others = [] if tabular is None else [tf.repeat(tabular, n_logits, axis=0)]
        with tf.GradientTape() as tape:
            tape.watch(copies)
            scores = head([copies, *others], training=False)
            own = tf.reduce_sum(scores * tf.eye(n_logits))
        weights = tf.reduce_mean(tape.gradient(own, copies), axis=(1, 2))
        explained = tf.reduce_sum(copies * weights[:, tf.newaxis, tf.newaxis, :], axis=-1)
        scores = scores[:1]
        if n_logits == 1:
            # What speaks for the first class of a sigmoid head is what speaks against the second.
            explained = tf.concat([-explained, explained], axis=0)
            scores = tf.concat([tf.zeros_like(scores), scores], axis=1)
        return {
            "probabilities": tf.nn.softmax(scores),
            "logits": scores,
            "features": tf.reduce_mean(maps, axis=(1, 2)),
            "maps": tf.nn.relu(explained)[tf.newaxis],
        }

    signature = [tf.TensorSpec((1, *image.shape[1:]), tf.float32, name="image")]
    signature += [tf.TensorSpec((1, *tensor.shape[1:]), tf.float32, name="tabular") for tensor in tabular]
    # ExportArchive, because tf.saved_model.save of a module around Keras 3 models loses the weights without a word.
    archive = keras.export.ExportArchive()
    archive.track(body)
    archive.track(head)
    archive.add_endpoint(SIGNATURE, screen, input_signature=signature)
    folder = Path(tempfile.mkdtemp(prefix="lesionlab-export-"))
    try:
        archive.write_out(str(folder), verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
    except tf.lite.python.convert_phase.ConverterError as error:
        raise BundleError(
            "The model has an operation that LiteRT lacks; use layers as the families do after 'spatial'."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _traceable_head(head: keras.Model) -> keras.Model:
    """A copy of the head whose ReLUs have a gradient that LiteRT can run (it lacks ReluGrad)."""

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.ReLU):
            if (config["max_value"], config["negative_slope"], config["threshold"]) != (None, 0.0, 0.0):
                raise BundleError("The head has a ReLU with other settings than the plain one; use the plain one.")
            return keras.layers.Activation(_relu, name=layer.name)
        plain = config.get("activation") == "relu"
        if plain:
            config["activation"] = "linear"
        fresh = layer.__class__.from_config(config)
        if plain:
            fresh.activation = _relu
        return fresh

    copy = keras.models.clone_model(head, clone_function=copied)
    copy.set_weights(head.get_weights())
    return copy


@tf.custom_gradient
def _relu(x: tf.Tensor):
    passes = tf.cast(x > 0, x.dtype)
    return tf.nn.relu(x), lambda upstream: upstream * passes


def reference(model: keras.Model, image: np.ndarray, tabular: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (1, C) and Grad-CAM maps (1, C, h, w) by Keras itself, eagerly, with the model's own layers.

    Shares no line with the exported graph but the definition.
    """
    from skin_core.models.outputs import class_probabilities

    inputs = {"image": tf.constant(image, tf.float32)}
    if tabular is not None:
        inputs["tabular"] = tf.constant(tabular, tf.float32)
    watched = keras.Model(model.inputs, [model.get_layer("spatial").output, model.get_layer("logits").output])
    with tf.GradientTape(persistent=True) as tape:
        maps, logits = watched([inputs[tensor.name] for tensor in model.inputs], training=False)
        scores = [-logits[0, 0], logits[0, 0]] if logits.shape[1] == 1 else tf.unstack(logits[0])
    explained = []
    for score in scores:
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2), keepdims=True)
        explained.append(tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1)).numpy()[0])
    raw = model([inputs[tensor.name] for tensor in model.inputs], training=False).numpy()
    return class_probabilities(raw, len(scores)), np.stack(explained)[np.newaxis]


def parity(model: keras.Model, engine: Engine, images: np.ndarray, tabular: np.ndarray | None) -> dict[str, float]:
    """Largest differences between the engine and Keras on pictures.

    Args:
        images: uint8 (N, S, S, 3), N ≥ 1.
        tabular: float32 (N, F) or None.

    Returns:
        "probabilities", absolute; "maps", in units of the picture's largest map value.
    """
    differences: dict[str, list[float]] = {"probabilities": [], "maps": []}
    for index in range(len(images)):
        row = slice(index, index + 1)
        beside = None if tabular is None else tabular[row]
        found = engine.run(images[row], beside)
        probabilities, maps = reference(model, images[row], beside)
        unit = max(float(np.abs(maps).max()), 1e-6)
        differences["probabilities"].append(np.abs(found.probabilities - probabilities).max())
        differences["maps"].append(np.abs(found.maps - maps).max() / unit)
    # np.max, because Python's max() would hide a NaN.
    return {name: float(np.max(values)) for name, values in differences.items()}


def save_compressed(model: keras.Model, target: Path) -> None:
    """Saves ``model.keras`` without optimizer state, its zip deflated."""
    with tempfile.TemporaryDirectory(prefix="lesionlab-export-") as folder:
        plain = os.path.join(folder, "model.keras")
        model.save(plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for entry in source.infolist():
                packed.writestr(entry.filename, source.read(entry))
