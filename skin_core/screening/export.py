"""From a Keras model to the screening graph: probabilities, logits, features and every class's Grad-CAM in one pass.

The maps (Grad-CAM, and Grad-CAM++ where it is cheap) are operations of the same graph; see `attribution`.

Imports TensorFlow; only the export's own process imports this module.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from skin_core.errors import BundleError
from skin_core.models.split import twin
from skin_core.screening.attribution import ENTRY, SCOPE, Head
from skin_core.screening.engine import SIGNATURE, Engine

Examples = Mapping[str, np.ndarray]


def export(
    model: keras.Model, *, engine: str = "float32", examples: Examples | None = None, maps: bool = True
) -> bytes:
    """Exports a model of a family as one LiteRT graph with a batch of one.

    Args:
        model: a flat functional graph with the names that `models.family` lists.
        engine: how the constants are stored and computed with, one of `variant.ENGINES`. "float16" stores them so and
            computes in float32: for weights that `compact.make_compact` has rounded. "dynamic" stores the large ones as
            int8 and rounds what comes in as it comes; "int8" computes the network in int8, its ranges taken from
            ``examples``, and only what explains it in float32.
        examples: for "int8", ``image`` (N, S, S, 3) and for a network with columns ``tabular`` (N, F).
        maps: without them the graph is the plain forward pass, which a bench compares with.

    Returns:
        The bytes of a ``screen.tflite`` (builtin operators only).

    Raises:
        BundleError: if an operator has no LiteRT counterpart.
    """
    model = twin(model)
    image = model.get_layer("image").output
    tabular = [tensor for tensor in model.inputs if tensor.name == "tabular"]
    body = keras.Model(image, model.get_layer("spatial").output)
    head = Head(model)

    def screen(image: tf.Tensor, tabular: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        spatial = body(image, training=False)
        if not maps:
            return outputs(head.logits(spatial, tabular))
        explained = head(spatial, tabular)
        return {
            **outputs(explained.logits),
            "features": tf.reduce_mean(spatial, axis=(1, 2)),
            "maps": explained.gradcam,
            "spatial": spatial,
            **explained.for_plus,
        }

    def outputs(scores: tf.Tensor) -> dict[str, tf.Tensor]:
        if head.n_logits == 1:
            scores = tf.concat([tf.zeros_like(scores), scores], axis=1)
        return {"probabilities": tf.nn.softmax(scores), "logits": scores}

    signature = [tf.TensorSpec((1, *image.shape[1:]), tf.float32, name="image")]
    signature += [tf.TensorSpec((1, *tensor.shape[1:]), tf.float32, name="tabular") for tensor in tabular]
    # ExportArchive, because tf.saved_model.save of a module around Keras 3 models loses the weights without a word.
    archive = keras.export.ExportArchive()
    archive.track(body)
    archive.track(head.network)
    archive.add_endpoint(SIGNATURE, screen, input_signature=signature)
    folder = Path(tempfile.mkdtemp(prefix="lesionlab-export-"))
    try:
        archive.write_out(str(folder), verbose=False)
        return _converted(folder, engine, examples)
    except ConverterError as error:
        raise BundleError(
            "The model has an operation that LiteRT lacks; use layers as the families do after 'spatial'."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _converted(saved: Path, engine: str, examples: Examples | None) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=[SIGNATURE])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if engine == "int8":
        if not examples:
            raise ValueError("an int8 graph needs examples to take its ranges from")
        names = _head_names(converter.convert())
        return _quantized(saved, names, examples)
    if engine != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if engine == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _quantized(saved: Path, in_float: list[str], examples: Examples) -> bytes:
    def feed() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for index in range(len(examples["image"])):
            yield SIGNATURE, {name: rows[index : index + 1].astype(np.float32) for name, rows in examples.items()}

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=[SIGNATURE])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    # The one public way to keep single operations in float32: logits of 256 levels would make steps in every risk.
    with warnings.catch_warnings():
        # TensorFlow's own tool still uses TensorFlow's own interpreter, which warns that it will go.
        warnings.filterwarnings("ignore", message="(?s).*tf.lite.Interpreter is deprecated")
        selective = tf.lite.experimental.QuantizationDebugger(
            converter=converter,
            debug_dataset=feed,
            debug_options=tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=in_float),
        )
    return selective.get_nondebug_quantized_model()


def _head_names(graph: bytes) -> list[str]:
    """Names of what is computed after the large layers, and of the outputs but ``spatial``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=graph)
    outputs = interpreter.get_signature_runner(SIGNATURE).get_output_details()
    ends = {details["name"] for name, details in outputs.items() if name != "spatial"}
    names = [tensor["name"] for tensor in interpreter.get_tensor_details()]
    return [name for name in names if name in ends or (SCOPE in name and ENTRY not in name)]


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
