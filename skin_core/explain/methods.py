"""Grad-CAM++, Score-CAM, SmoothGrad and Shapley values of regions on the Keras model, where the engine cannot give them.

The definitions are those of tf-keras-vis (whose maps the tests and the bench compare), with each step that repeats in
one compiled function. Imports TensorFlow; only the worker imports this module.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from skin_core.explain.regions import explain_regions
from skin_core.explain.scorecam import scorecam
from skin_core.models.split import twin
from skin_core.screening.plus import gradcam_plus

SMOOTHGRAD_SAMPLES = 20
# Share of the picture's range; the larger noise that tf-keras-vis suggests drowns a small lesion.
SMOOTHGRAD_NOISE = 0.1
# Pictures at once: enough to keep two processors busy, few enough for a large network's activations.
_BATCH = 4


class Explainer:
    """Explains pictures with one model, which it leaves as it is.

    Args:
        model: a flat graph of a family.
        tabular: float32 (1, F), the columns beside the picture, or None for a model of pictures only.
    """

    def __init__(self, model: keras.Model, tabular: np.ndarray | None = None) -> None:
        model = twin(model)
        self._tabular = None if tabular is None else tf.constant(tabular, tf.float32)
        image, logits = (model.get_layer(name).output for name in ("image", "logits"))
        beside = [tensor for tensor in model.inputs if tensor.name == "tabular"]
        # Each member of an ensemble has a spatial map of its own, and SmoothGrad needs none.
        if "spatial" in {layer.name for layer in model.layers}:
            spatial = model.get_layer("spatial").output
            self._body = keras.Model(image, spatial)
            self._head = keras.Model([spatial, *beside], logits)
        self._whole = keras.Model([image, *beside], logits)
        # One trace for each size of batch: the last one of a series may be smaller.
        self._probabilities = tf.function(self._class_probabilities)
        self._slopes = tf.function(self._mean_slope)

    def map(self, image: np.ndarray, method: str, column: int) -> np.ndarray:
        """One map.

        Args:
            image: float32 (1, S, S, 3), 0–255.
            method: "gradcam++", "scorecam", "smoothgrad" or "shap".
            column: of the class.

        Returns:
            float32 (h, w), not negative but for "shap", not normalised.
        """
        if method == "shap":
            names = tuple(str(number) for number in range(max(2, self._whole.output_shape[-1])))
            square = np.rint(image[0]).astype(np.uint8)
            return explain_regions(square, self._probabilities_of, names).map(names[column])
        if method == "smoothgrad":
            return self._smoothgrad(image, column)
        spatial = self._body(tf.constant(image, tf.float32), training=False)
        if method == "scorecam":
            return scorecam(spatial.numpy()[0], image[0], column, self._probabilities_of)
        with tf.GradientTape() as tape:
            tape.watch(spatial)
            score = self._score(self._logits(self._head, spatial), column)
        return gradcam_plus(spatial.numpy()[0], tape.gradient(score, spatial).numpy()[0])

    def _logits(self, network: keras.Model, first: tf.Tensor) -> tf.Tensor:
        beside = [] if self._tabular is None else [tf.repeat(self._tabular, tf.shape(first)[0], axis=0)]
        return network([first, *beside], training=False)

    def _score(self, logits: tf.Tensor, column: int | tf.Tensor) -> tf.Tensor:
        """What is derived, summed over the pictures: the class's logit, since softmax flattens a sure network's
        gradients; what speaks for the first class of a sigmoid head is what speaks against the second."""
        both = tf.concat([-logits, logits], axis=1) if logits.shape[-1] == 1 else logits
        return tf.reduce_sum(tf.gather(both, column, axis=1))

    def _class_probabilities(self, images: tf.Tensor) -> tf.Tensor:
        logits = self._logits(self._whole, images)
        if logits.shape[-1] == 1:
            logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
        return tf.nn.softmax(logits)

    def _probabilities_of(self, images: np.ndarray) -> np.ndarray:
        some = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        return np.concatenate([self._probabilities(tf.constant(part, tf.float32)).numpy() for part in some])

    def _mean_slope(self, images: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = self._score(self._logits(self._whole, images), column)
        return tf.reduce_sum(tf.abs(tape.gradient(score, images)), axis=0)

    def _smoothgrad(self, image: np.ndarray, column: int) -> np.ndarray:
        """Mean of the gradients' size over noisy copies, its largest channel (Smilkov et al. 2017)."""
        noise = np.random.default_rng(0).normal(0, 1, (SMOOTHGRAD_SAMPLES, *image.shape[1:]))
        noisy = (image + noise * SMOOTHGRAD_NOISE * np.ptp(image)).astype(np.float32)
        total = sum(
            self._slopes(tf.constant(noisy[start : start + _BATCH]), tf.constant(column)).numpy()
            for start in range(0, SMOOTHGRAD_SAMPLES, _BATCH)
        )
        return (total / SMOOTHGRAD_SAMPLES).max(axis=-1)
