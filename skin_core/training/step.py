"""The compiled step: gradient, update, and the outputs of the same pass. Training is tied to TensorFlow here alone.

Keras' own ``train_on_batch`` returns no outputs, so training scores would need a second pass or approximate running
metrics; here the loop gets the probabilities of each step and scores the epoch exactly. A JAX or torch version would
replace this file and what it uses (`training.fused`, `training.recalibration`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_core.training.optimizer import averages_of

if TYPE_CHECKING:
    import keras

    from skin_core.training.recalibration import Statistics


def start_deterministic(seed: int, threads: int) -> None:
    """Makes everything after it repeatable; call once, before the first operation.

    Args:
        seed: of initial weights and dropout.
        threads: for one operation. Parallel sums depend on the number, so a resume must use the one it began with.
    """
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


class Step:
    """Trains and predicts batch by batch, with everything that changes exposed for checkpoints.

    Args:
        model: the network to train (or its head), not compiled.
        loss: a Keras loss on the model's output.
        optimizer: built over the model's trainable weights (`training.optimizer.optimizer_for`).
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss, optimizer: keras.optimizers.Optimizer) -> None:
        import tensorflow as tf

        from skin_core.training.fused import with_fused_normalization

        self.model = model
        running = with_fused_normalization(model)
        self.optimizer = optimizer
        # An open batch dimension: the last, smaller batch must not compile the step a second time.
        structure = model.input
        named = structure if isinstance(structure, dict) else {tensor.name: tensor for tensor in model.inputs}
        inputs = {name: tf.TensorSpec((None, *tensor.shape[1:]), tf.float32) for name, tensor in named.items()}
        width = model.output_shape[-1]
        self._signature = inputs
        self._statistics: Statistics | None = None

        def arranged(batch):
            # In the structure that the graph was made with; Keras warns of any other.
            if isinstance(structure, dict):
                return batch
            tensors = [batch[name] for name in inputs]
            return tensors if isinstance(structure, list | tuple) else tensors[0]

        def train(batch, targets, weights):
            with tf.GradientTape() as tape:
                outputs = running(arranged(batch), training=True)
                value = loss(targets, outputs, sample_weight=weights)
                if model.losses:
                    value = value + tf.add_n(model.losses)
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(value, variables), variables)
            return value, outputs

        self._arranged = arranged
        self._train = {
            rank: tf.function(
                train, input_signature=(inputs, _targets_spec(tf, rank, width), tf.TensorSpec((None,), tf.float32))
            )
            for rank in (1, 2)
        }
        self._predict = tf.function(lambda batch: model(arranged(batch), training=False), input_signature=(inputs,))

    def train(self, inputs, targets, weights) -> tuple[float, np.ndarray]:
        """One update.

        Args:
            inputs: float32 tensors or arrays by input name.
            targets: int32 (B,), or float32 (B, C or 1).
            weights: float32 (B,).

        Returns:
            The batch's loss and the outputs that it was computed from, float32 (B, C or 1).
        """
        import tensorflow as tf

        inputs = self._as_inputs(inputs)
        targets = tf.convert_to_tensor(targets)
        targets = tf.cast(targets, tf.int32 if targets.shape.rank == 1 else tf.float32)
        value, outputs = self._train[targets.shape.rank](inputs, targets, tf.cast(weights, tf.float32))
        return float(value), outputs.numpy()

    def predict(self, inputs) -> np.ndarray:
        """Outputs without dropout, float32 (B, C or 1)."""
        return self._predict(self._as_inputs(inputs)).numpy()

    def recalibrate(self, batches: Iterable[Mapping[str, Any]]) -> None:
        """Batch normalisation's statistics anew, from what the network makes of unaugmented images without dropout.

        See `training.recalibration`.

        Args:
            batches: inputs by name.
        """
        from skin_core.training.recalibration import Statistics

        if self._statistics is None:
            self._statistics = Statistics(self.model, self._arranged, self._signature)
        self._statistics.measure(self._as_inputs(inputs) for inputs in batches)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the network has the moving averages of its weights, where the optimizer keeps them.

        Keras begins the averages at the first weights and takes no account of that, so early in a run they lag behind
        by as many steps as 1 / (1 - decay).
        """
        averages = averages_of(self.optimizer)
        own = [np.array(variable) for variable, _ in zip(self.model.trainable_variables, averages, strict=False)]
        for variable, average in zip(self.model.trainable_variables, averages, strict=False):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, value in zip(self.model.trainable_variables, own, strict=False):
                variable.assign(value)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next updates."""
        self.optimizer.learning_rate.assign(rate)

    def variables(self) -> dict[str, np.ndarray]:
        """A copy of everything that an update changes: weights, statistics, dropout seeds, optimizer."""
        return {name: np.array(variable) for name, variable in self._named()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Puts such a copy back.

        Raises:
            ValueError: if it is of another network.
        """
        for name, variable in self._named():
            if name not in arrays or tuple(arrays[name].shape) != tuple(variable.shape):
                came = tuple(arrays[name].shape) if name in arrays else "nothing"
                raise ValueError(f"expected {name} of shape {tuple(variable.shape)}; got {came}")
            variable.assign(arrays[name])

    def _as_inputs(self, inputs) -> dict:
        import tensorflow as tf

        # The image input of a batch is uint8 where nothing was augmented; a head has fewer inputs than the network.
        return {name: tf.cast(inputs[name], tf.float32) for name in self._signature}

    def _named(self) -> list[tuple[str, keras.Variable]]:
        # `variables` has the states of dropout's seed generators, which `weights` has not.
        model = [(f"model_{i:05d}", variable) for i, variable in enumerate(self.model.variables)]
        return model + [(f"optimizer_{i:05d}", variable) for i, variable in enumerate(self.optimizer.variables)]


def _targets_spec(tf, rank: int, width: int):
    return tf.TensorSpec((None,), tf.int32) if rank == 1 else tf.TensorSpec((None, width), tf.float32)
