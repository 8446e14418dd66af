"""The step: gradient, update, and the outputs of the same pass, under whichever backend Keras runs on.

Keras' own ``train_on_batch`` returns no outputs, so training scores would need a second pass or approximate running
metrics; here the loop gets the probabilities of each step and scores the epoch exactly. What differs between TensorFlow,
JAX and PyTorch is in `training.steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_core.training import backend, steps

if TYPE_CHECKING:
    import keras

    from skin_core.training.recalibration import Statistics


def start_deterministic(seed: int, threads: int) -> None:
    """Makes everything after it repeatable; call once, before the first operation.

    Args:
        seed: of initial weights and dropout.
        threads: for one operation. Parallel sums depend on the number, so a resume must use the one it began with.

    Raises:
        ConfigError: if no backend can be had (see `backend.choose`).
    """
    steps.of_backend(backend.choose()).start(seed, threads)


class Step:
    """Trains and predicts batch by batch, with everything that changes exposed for checkpoints.

    The network's own variables are current after every method but `train`.

    Args:
        model: the network to train (or its head), not compiled.
        loss: a Keras loss on the model's output.
        optimizer: built over the model's trainable weights (`training.optimizer.optimizer_for`).
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss, optimizer: keras.optimizers.Optimizer) -> None:
        self.model = model
        self.optimizer = optimizer
        self._learner: steps.Learner = steps.of_backend().Learner(model, loss, optimizer)
        self._forward = steps.forward(model)
        self._statistics: Statistics | None = None

    def train(self, inputs: Mapping[str, Any], targets: Any, weights: Any) -> tuple[float, np.ndarray]:
        """One update.

        Args:
            inputs: numbers by input name; images may be uint8.
            targets: int (B,), or float (B, C or 1).
            weights: float (B,).

        Returns:
            The batch's loss and the outputs that it was computed from, float32 (B, C or 1).
        """
        targets = np.asarray(targets)
        targets = targets.astype(np.int32 if targets.ndim == 1 else np.float32)
        return self._learner.update(inputs, targets, np.asarray(weights, np.float32))

    def predict(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Outputs without dropout, float32 (B, C or 1)."""
        self._learner.settle()
        return self._forward(inputs)

    def recalibrate(self, batches: Iterable[Mapping[str, Any]]) -> None:
        """Batch normalisation's statistics anew, from what the network makes of unaugmented images without dropout.

        See `training.recalibration`.

        Args:
            batches: inputs by name.
        """
        from skin_core.training.recalibration import Statistics

        self._learner.settle()
        if self._statistics is None:
            self._statistics = Statistics(self.model)
        self._statistics.measure(batches)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the network has the moving averages of its weights, where the optimizer keeps them.

        They are of about the last 1 / (1 - decay) steps, of all of them in a run of fewer.
        """
        from skin_core.training.optimizer import averages_of

        self._learner.settle()
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
        import keras

        self._learner.settle()
        return {name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in self._named()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Puts such a copy back.

        Raises:
            ValueError: if it is of another network.
        """
        self._learner.settle()
        for name, variable in self._named():
            if name not in arrays or tuple(arrays[name].shape) != tuple(variable.shape):
                came = tuple(arrays[name].shape) if name in arrays else "nothing"
                raise ValueError(f"expected {name} of shape {tuple(variable.shape)}; got {came}")
            variable.assign(arrays[name])

    def _named(self) -> list[tuple[str, keras.Variable]]:
        # `variables` has the states of dropout's seed generators, which `weights` has not.
        model = [(f"model_{i:05d}", variable) for i, variable in enumerate(self.model.variables)]
        return model + [(f"optimizer_{i:05d}", variable) for i, variable in enumerate(self.optimizer.variables)]
