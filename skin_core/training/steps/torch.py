"""The step in PyTorch, operation by operation as Keras calls them."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skin_core.training.steps import Forward
from skin_core.training.steps.inputs import Inputs

if TYPE_CHECKING:
    import keras


def start(seed: int, threads: int) -> None:
    """See `step.start_deterministic`."""
    # CUDA's matrix products repeat only with a workspace of a fixed size.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # A warning in the run's log for what a GPU cannot do repeatably, instead of the end of the run.
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nothing here reads memory that it has not written; filling it first would cost time at each operation.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # Not `keras.utils.set_random_seed`, which would load TensorFlow where it is installed.
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class Learner:
    """See `steps.Learner`.

    Args:
        model: a functional graph.
        loss: a Keras loss on its output.
        optimizer: built on its trainable variables.
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss, optimizer: keras.optimizers.Optimizer) -> None:
        from skin_core.training.steps.kept import with_kept_statistics

        self._model = model
        self._running = with_kept_statistics(model)
        self._loss = loss
        self._optimizer = optimizer
        self._inputs = Inputs(model)
        self._trainable = model.trainable_variables
        self._seeds = [variable for variable in model.variables if variable.name == "seed_generator_state"]

    def update(self, inputs: Mapping[str, Any], targets: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """See `steps.Learner.update`."""
        self._seed_dropout()
        # Gradients add up until they are forgotten.
        self._model.zero_grad()
        outputs = self._running(self._inputs.arranged(_as_float(self._inputs.taken(inputs))), training=True)
        value = self._loss(targets, outputs, sample_weight=weights) + sum(self._model.losses)
        value.backward()
        with torch.no_grad():
            self._optimizer.apply([variable.value.grad for variable in self._trainable], self._trainable)
        return float(value.detach()), outputs.detach().cpu().numpy()

    def _seed_dropout(self) -> None:
        # Keras' dropout without a seed of its own draws from PyTorch's global generator, which no checkpoint holds; so
        # each update draws from what the checkpoint does hold: the layers' seeds and the number of updates.
        if self._seeds:
            drawn_from = [int(number) for seed in self._seeds for number in seed.value.tolist()]
            drawn_from.append(int(self._optimizer.iterations.value))
            torch.manual_seed(int(np.random.SeedSequence(drawn_from).generate_state(1)[0]))

    def settle(self) -> None:
        """Nothing to do: an update works on the variables themselves."""


def forward(model: keras.Model, *, by_row: bool = True) -> Forward:
    """See `steps.forward`. Nothing is compiled: a batch of any size goes through as it is."""
    import keras

    inputs = Inputs(model)

    def run(batch: Mapping[str, Any]) -> Any:
        with torch.no_grad():
            outputs = model(inputs.arranged(_as_float(inputs.taken(batch))), training=False)
        return keras.tree.map_structure(lambda tensor: tensor.cpu().numpy(), outputs)

    return run


def _as_float(batch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    import keras

    # Moved to the device as they came (uint8 where nothing was augmented), and cast there.
    return {name: keras.ops.cast(keras.ops.convert_to_tensor(values), "float32") for name, values in batch.items()}
