"""From a Keras model to the screening graph: probabilities, logits, features and every class's Grad-CAM in one pass.

The maps (Grad-CAM, and Grad-CAM++ where it is cheap) are operations of the same graph; see `attribution`. What goes
through a network, and how often, says `passes`.

Imports TensorFlow; only the export's own process imports this module.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from skin_core.errors import BundleError
from skin_core.evaluation.calibration import calibrated
from skin_core.screening.attribution import ENTRY, SCOPE
from skin_core.screening.engine import SIGNATURE, Engine
from skin_core.screening.passes import Network
from skin_core.screening.views import turned, turned_back
from skin_core.screening.views import views as views_of

Examples = Mapping[str, np.ndarray]


def export(
    model: keras.Model,
    *,
    engine: str = "float32",
    examples: Examples | None = None,
    maps: bool = True,
    views: int = 1,
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
        views: of each picture, whose answers are averaged; see `screening.views`.

    Returns:
        The bytes of a ``screen.tflite`` (builtin operators only).

    Raises:
        BundleError: if an operator has no LiteRT counterpart.
    """
    network = Network(model, views)

    def screen(image: tf.Tensor, tabular: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        if not maps:
            return scores(network.logits(image, tabular))
        found = network(image, tabular)
        for_plus = {} if found.by_unit is None else {"by_unit": found.by_unit}
        if found.plus is not None:
            for_plus = {"maps_plus": tf.nn.relu(found.plus)}
        return {
            **scores(found.logits),
            "features": found.features,
            "maps": tf.nn.relu(found.gradcam),
            "spatial": found.spatial,
            **for_plus,
        }

    return graph_of([network], screen, engine=engine, examples=examples)


def scores(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    """A graph's ``logits`` (1, C) and ``probabilities``."""
    return {"probabilities": tf.nn.softmax(logits), "logits": logits}


def graph_of(
    networks: Sequence[Network],
    screen: Callable[..., dict[str, tf.Tensor]],
    *,
    engine: str = "float32",
    examples: Examples | None = None,
) -> bytes:
    """A LiteRT graph of what a function makes of networks.

    Args:
        networks: of one input size; those with columns take the same.
        screen: ``(image, tabular)`` or ``(image)`` → the graph's outputs by name.
        engine, examples: see `export`.

    Raises:
        BundleError: if an operator has no LiteRT counterpart.
    """
    n_tabular = max(network.n_tabular for network in networks)
    signature = [tf.TensorSpec((1, *networks[0].image_shape), tf.float32, name="image")]
    signature += [tf.TensorSpec((1, n_tabular), tf.float32, name="tabular")] if n_tabular else []
    # ExportArchive, because tf.saved_model.save of a module around Keras 3 models loses the weights without a word.
    archive = keras.export.ExportArchive()
    for network in networks:
        for part in network.parts:
            archive.track(part)
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


def explained(
    model: keras.Model, image: np.ndarray, tabular: np.ndarray | None, *, n_views: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (1, C) and Grad-CAM maps before their ReLU (1, C, h, w) by Keras itself, eagerly.

    Shares no line with the exported graph but the definition.
    """
    shown = views_of(n_views)
    given = {"image": np.concatenate([turned(image, view, rows=1, columns=2) for view in shown])}
    if tabular is not None:
        given["tabular"] = np.repeat(tabular, len(shown), axis=0)
    watched = keras.Model(model.inputs, [model.get_layer("spatial").output, model.get_layer("logits").output])
    with tf.GradientTape(persistent=True) as tape:
        spatial, raw = watched([tf.constant(given[tensor.name], tf.float32) for tensor in model.inputs], training=False)
        # A sigmoid head has one logit: what speaks for its first class is what speaks against the second.
        both = tf.concat([-raw, raw], axis=1) if raw.shape[1] == 1 else raw
        # Views do not look at each other, so the sum's derivative holds that of each.
        by_class = [tf.reduce_sum(both[:, column]) for column in range(both.shape[1])]
    maps = []
    for score in by_class:
        weights = tf.reduce_mean(tape.gradient(score, spatial), axis=(1, 2), keepdims=True)
        maps.append(tf.reduce_sum(spatial * weights, axis=-1).numpy())
    by_view = np.moveaxis(np.stack(maps), 0, 1)
    laid = [turned_back(one[np.newaxis], view, rows=2, columns=3) for one, view in zip(by_view, shown, strict=True)]
    return logits_of(raw).mean(axis=0, keepdims=True), np.mean(laid, axis=0)


def logits_of(raw: tf.Tensor) -> np.ndarray:
    """float64 (N, C) from what a layer ``logits`` gave; a sigmoid head's are (0, z)."""
    values = np.asarray(raw, np.float64)
    return np.concatenate([np.zeros_like(values), values], axis=1) if values.shape[1] == 1 else values


def parity(
    model: keras.Model, engine: Engine, images: np.ndarray, tabular: np.ndarray | None, *, n_views: int = 1
) -> dict[str, float]:
    """Largest differences between the engine and Keras on pictures.

    Args:
        images: uint8 (N, S, S, 3), N ≥ 1.
        tabular: float32 (N, F) or None.
        n_views: of each picture that the engine looks at.

    Returns:
        "probabilities", absolute; "maps", in units of the picture's largest map value.
    """
    return differences(engine, images, tabular, lambda *given: explained(model, *given, n_views=n_views))


def differences(
    engine: Engine,
    images: np.ndarray,
    tabular: np.ndarray | None,
    expected: Callable[[np.ndarray, np.ndarray | None], tuple[np.ndarray, np.ndarray]],
) -> dict[str, float]:
    """Largest differences between the engine and what it should give.

    Args:
        images: uint8 (N, S, S, 3), N ≥ 1. tabular: float32 (N, F) or None.
        expected: picture (1, S, S, 3) and columns (1, F) or None → logits (1, C), maps before their ReLU (1, C, h, w).

    Returns:
        See `parity`.
    """
    found: dict[str, list[float]] = {"probabilities": [], "maps": []}
    for index in range(len(images)):
        row = slice(index, index + 1)
        beside = None if tabular is None else tabular[row]
        given = engine.run(images[row], beside)
        logits, raw = expected(images[row], beside)
        maps = np.maximum(raw, 0)
        unit = max(float(np.abs(maps).max()), 1e-6)
        found["probabilities"].append(np.abs(given.probabilities - calibrated(logits, 1.0)).max())
        found["maps"].append(np.abs(given.maps - maps).max() / unit)
    # np.max, because Python's max() would hide a NaN.
    return {name: float(np.max(values)) for name, values in found.items()}


def save_compressed(model: keras.Model, target: Path) -> None:
    """Saves ``model.keras`` without optimizer state, its zip deflated."""
    with tempfile.TemporaryDirectory(prefix="lesionlab-export-") as folder:
        plain = os.path.join(folder, "model.keras")
        model.save(plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for entry in source.infolist():
                packed.writestr(entry.filename, source.read(entry))
