"""``efficientnet_b7``: the frozen EfficientNetB7 of the "Skin Cancer Detection using TensorFlow" recipe."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from skin_core.models import heads, weights
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.seeding import seeded

if TYPE_CHECKING:
    import keras

IMAGENET = weights.Pretrained(
    file="efficientnetb7_notop.h5",
    url="https://storage.googleapis.com/keras-applications/efficientnetb7_notop.h5",
    md5="cbcfe4450ddf6f3ad90b1b398090fe4a",
)
# Standard deviation of ImageNet's red, green and blue on the scale 0 to 1.
_IMAGENET_STD = (0.229, 0.224, 0.225)


class EfficientNetB7(ModelFamily):
    """A large pretrained network whose features stay as they are, under a small dense head.

    As published: EfficientNetB7 at 224 pixels, frozen; Flatten, Dense 256 relu, BatchNorm, Dense 256 relu, Dropout .3,
    BatchNorm, Dense 1 sigmoid; binary cross-entropy, Adam, AUC, 5 epochs, folders benign and malignant.

    Mended: the published code flattens the *input*, so that its backbone is never called; here it is connected. The
    tutorial divides pixels by 255 before a backbone that does so itself; here raw pixels go in.

    The source left open, and was decided: more than two classes get a softmax; batches of 32; Adam's step size 1e-3;
    a cached view an image (the recipe does not augment).
    """

    name = "efficientnet_b7"
    title = "EfficientNetB7"
    summary = (
        "A frozen EfficientNetB7 under a dense head (Skin Cancer Detection using TensorFlow recipe); large and slow."
    )
    pretrained = IMAGENET.file
    # The head flattens the map, so the map itself is what must be cached: 7×7×2560 at 224 pixels.
    frozen_output = "spatial"
    defaults: ClassVar[dict[str, Any]] = {
        "image_size": 224,
        "epochs": 5,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "freeze_backbone": True,
        "cached_views": 1,
        "schedule": "plateau",
        "monitor": "val_auc",
    }

    # A frozen backbone's features are computed once: another augmentation would mean to compute them anew each trial.
    space: ClassVar[dict[str, str]] = {
        "learning_rate": "1e-4:1e-2:log",
        "batch_size": "16,32,64,128",
        "balance": "none,class_weights,oversample",
        "label_smoothing": "0:0.2",
    }

    def build(self, spec: ModelSpec) -> keras.Model:
        """See `ModelFamily.build`."""
        import keras
        from keras import layers

        heads.check(spec, self.name, tabular=False)
        with seeded(spec.seed):
            image = heads.image_input(spec)
            backbone = keras.applications.EfficientNetB7(include_top=False, weights=None, input_tensor=image)
            if weights.load_backbone(backbone, spec.weights, IMAGENET):
                _scale_as_trained(backbone)
            if spec.freeze_backbone:
                heads.freeze(backbone)
            x = heads.spatial(backbone.output)
            x = layers.Flatten(name="flatten")(x)
            x = layers.Dense(256, activation="relu", name="head_dense1")(x)
            x = layers.BatchNormalization(name="head_bn1")(x)
            x = layers.Dense(256, activation="relu", name="head_dense2")(x)
            x = layers.Dropout(0.3, name="head_dropout")(x)
            x = layers.BatchNormalization(name="head_bn2")(x)
            return keras.Model([image], heads.classifier(x, spec, sigmoid_for_two=True), name=self.name)


def _scale_as_trained(backbone: keras.Model) -> None:
    """Divides the normalised input by sqrt(std) once more, as the ImageNet weights were trained.

    Keras adds a Rescaling layer for this, but only where it fetches the weights itself (``weights="imagenet"``). Here
    the same factor goes into the variance of the Normalization layer, so that the graph is one and the same whatever
    weights it holds: (x - mean) / sqrt(var) / sqrt(std) = (x - mean) / sqrt(var · std).
    """
    import keras
    import numpy as np

    (layer,) = (layer for layer in backbone.layers if isinstance(layer, keras.layers.Normalization))
    mean, variance, count = layer.get_weights()
    layer.set_weights([mean, variance * np.asarray(_IMAGENET_STD, variance.dtype), count])
    layer.finalize_state()
    assert all(math.isfinite(value) for value in np.ravel(layer.get_weights()[1]))
