"""``mobilenet_v2``: ours, the small pretrained network behind the starter bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from skin_core.models import heads, weights
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.seeding import seeded

if TYPE_CHECKING:
    import keras

_STEM = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0"
IMAGENET = weights.Pretrained(
    file=f"{_STEM}_224_no_top.h5",
    url=f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/{_STEM}_224_no_top.h5",
    aliases=("mobilenet_v2_1.0_224_imagenet_notop.weights.h5", f"{_STEM}_160_no_top.h5"),
)


class MobileNetV2(ModelFamily):
    """MobileNetV2 (width 1.0), global average pooling, dropout and one dense layer.

    The head has no hidden layer, so its Grad-CAM is the dense kernel applied to the map, exact and free. The backbone's
    BatchNorm always runs by its pretrained statistics, and learns scale and shift alone: Keras gives it a momentum of
    0.999, and in a short training the statistics would lag far behind the weights. Without pretrained weights there are
    no statistics to keep; they are learnt then, with a momentum of 0.99.

    With ``features`` a small dense branch for the patient's columns joins the pooled features in front of the last layer, as
    in ``tbp_fusion``; without them, which is the default, it is the image alone.

    Frozen features and a trained head take minutes on a processor; set ``freeze_backbone=false`` and a learning rate of
    1e-4 to train the whole network.
    """

    name = "mobilenet_v2"
    title = "MobileNetV2"
    summary = "A small pretrained network; with frozen features it trains in minutes. The starter bundle is made of it."
    tabular = True
    pretrained = IMAGENET.file
    frozen_output = "pooled"
    defaults: ClassVar[dict[str, Any]] = {
        "image_size": 160,
        "epochs": 30,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "freeze_backbone": True,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.5, "zoom": 0.1, "brightness": 0.05, "contrast": 0.1},
        "schedule": "plateau",
        "early_stopping": 8,
        "monitor": "val_balanced_accuracy",
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

        from skin_core.models.kept_statistics import keep_statistics

        heads.check(spec, self.name, tabular=True)
        with seeded(spec.seed):
            image = heads.image_input(spec)
            scaled = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(image)
            backbone = keras.applications.MobileNetV2(include_top=False, weights=None, alpha=1.0, input_tensor=scaled)
            if spec.weights != "random" or spec.inherits_statistics:
                weights.load_backbone(backbone, spec.weights, IMAGENET)
                keep_statistics(backbone.layers)
            else:
                for layer in backbone.layers:
                    if isinstance(layer, layers.BatchNormalization):
                        layer.momentum = 0.99
            if spec.freeze_backbone:
                heads.freeze(backbone)
            x = heads.spatial(backbone.output)
            x = layers.GlobalAveragePooling2D(name="pooled")(x)
            x = layers.Dropout(0.3, name="head_dropout")(x)
            inputs = [image]
            if spec.n_tabular:
                table = heads.tabular_input(spec)
                inputs.append(table)
                y = layers.Dense(32, activation="relu", name="tabular_dense")(table)
                x = layers.Concatenate(name="fusion")([x, y])
            return keras.Model(inputs, heads.classifier(x, spec, sigmoid_for_two=False), name=self.name)
