"""Grad-CAM++, Score-CAM and SmoothGrad by tf-keras-vis. Imports TensorFlow; only the worker imports this module."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.scorecam import Scorecam

from skin_core.models.split import twin

# Score-CAM runs the network once for each channel that it masks with: the 64 that vary most (Faster Score-CAM).
SCORECAM_CHANNELS = 64
SMOOTHGRAD_SAMPLES = 20
# Share of the picture's range; the larger noise that tf-keras-vis suggests drowns a small lesion.
SMOOTHGRAD_NOISE = 0.1


class Fixed(keras.layers.Layer):
    """The same row for every image: turns a model of image and columns into one of the image."""

    def __init__(self, row: np.ndarray, **kwargs) -> None:
        super().__init__(**kwargs)
        self.row = row.astype(np.float32)

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """Repeats the row, float32 (N, F)."""
        return tf.repeat(tf.constant(self.row), tf.shape(image)[0], axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(N, F)."""
        return (input_shape[0], self.row.shape[1])


def explainable(model: keras.Model, tabular: np.ndarray | None) -> keras.Model:
    """A model of the image alone that gives one logit a class.

    Softmax would flatten the gradients of a sure network, so the methods look at logits. A sigmoid head's are
    (-z / 2, z / 2): their softmax is its probability. Columns beside the image are held fixed, because Score-CAM would
    mask them like pixels.

    Args:
        model: a flat graph of a family.
        tabular: float32 (1, F), or None for a model of images only.
    """
    if tabular is not None:
        model = twin(model)
    image = model.get_layer("image").output
    spatial = model.get_layer("spatial").output
    logits = model.get_layer("logits").output
    if tabular is not None:
        beside = next(tensor for tensor in model.inputs if tensor.name == "tabular")
        logits = keras.Model([spatial, beside], logits)([spatial, Fixed(tabular, name="fixed")(image)])
    if logits.shape[-1] == 1:
        half = [keras.layers.Rescaling(-0.5)(logits), keras.layers.Rescaling(0.5)(logits)]
        logits = keras.layers.Concatenate(name="both_logits")(half)
    return keras.Model([image], logits)


def explanation(model: keras.Model, image: np.ndarray, method: str, column: int) -> np.ndarray:
    """One map.

    Args:
        model: of `explainable`. It is not modified.
        image: float32 (1, S, S, 3), 0–255.
        method: "gradcam++", "scorecam" or "smoothgrad".
        column: of the class.

    Returns:
        float32 (h, w), not negative.
    """

    def score(outputs: tf.Tensor) -> tf.Tensor:
        return outputs[:, column]

    cam = {"penultimate_layer": "spatial", "seek_penultimate_conv_layer": False, "expand_cam": False}
    if method == "gradcam++":
        found = GradcamPlusPlus(model)(score, image, normalize_cam=False, **cam)
    elif method == "scorecam":
        channels = min(SCORECAM_CHANNELS, int(model.get_layer("spatial").output.shape[-1]))
        found = Scorecam(model)(score, image, normalize_cam=False, max_N=channels, **cam)
    else:
        np.random.seed(0)  # tf-keras-vis draws its noise from the global generator.
        found = Saliency(model)(
            score, image, smooth_samples=SMOOTHGRAD_SAMPLES, smooth_noise=SMOOTHGRAD_NOISE, normalize_map=False
        )
    return np.maximum(np.asarray(found, dtype=np.float32)[0], 0)
