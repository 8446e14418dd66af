"""The step as a pure function that JAX compiles: everything that changes goes in as an argument and comes out again.

Between two updates the state is JAX's own; Keras' variables are brought up to date where somebody looks at them
(`Learner.settle`), since that takes milliseconds for a network of hundreds of variables.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_core.training.steps import Forward
from skin_core.training.steps.inputs import Inputs

if TYPE_CHECKING:
    import jax
    import keras


def start(seed: int, threads: int) -> None:
    """See `step.start_deterministic`. JAX itself is not imported yet: it reads these when it first computes."""
    os.environ["PJRT_NPROC"] = str(threads)
    flags = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join([*flags, "--xla_gpu_deterministic_ops=true"])
    # Not `keras.utils.set_random_seed`, which would load TensorFlow where it is installed.
    random.seed(seed)
    np.random.seed(seed)


class Learner:
    """See `steps.Learner`. It compiles once for each size of batch: for the full one and for an epoch's last.

    Args:
        model: a flat functional graph. Seeds of dropout are among its variables that are not trainable.
        loss: a Keras loss on its output.
        optimizer: built on its trainable variables.
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss, optimizer: keras.optimizers.Optimizer) -> None:
        import jax
        import keras

        from skin_core.training.steps.kept import with_kept_statistics

        running = with_kept_statistics(model)
        self._inputs = inputs = Inputs(model)
        self._rate = optimizer.learning_rate
        self._variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        self._state: list[list[jax.Array]] | None = None
        (place,) = (at for at, variable in enumerate(optimizer.variables) if variable is self._rate)

        def loss_of(trainable, others, batch, targets, weights):
            # Not `stateless_call`: what runs has the network's variables in an order of its own.
            given = [*zip(self._variables[0], trainable, strict=True), *zip(self._variables[1], others, strict=True)]
            with keras.StatelessScope(state_mapping=given, collect_losses=True) as scope:
                outputs = running(inputs.arranged(_as_float(batch)), training=True)
                value = loss(targets, outputs, sample_weight=weights) + sum(running.losses)
            return value, (outputs, [scope.get_current_value(variable) for variable in self._variables[1]])

        def update(state, rate, batch, targets, weights):
            trainable, others, moments = state
            slopes = jax.value_and_grad(loss_of, has_aux=True)
            (value, (outputs, others)), gradients = slopes(trainable, others, batch, targets, weights)
            moments = [*moments[:place], rate, *moments[place + 1 :]]
            trainable, moments = optimizer.stateless_apply(moments, gradients, trainable)
            return [trainable, others, moments], value, outputs

        self._update = jax.jit(update, donate_argnums=0)

    def update(self, inputs: Mapping[str, Any], targets: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """See `steps.Learner.update`."""
        if self._state is None:
            # Copies: what an update is given it writes over, and two variables may hold one array.
            self._state = [[variable.value.copy() for variable in some] for some in self._variables]
        batch = self._inputs.taken(inputs)
        # The rate is the one thing that is set from outside between two updates.
        self._state, value, outputs = self._update(self._state, self._rate.value, batch, targets, weights)
        return float(value), np.array(outputs)

    def settle(self) -> None:
        """See `steps.Learner.settle`."""
        if self._state is None:
            return
        for some, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(some, values, strict=True):
                if variable is not self._rate:
                    variable.assign(value)
        self._state = None

    @property
    def compiled(self) -> int:
        """How often an update was compiled."""
        return self._update._cache_size()


def forward(model: keras.Model, *, by_row: bool = True) -> Forward:
    """See `steps.forward`. Compiled for the largest batch so far; a smaller one is filled up with zeros, and cut again."""
    import jax
    import keras

    inputs = Inputs(model)
    trainable, others = model.trainable_variables, model.non_trainable_variables

    def outputs_of(trainable, others, batch):
        arranged = inputs.arranged(_as_float(batch))
        return model.stateless_call(trainable, others, arranged, training=False)[0]

    compiled = jax.jit(outputs_of)
    largest = 0

    def run(batch: Mapping[str, Any]) -> Any:
        nonlocal largest
        given = {name: np.asarray(values) for name, values in inputs.taken(batch).items()}
        size = len(next(iter(given.values())))
        largest = max(largest, size)
        if by_row:
            given = {name: _filled(values, largest) for name, values in given.items()}
        outputs = compiled(_values(trainable), _values(others), given)
        return keras.tree.map_structure(lambda tensor: np.array(tensor[:size] if by_row else tensor), outputs)

    return run


def _values(variables: Sequence[keras.Variable]) -> list[jax.Array]:
    return [variable.value for variable in variables]


def _filled(values: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(values)
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)]) if missing else values


def _as_float(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    # Inside the compiled function, so that uint8 images are cast on the device.
    return {name: values.astype("float32") for name, values in batch.items()}
