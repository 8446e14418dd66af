"""An ensemble as one graph: its members' passes, pooled, with one map a class; and as one Keras network.

The ensemble's Grad-CAM map is the ReLU of the sum of its members' maps before theirs, each counted by
`Pool.map_weights`. Maps of other sizes are resized to the finest grid first (bilinear, cell centres aligned, so that a
spot stays where it is in the picture). Features are the members', one after the other.

Imports TensorFlow; only the export's own process imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from skin_core.screening.export import explained, graph_of, scores
from skin_core.screening.passes import Network, Passed
from skin_core.screening.pooling import Pool

# Far below any logit, and finite: the converter folds infinities into NaN.
_ABSENT = -1e9


def export_pool(networks: Sequence[Network], pool: Pool, *, engine: str = "float32") -> bytes:
    """The bytes of a ``screen.tflite`` of an ensemble.

    Args:
        networks: the members, in the pool's order; of one input size.
        pool: makes one answer of theirs.
        engine: "float32", or "float16" for weights that `compact.make_compact` has rounded.

    Raises:
        BundleError: if an operator has no LiteRT counterpart.
    """

    def screen(image: tf.Tensor, tabular: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        found = [network(image, tabular) for network in networks]
        grid = _finest([passed.gradcam.shape[2:] for passed in found])
        outputs = {
            **scores(pooled([passed.logits for passed in found], pool)),
            "features": tf.concat([passed.features for passed in found], axis=1),
            "maps": _summed([passed.gradcam for passed in found], pool, grid),
            "spatial": tf.concat([_resized(passed.spatial, grid) for passed in found], axis=-1),
        }
        if plus := _all_plus(found):
            outputs["maps_plus"] = _summed(plus, pool, grid)
        return outputs

    return graph_of(networks, screen, engine=engine)


def pooled(logits: Sequence, pool: Pool):
    """The formula of `pooling.Pool` as Keras operations, for a graph and for a Keras network alike.

    Args:
        logits: of each member, (N, C).
        pool: the numbers.

    Returns:
        (N, C).
    """
    scaled = [
        ops.multiply(one, np.float32(1 / temperature)) + np.asarray(bias, np.float32)[None]
        for one, temperature, bias in zip(logits, pool.temperatures, pool.biases, strict=True)
    ]
    if pool.how == "mean":
        return ops.multiply(_total(scaled), np.float32(1 / len(scaled)))
    ranks = [_bent(_log_odds(one), knots, pool.levels) for one, knots in zip(scaled, pool.knots, strict=True)]
    mean = ops.multiply(_total(ranks), np.float32(1 / len(ranks)))
    back = np.broadcast_to(pool.levels, pool.read_back.shape)
    return _log_sigmoid(_bent(mean, back, pool.read_back))


def _log_odds(scaled):
    """log(p_c / (1 - p_c)) of softmax, (N, C)."""
    classes = scaled.shape[-1]
    mask = (np.eye(classes) * _ABSENT).astype(np.float32)[None]
    others = ops.expand_dims(scaled, 1) + mask
    largest = ops.max(others, axis=-1, keepdims=True)
    total = ops.log(ops.sum(ops.exp(others - largest), axis=-1)) + ops.squeeze(largest, axis=-1)
    return scaled - total


def _bent(values, knots: np.ndarray, levels: np.ndarray):
    """Piecewise linear, (N, C) from (N, C): ``levels`` (K,) or (C, K) at ``knots`` (C, K), held at the ends.

    A sum of ramps that each go from 0 to 1 between two knots: what is added is never large, so nothing cancels.
    """
    levels = np.broadcast_to(levels, knots.shape)
    low, width = knots[:, :-1].astype(np.float32)[None], np.diff(knots).astype(np.float32)[None]
    ramps = ops.minimum(ops.maximum((ops.expand_dims(values, -1) - low) * (1 / width), 0.0), 1.0)
    risen = ops.sum(ramps * np.diff(levels).astype(np.float32)[None], axis=-1)
    return risen + levels[:, 0].astype(np.float32)[None]


def _log_sigmoid(values):
    """By parts that LiteRT has: -(max(-x, 0) + log(1 + exp(-|x|)))."""
    return -(ops.maximum(-values, 0.0) + ops.log(1.0 + ops.exp(-ops.absolute(values))))


def _total(tensors: Sequence):
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total


def _finest(grids: Sequence) -> tuple[int, int]:
    return tuple(int(max(grid[axis] for grid in grids)) for axis in (0, 1))


def _resized(maps: tf.Tensor, grid: tuple[int, int]) -> tf.Tensor:
    """(1, h, w, c) on another grid."""
    return maps if tuple(maps.shape[1:3]) == grid else tf.image.resize(maps, grid)


def _summed(maps: Sequence[tf.Tensor], pool: Pool, grid: tuple[int, int]) -> tf.Tensor:
    """relu(Σ_i w_ic M_ic) of maps (1, C, h, w) before their ReLU."""
    weighted = [
        tf.transpose(_resized(tf.transpose(one, (0, 2, 3, 1)), grid) * weights.astype(np.float32), (0, 3, 1, 2))
        for one, weights in zip(maps, pool.map_weights, strict=True)
    ]
    return tf.nn.relu(tf.add_n(weighted))


def _all_plus(found: Sequence[Passed]) -> list[tf.Tensor]:
    """Each member's Grad-CAM++; empty where one lacks it, since a sum without it would be no ensemble's map."""
    plus = [passed.plus for passed in found]
    return [] if any(one is None for one in plus) else plus


def expected(
    models: Sequence[keras.Model], n_views: Sequence[int], pool: Pool, image: np.ndarray, tabular: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (1, C) and maps before their ReLU (1, C, h, w) that the graph must give: members by Keras, pooled by NumPy."""
    found = [
        explained(model, image, tabular if _takes_columns(model) else None, n_views=count)
        for model, count in zip(models, n_views, strict=True)
    ]
    grid = _finest([maps.shape[2:] for _, maps in found])
    total = np.zeros((1, len(pool.biases[0]), *grid))
    for (_, maps), weights in zip(found, pool.map_weights, strict=True):
        on_grid = _resized(tf.constant(np.moveaxis(maps, 1, -1), tf.float32), grid).numpy()
        total += np.moveaxis(on_grid, -1, 1) * weights[None, :, None, None]
    return pool(np.stack([logits for logits, _ in found])), total


