"""The training step under each of Keras' backends: one file each, named as Keras names it, all with the same names.

========================================  ==========================================================================
``start(seed, threads)``                  makes what comes after it repeatable
``forward(model, by_row=True)``           a compiled call without dropout: NumPy arrays by name in, NumPy arrays out
``Learner(model, loss, optimizer)``       one update after another, see `Learner`
========================================  ==========================================================================

A fourth backend is a fourth file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Protocol

import numpy as np

# Inputs by name, each (B, ...); an output, or a list of them as the network has them.
Forward = Callable[[Mapping[str, Any]], Any]


class Learner(Protocol):
    """Trains a network batch by batch. The network's variables are current after `settle` only."""

    def update(self, inputs: Mapping[str, Any], targets: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Gradient and update.

        Args:
            inputs: by name, numbers of any type (B, ...); names that the network lacks are passed over.
            targets: int32 (B,), or float32 (B, C or 1).
            weights: float32 (B,).

        Returns:
            The batch's loss, and the outputs that it was computed from, float32 (B, C or 1).
        """
        ...

    def settle(self) -> None:
        """Brings everything learnt into the variables of network and optimizer; whoever changes those calls it first."""
        ...


def of_backend(name: str | None = None) -> ModuleType:
    """The module of a backend; without a name, of the one that Keras runs on."""
    if name is None:
        import keras

        name = keras.backend.backend()
    return importlib.import_module(f"{__name__}.{name}")


def forward(model: Any, *, by_row: bool = True) -> Forward:
    """A compiled call of a network as it is used, without dropout and with its statistics.

    Args:
        model: a flat functional graph; it is called with its variables as they are at each call.
        by_row: whether each row of an output belongs to one row of the inputs. Where a backend compiles for one size of
            batch, a smaller one may then be filled up.
    """
    return of_backend().forward(model, by_row=by_row)
