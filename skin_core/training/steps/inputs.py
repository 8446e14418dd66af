"""The inputs of a network by name, whatever structure its graph was made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


class Inputs:
    """Picks a network's inputs out of a batch.

    Args:
        model: a functional graph.

    Attributes:
        shapes: of each input by name, without the batch.
    """

    def __init__(self, model: keras.Model) -> None:
        self._structure = model.input
        named = self._structure
        if not isinstance(named, dict):
            named = {tensor.name: tensor for tensor in model.inputs}
        self.shapes = {name: tuple(tensor.shape[1:]) for name, tensor in named.items()}

    def taken(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs that the network has: a head has fewer than a batch of the whole network."""
        return {name: batch[name] for name in self.shapes}

    def arranged(self, batch: Mapping[str, Any]) -> Any:
        """In the structure that the graph was made with; Keras warns of any other."""
        if isinstance(self._structure, dict):
            return dict(batch)
        tensors = [batch[name] for name in self.shapes]
        return tensors if isinstance(self._structure, list | tuple) else tensors[0]
