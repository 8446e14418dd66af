"""One network as the passes that a graph makes through it: a picture as it is, or several views of it, averaged.

The views go through the network as one batch, so that the graph holds its large layers once. What is averaged is what
the network says before anything that bends: logits, pooled features, the spatial map laid back as the picture is, and
the Grad-CAM map before its ReLU. With s = mean over v of s_v, the derivative of s by the spatial map of view v is that of
s_v over the number of views, so the mean of the views' maps, laid back, is the Grad-CAM map of the averaged logit.

Imports TensorFlow; only the export's own process imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from skin_core.models.split import twin
from skin_core.screening.attribution import ENTRY, SCOPE, Explained, Head
from skin_core.screening.views import View, views


class Passed(NamedTuple):
    """What a network says of one picture with C classes.

    Attributes:
        logits: (1, C); a sigmoid head's are (0, z).
        features: (1, c), mean of ``spatial`` over space.
        spatial: (1, h, w, c), the layer ``spatial``.
        gradcam: (1, C, h, w), before its ReLU.
        plus: (1, C, h, w), Grad-CAM++ before its ReLU; None where the graph cannot give it.
        by_unit: (1, n, u), in place of ``plus``, of which `plus` makes it; None where it is not needed or, with several
            views, not enough.
    """

    logits: tf.Tensor
    features: tf.Tensor
    spatial: tf.Tensor
    gradcam: tf.Tensor
    plus: tf.Tensor | None
    by_unit: tf.Tensor | None


class Network:
    """A network taken apart for a graph.

    Args:
        model: a flat functional graph with the names that `models.family` lists; it stays as it is.
        n_views: how many views of a picture go through it; see `screening.views`.
    """

    def __init__(self, model: keras.Model, n_views: int = 1) -> None:
        model = twin(model)
        self.views = views(n_views)
        self.image_shape = tuple(model.get_layer("image").output.shape[1:])
        tabular = [tensor for tensor in model.inputs if tensor.name == "tabular"]
        self.n_tabular = int(tabular[0].shape[1]) if tabular else 0
        # The parts with weights, for whoever saves the graph.
        self.body = keras.Model(model.get_layer("image").output, model.get_layer("spatial").output)
        self._head = Head(model)

    @property
    def parts(self) -> tuple[keras.Model, keras.Model]:
        """What holds its weights."""
        return self.body, self._head.network

    def logits(self, image: tf.Tensor, tabular: tf.Tensor | None) -> tf.Tensor:
        """The forward pass alone, (1, C), of one picture (1, S, S, 3)."""
        found = [self._head.logits(spatial, self._beside(tabular)) for spatial in self._spatial(image)]
        return _both(_mean(found))

    def __call__(self, image: tf.Tensor, tabular: tf.Tensor | None) -> Passed:
        """All that a graph gives of one picture (1, S, S, 3), with its columns (1, F) or None."""
        spatial = self._spatial(image)
        explained = [self._head(seen, self._beside(tabular)) for seen in spatial]
        if len(self.views) == 1:
            (only,), (seen,) = explained, spatial
            return Passed(
                _both(only.logits),
                tf.reduce_mean(seen, axis=(1, 2)),
                seen,
                only.gradcam,
                only.for_plus.get("maps_plus"),
                only.for_plus.get("by_unit"),
            )
        return self._averaged(explained, spatial)

    def _averaged(self, explained: Sequence[Explained], spatial: Sequence[tf.Tensor]) -> Passed:
        with tf.name_scope(ENTRY):
            seen = _mean([_laid_back(one, view, 1, 2) for one, view in zip(spatial, self.views, strict=True)])
        with tf.name_scope(SCOPE):
            plus = [one.for_plus["maps_plus"] for one in explained if "maps_plus" in one.for_plus]
            return Passed(
                logits=_both(_mean([one.logits for one in explained])),
                features=tf.reduce_mean(seen, axis=(1, 2)),
                spatial=seen,
                gradcam=self._back([one.gradcam for one in explained]),
                plus=self._back(plus) if plus else None,
                by_unit=None,
            )

    def _back(self, maps: Sequence[tf.Tensor]) -> tf.Tensor:
        """Mean of maps (1, C, h, w), each laid back."""
        return _mean([_laid_back(one, view, 2, 3) for one, view in zip(maps, self.views, strict=True)])

    def _beside(self, tabular: tf.Tensor | None) -> tf.Tensor | None:
        """The columns, if this network takes them; in an ensemble not every one need."""
        return tabular if self.n_tabular else None

    def _spatial(self, image: tf.Tensor) -> list[tf.Tensor]:
        """The spatial map (1, h, w, c) of each view."""
        if len(self.views) == 1:
            return [self.body(image, training=False)]
        batch = tf.concat([_turned(image, view, 1, 2) for view in self.views], axis=0)
        seen = self.body(batch, training=False)
        # Slices and no split: the converter would store what it splits as int8, whatever is asked for.
        return [seen[number : number + 1] for number in range(len(self.views))]


def _both(logits: tf.Tensor) -> tf.Tensor:
    """(1, C) from a head's own logits: a sigmoid head has one."""
    return tf.concat([tf.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits


def _mean(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    return tensors[0] if len(tensors) == 1 else tf.add_n(tensors) / len(tensors)


def _turned(tensor: tf.Tensor, view: View, rows: int, columns: int) -> tf.Tensor:
    return _flipped(_transposed(tensor, rows, columns) if view.transposed else tensor, view, rows, columns)


def _laid_back(tensor: tf.Tensor, view: View, rows: int, columns: int) -> tf.Tensor:
    tensor = _flipped(tensor, view, rows, columns)
    return _transposed(tensor, rows, columns) if view.transposed else tensor


def _transposed(tensor: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    order = list(range(len(tensor.shape)))
    order[rows], order[columns] = columns, rows
    return tf.transpose(tensor, order)


def _flipped(tensor: tf.Tensor, view: View, rows: int, columns: int) -> tf.Tensor:
    axes = [axis for axis, turn in ((rows, view.upside_down), (columns, view.mirrored)) if turn]
    return tf.reverse(tensor, axes) if axes else tensor