def assembled(models: Sequence[keras.Model], pool: Pool) -> keras.Model:
    """The members and their pooling as one flat network from one input to ``probabilities``.

    Each member's layers keep their names behind "m0_", "m1_", ...; it looks at the picture as it is, once. There is no
    layer ``spatial`` of the whole, since each member reads its own.

    Args:
        models: of one input size; those with columns take the same.
        pool: makes one answer of theirs.
    """
    image = keras.Input(models[0].get_layer("image").output.shape[1:], name="image")
    widths = [tensor.shape[1] for model in models for tensor in model.inputs if tensor.name == "tabular"]
    columns = [keras.Input((widths[0],), name="tabular")] if widths else []
    starts = {tensor.name: tensor for tensor in [image, *columns]}
    logits = []
    for number, model in enumerate(models):
        only_logits = keras.Model(model.inputs, model.get_layer("logits").output)
        raw = _copied(only_logits, f"m{number}_", starts)
        if raw.shape[1] == 1:
            raw = ops.concatenate([ops.zeros_like(raw), raw], axis=1)
        logits.append(raw)
    last = keras.layers.Activation("linear", name="logits")(pooled(logits, pool))
    output = keras.layers.Activation("softmax", name="probabilities")(last)
    return keras.Model([image, *columns], output, name="ensemble")


def _copied(model: keras.Model, prefix: str, starts: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
    """The output of a copy of a network on other inputs, its layers renamed, its weights the same."""

    def renamed(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return type(layer).from_config({**config, "name": f"{prefix}{layer.name}"})

    tensors = [starts[tensor.name] for tensor in model.inputs]
    copy = keras.models.clone_model(model, input_tensors=tensors, clone_function=renamed)
    copy.set_weights(model.get_weights())
    return copy.output


def _takes_columns(model: keras.Model) -> bool:
    return any(tensor.name == "tabular" for tensor in model.inputs)
