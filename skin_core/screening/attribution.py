"""Grad-CAM and Grad-CAM++ of every class as operations of the screening graph.

With A (h, w, c) the layer ``spatial`` and g = d logit / dA, both maps are ``relu(Σ_k w_k A_k)``. For Grad-CAM
(Selvaraju et al. 2017) w_k is the mean of g_k over space; for Grad-CAM++ see `plus`. What they cost depends on where
the head leaves space behind, so the network is asked:

- Global average pooling first: g is the same everywhere, α drops out of Grad-CAM++ (w_k is relu(g_k)), and all maps of
  both methods are one product of matrices.
- Flatten and a dense layer first: Grad-CAM needs no more of the dense kernel than its mean over space. Grad-CAM++ needs
  all of g, for nine classes as much work as the forward pass of a small network; the graph gives the factors of g, and
  `plus` multiplies them for the class that is asked for.
- Anything else: g is traced through one copy of the map for each class.

Imports TensorFlow; only the export's own process imports this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skin_core.errors import BundleError

# Parts of names: of the last large layer, and of every operation after it, which an int8 graph keeps in float32. An
# operation that the converter makes of both is the large layer's.
ENTRY, SCOPE = "explained_entry", "explained_head"


class Explained(NamedTuple):
    """What a head gives for one picture with C classes; n is 1 for a sigmoid head, else C.

    Attributes:
        logits: (1, n), as the layer ``logits`` gives them.
        gradcam: (1, C, h, w), before its ReLU: what several passes are averaged by comes first.
        for_plus: ``maps_plus`` (1, C, h, w), Grad-CAM++ likewise; or ``by_unit`` (1, n, u), the logits' derivatives by
            the u units of the dense layer after Flatten, of which `plus` makes it.
    """

    logits: tf.Tensor
    gradcam: tf.Tensor
    for_plus: dict[str, tf.Tensor]


class Head:
    """The part of a network after ``spatial``, with its maps.

    Args:
        model: a flat graph with the names that `models.family` lists; it is taken apart, so give a twin.
    """

    def __init__(self, model: keras.Model) -> None:
        logits = model.get_layer("logits").output
        spatial = model.get_layer("spatial").output
        self.n_logits = int(logits.shape[-1])
        _, self._h, self._w, self._c = spatial.shape
        self._activation: Callable[[tf.Tensor], tf.Tensor] = tf.identity
        self._kernel: np.ndarray | None = None
        first, then = _leaves_space(model.get_layer("spatial"))
        self._pooled = isinstance(first, keras.layers.GlobalAveragePooling2D)
        if self._pooled:
            entry = first.output
        elif isinstance(first, keras.layers.Flatten) and isinstance(then, keras.layers.Dense):
            entry = then.output
            self._kernel, self._bias = then.kernel.numpy(), then.bias.numpy() if then.use_bias else 0.0
            self._activation = _relu if then.activation is keras.activations.relu else then.activation
        else:
            entry = spatial
        beside = [tensor for tensor in model.inputs if tensor.name == "tabular"]
        self.network = traceable(keras.Model([entry, *beside], logits))

    def __call__(self, maps: tf.Tensor, tabular: tf.Tensor | None) -> Explained:
        """Explains one picture.

        Args:
            maps: float32 (1, h, w, c).
            tabular: float32 (1, F), or None.
        """
        with tf.name_scope(ENTRY):
            entry = self._entry(maps)
        with tf.name_scope(SCOPE):
            return self._explained(maps, entry, tabular)

    def _explained(self, maps: tf.Tensor, entry: tf.Tensor, tabular: tf.Tensor | None) -> Explained:
        logits, gradient = self._jacobian(entry, tabular)
        if self._pooled:
            weights = self._of_classes(gradient / (self._h * self._w))
            gradcam, plus = self._weighted(maps, weights, tf.nn.relu(weights))
        elif self._kernel is not None:
            over_space = self._kernel.reshape(-1, self._c, self._kernel.shape[-1]).mean(axis=0)
            weights = self._of_classes(tf.matmul(gradient, over_space, transpose_b=True))
            (gradcam,) = self._weighted(maps, weights)
            return Explained(logits, gradcam, {"by_unit": gradient[tf.newaxis]})
        else:
            gradient = self._of_classes(tf.reshape(gradient, (self.n_logits, -1, self._c)))
            gradcam, plus = self._weighted(maps, tf.reduce_mean(gradient, axis=1), self._plus(maps, gradient))
        return Explained(logits, gradcam, {"maps_plus": plus})

    def logits(self, maps: tf.Tensor, tabular: tf.Tensor | None) -> tf.Tensor:
        """The forward pass alone, (1, n)."""
        others = [] if tabular is None else [tabular]
        return self.network([self._activation(self._entry(maps)), *others], training=False)

    def _entry(self, maps: tf.Tensor) -> tf.Tensor:
        """Where the gradient stops: the pooled features, the dense layer before its activation, or the map."""
        if self._pooled:
            return tf.reduce_mean(maps, axis=(1, 2))
        if self._kernel is not None:
            return tf.matmul(tf.reshape(maps, (1, -1)), self._kernel) + self._bias
        return maps

    def _jacobian(self, entry: tf.Tensor, tabular: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits (1, n), and their derivatives by ``entry`` (1, ...) as (n, ...)."""
        # One copy for each logit: one pass through the network and one back give all derivatives.
        copies = self._copies(entry)
        others = [] if tabular is None else [self._copies(tabular)]
        with tf.GradientTape() as tape:
            tape.watch(copies)
            scores = self.network([self._activation(copies), *others], training=False)
            own = tf.reduce_sum(scores * tf.eye(self.n_logits))
        return scores[:1], tape.gradient(own, copies)

    def _copies(self, row: tf.Tensor) -> tf.Tensor:
        # tf.repeat would begin with a reshape, which the converter makes one with the layer before.
        return tf.tile(row, [self.n_logits, *[1] * (len(row.shape) - 1)])

    def _of_classes(self, by_logit: tf.Tensor) -> tf.Tensor:
        # What speaks for the first class of a sigmoid head is what speaks against the second.
        return tf.concat([-by_logit, by_logit], axis=0) if self.n_logits == 1 else by_logit

    def _plus(self, maps: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """Weights (C, c) of Grad-CAM++ from gradients (C, h·w, c)."""
        total = tf.reduce_sum(maps, axis=(1, 2))[:, tf.newaxis]
        there = tf.cast(gradient != 0, tf.float32)
        alpha = tf.math.divide_no_nan(there, 2.0 + gradient * total)
        weighted = tf.reduce_sum(alpha * tf.nn.relu(gradient), axis=1)
        return tf.math.divide_no_nan(weighted, tf.reduce_sum(alpha, axis=1))

    def _weighted(self, maps: tf.Tensor, *weights: tf.Tensor) -> list[tf.Tensor]:
        """Σ_k w_k A_k as (1, C, h, w) for each set of weights (C, c), in one product."""
        found = tf.matmul(tf.reshape(maps, (-1, self._c)), tf.concat(weights, axis=0), transpose_b=True)
        found = tf.reshape(tf.transpose(found), (1, -1, self._h, self._w))
        n = found.shape[1] // len(weights)
        # Slices and no split: the converter would store what it splits as int8, whatever is asked for.
        return [found[:, number * n : (number + 1) * n] for number in range(len(weights))]


def traceable(network: keras.Model) -> keras.Model:
    """A copy whose ReLUs have a gradient that LiteRT can run (it lacks ReluGrad).

    Raises:
        BundleError: for a ReLU with settings of its own.
    """

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

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    return copy


def _leaves_space(layer: keras.layers.Layer) -> tuple[keras.layers.Layer | None, keras.layers.Layer | None]:
    """The only layer that reads the spatial map, and the only one that reads that one; what trains only is skipped."""
    first = _reader(layer)
    return first, None if first is None else _reader(first)


def _reader(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    nodes = layer._outbound_nodes
    if len(nodes) != 1:
        return None
    reader = nodes[0].operation
    return _reader(reader) if isinstance(reader, keras.layers.Dropout) else reader


@tf.custom_gradient
def _relu(x: tf.Tensor):
    passes = tf.cast(x > 0, x.dtype)
    return tf.nn.relu(x), lambda upstream: upstream * passes
