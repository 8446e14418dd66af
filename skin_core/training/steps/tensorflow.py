"""The step as TensorFlow graphs, with batch normalisation as its fused operation (`training.fused`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skin_core.training.fused import with_fused_normalization
from skin_core.training.steps import Forward
from skin_core.training.steps.inputs import Inputs


def start(seed: int, threads: int) -> None:
    """See `step.start_deterministic`."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


class Learner:
    """See `steps.Learner`.

    Args:
        model: a flat functional graph.
        loss: a Keras loss on its output.
        optimizer: built on its trainable variables.
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss, optimizer: keras.optimizers.Optimizer) -> None:
        running = with_fused_normalization(model)
        self._inputs = inputs = Inputs(model)
        width = model.output_shape[-1]

        def update(batch, targets, weights):
            with tf.GradientTape() as tape:
                outputs = running(inputs.arranged(batch), training=True)
                value = loss(targets, outputs, sample_weight=weights)
                if model.losses:
                    value = value + tf.add_n(model.losses)
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)
            return value, outputs

        # An open batch dimension: the last, smaller batch must not compile the step a second time.
        weights = tf.TensorSpec((None,), tf.float32)
        targets = {1: tf.TensorSpec((None,), tf.int32), 2: tf.TensorSpec((None, width), tf.float32)}
        self._update = {
            rank: tf.function(update, input_signature=(_signature(inputs), spec, weights))
            for rank, spec in targets.items()
        }

    def update(self, inputs: Mapping[str, Any], targets: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """See `steps.Learner.update`."""
        batch = _as_float(self._inputs.taken(inputs))
        value, outputs = self._update[targets.ndim](batch, tf.constant(targets), tf.constant(weights))
        return float(value), outputs.numpy()

    def settle(self) -> None:
        """Nothing to do: a graph works on the variables themselves."""


def forward(model: keras.Model, *, by_row: bool = True) -> Forward:
    """See `steps.forward`. The batch dimension is open, so that every batch goes through one graph as it is."""
    inputs = Inputs(model)
    compiled = tf.function(
        lambda batch: model(inputs.arranged(batch), training=False), input_signature=(_signature(inputs),)
    )

    def run(batch: Mapping[str, Any]) -> Any:
        outputs = compiled(_as_float(inputs.taken(batch)))
        return keras.tree.map_structure(lambda tensor: tensor.numpy(), outputs)

    return run


def _signature(inputs: Inputs) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec((None, *shape), tf.float32) for name, shape in inputs.shapes.items()}


def _as_float(batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    # Images come as uint8 where nothing was augmented, and are cast here: a quarter of the bytes is moved until then.
    return {name: tf.cast(values, tf.float32) for name, values in batch.items()}
