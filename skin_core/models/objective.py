"""The loss that belongs to a head, and the targets in the form that this loss takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Objective:
    """How a network is scored while it trains.

    Attributes:
        kind: "binary" (sigmoid head), "categorical" (softmax head, one-hot or mixed targets) or "sparse" (softmax
            head, class numbers).
        n_classes: number of classes.
        label_smoothing: share of the target that is spread over all classes.
    """

    kind: str
    n_classes: int
    label_smoothing: float = 0.0

    def loss(self) -> keras.losses.Loss:
        """A new Keras loss on probabilities; sample weights are applied by Keras."""
        import keras

        if self.kind == "binary":
            return keras.losses.BinaryCrossentropy(label_smoothing=self.label_smoothing)
        if self.kind == "categorical":
            return keras.losses.CategoricalCrossentropy(label_smoothing=self.label_smoothing)
        return keras.losses.SparseCategoricalCrossentropy()

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """Class numbers as targets.

        Args:
            labels: int (N,), 0 to n_classes - 1.

        Returns:
            float32 (N, 1) for "binary", float32 (N, C) for "categorical", int32 (N,) for "sparse".
        """
        labels = np.asarray(labels, dtype=np.int32)
        if self.kind == "binary":
            return labels[:, None].astype(np.float32)
        if self.kind == "categorical":
            return np.eye(self.n_classes, dtype=np.float32)[labels]
        return labels


def objective_of(
    model: keras.Model, n_classes: int, *, label_smoothing: float = 0.0, mixing: bool = False
) -> Objective:
    """The objective that fits a network's head.

    Args:
        model: a network of any family, or its head alone.
        n_classes: number of classes.
        label_smoothing: 0 for none.
        mixing: whether MixUp or CutMix blends targets, which class numbers cannot express.

    Raises:
        ValueError: if the output's width fits neither a sigmoid nor a softmax over the classes.
    """
    width = model.output_shape[-1]
    if width == 1 and n_classes == 2:
        return Objective("binary", n_classes, label_smoothing)
    if width != n_classes:
        raise ValueError(f"expected a head of {n_classes} classes; got {width} outputs")
    if mixing or label_smoothing > 0:
        return Objective("categorical", n_classes, label_smoothing)
    return Objective("sparse", n_classes)
