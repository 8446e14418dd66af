"""What a model family is. A new family is one new file in ``families/``.

Every family builds a flat functional Keras 3 graph that keeps these names, so that training, feature caching,
explanation and export need to know nothing else about it:

========================  =============================================================================
input ``image``           float32 (N, S, S, 3), raw RGB 0–255; scaling lives inside the graph
input ``tabular``         float32 (N, F), only where the spec has features; encoded by `TabularEncoder`
layer ``spatial``         float32 (N, h, w, c), the last spatial map after any pooling: what Grad-CAM explains
layer ``logits``          float32 (N, C), or (N, 1) for a sigmoid head
layer ``probabilities``   the output: softmax (N, C), rows sum to 1; or sigmoid (N, 1), P(second class)
========================  =============================================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ModelSpec:
    """What a family needs to know to build a network.

    Attributes:
        classes: labels in output order (sorted). Two classes may be a sigmoid or a two-way softmax: the family says.
        image_size: side of the square input in pixels.
        n_tabular: width of the tabular input; 0 for none.
        weights: "imagenet", "random" or the path of a ``.weights.h5`` file.
        freeze_backbone: whether the backbone is set not trainable.
        seed: seed of initial weights and dropout.
        inherits_statistics: whether another run's weights are put in afterwards that began with pretrained ones, so that
            the normalisation statistics are known although nothing is loaded here.
    """

    classes: tuple[str, ...]
    image_size: int
    n_tabular: int = 0
    weights: str = "imagenet"
    freeze_backbone: bool = False
    seed: int = 42
    inherits_statistics: bool = False


class ModelFamily(ABC):
    """A declaration of one architecture.

    Attributes:
        name: as the command line and run records know it; equals the module's name.
        title: as a page shows it.
        summary: one sentence for the page: what it is, and from which recipe.
        tabular: whether it takes columns beside the image.
        pretrained: the file name of its ImageNet weights, or None for a network without a pretrained backbone.
        frozen_output: with a frozen backbone, the layer whose output is cached once and on which the head trains;
            None where the family has no backbone.
        defaults: its `RunConfig` fields that differ from RunConfig's own defaults.
        space: the settings that a search tries unless told otherwise, in the command line's words: ``low:high``,
            ``low:high:log`` or ``a,b,c`` (see `search.space`).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    tabular: ClassVar[bool] = False
    pretrained: ClassVar[str | None] = None
    frozen_output: ClassVar[str | None] = None
    defaults: ClassVar[dict[str, Any]] = {}
    # What matters most for a network that is trained from nothing; the rate is searched around the usual one.
    space: ClassVar[dict[str, str]] = {
        "learning_rate": "1e-4:1e-2:log",
        "batch_size": "16,32,64",
        "balance": "none,class_weights,oversample",
        "label_smoothing": "0:0.2",
        "augmentation.rotation": "0:0.5",
        "augmentation.zoom": "0:0.3",
        "augmentation.brightness": "0:0.2",
        "augmentation.contrast": "0:0.3",
    }

    @abstractmethod
    def build(self, spec: ModelSpec) -> keras.Model:
        """A new, uncompiled network.

        Raises:
            ConfigError: if the spec does not fit the architecture.
            WeightsError: if the asked-for weights cannot be had.
        """
