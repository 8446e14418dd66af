"""The loss that belongs to a head, and the targets in the form that this loss takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skin_core.errors import ConfigError

if TYPE_CHECKING:
    import keras


FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class Objective:
    """How a network is scored while it trains.

    Attributes:
        kind: "binary" (sigmoid head), "categorical" (softmax head, one-hot or mixed targets) or "sparse" (softmax
            head, class numbers).
        n_classes: number of classes.
        label_smoothing: share of the target that is spread over all classes.
        form: "cross_entropy"; "focal", where what is known already counts less (Lin et al. 2017, arXiv:1708.02002, with
            an exponent of 2); or "logit_adjusted" for a softmax, cross-entropy after the log of each class's share in
            training was added to its logit, which learns scores as if the classes were equally frequent (Menon et al.
            2021, arXiv:2007.07314).
        priors: float (C,), those shares; for "logit_adjusted" alone.
    """

    kind: str
    n_classes: int
    label_smoothing: float = 0.0
    form: str = "cross_entropy"
    priors: tuple[float, ...] = ()

    def loss(self) -> keras.losses.Loss:
        """A new Keras loss on probabilities; sample weights are applied by Keras."""
        import keras

        smoothing = self.label_smoothing
        if self.form == "focal":
            if self.kind == "binary":
                return keras.losses.BinaryFocalCrossentropy(gamma=FOCAL_GAMMA, label_smoothing=smoothing)
            return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=FOCAL_GAMMA, label_smoothing=smoothing)
        if self.form == "logit_adjusted":
            from skin_core.models.adjusted import LogitAdjustedCrossentropy

            return LogitAdjustedCrossentropy(self.priors, label_smoothing=smoothing)
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

    def distilled(self, targets: np.ndarray, teacher: np.ndarray, share: float) -> np.ndarray:
        """Targets of which a part is what a teacher says.

        Args:
            targets: as `targets` gives them, float32 (N, 1) or (N, C).
            teacher: float (N, C), rows sum to 1.
            share: of the teacher, 0 to 1.

        Returns:
            float32, of the shape of ``targets``.

        Raises:
            ValueError: for "sparse", whose class numbers cannot be blended.
        """
        if self.kind == "sparse":
            raise ValueError("expected an objective whose targets can be blended; got class numbers")
        theirs = teacher[:, 1:] if self.kind == "binary" else teacher
        return ((1 - share) * targets + share * theirs).astype(np.float32)


def objective_of(
    model: keras.Model,
    n_classes: int,
    *,
    label_smoothing: float = 0.0,
    mixing: bool = False,
    form: str = "cross_entropy",
    counts: Sequence[int] = (),
) -> Objective:
    """The objective that fits a network's head.

    Args:
        model: a network of any family, or its head alone.
        n_classes: number of classes.
        label_smoothing: 0 for none.
        mixing: whether MixUp, CutMix or a teacher blends targets, which class numbers cannot express.
        form: see `Objective`.
        counts: training images of each class, for "logit_adjusted".

    Raises:
        ConfigError: for "logit_adjusted" with a sigmoid, whose one logit holds both classes.
        ValueError: if the output's width fits neither a sigmoid nor a softmax over the classes.
    """
    width = model.output_shape[-1]
    if width == 1 and n_classes == 2:
        if form == "logit_adjusted":
            raise ConfigError(
                "loss=logit_adjusted needs a softmax, and this family has one sigmoid for two classes; use "
                "balance=class_weights, which does the same there."
            )
        return Objective("binary", n_classes, label_smoothing, form)
    if width != n_classes:
        raise ValueError(f"expected a head of {n_classes} classes; got {width} outputs")
    if form == "logit_adjusted":
        # A class without a training image has no share; half an image keeps its logarithm finite.
        held = np.maximum(np.asarray(counts, np.float64), 0.5)
        return Objective("categorical", n_classes, label_smoothing, form, tuple((held / held.sum()).tolist()))
    if mixing or label_smoothing > 0 or form == "focal":
        return Objective("categorical", n_classes, label_smoothing, form)
    return Objective("sparse", n_classes)
