"""``light_cnn``: the depthwise-separable network of the "CPU-Optimized CNN" recipe on HAM10000."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from skin_core.models import heads
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.seeding import seeded

if TYPE_CHECKING:
    import keras

# Filters of the 1×1 convolution, and the dropout after the pooling, of each block.
_BLOCKS = ((64, 0.25), (128, 0.35), (256, 0.45))


class LightCNN(ModelFamily):
    """A small network trained from nothing, fast on a processor.

    As published (``CPU_Light_Efficient_CNN``): Conv 32 + BatchNorm + ReLU; three blocks of DepthwiseConv 3×3 relu,
    Conv 1×1 relu (64, 128, 256), BatchNorm, MaxPool 2, Dropout (.25, .35, .45); global average pooling, Dense 256 relu,
    BatchNorm, Dropout .5, softmax. Class weights, flips, rotations, brightness, contrast, ReduceLROnPlateau,
    EarlyStopping and a checkpoint of the best epoch, seed 42.

    The source left open, and was decided: the first convolution is 3×3 with stride 1 and no bias (BatchNorm follows);
    "same" padding throughout; strength of the augmentation and patience of the callbacks (below).

    Mended: the best epoch is chosen by balanced accuracy, not by plain accuracy as published, since two thirds of
    HAM10000 are one class. Dropout in front of BatchNorm leaves moving statistics that do not fit a network without
    dropout: on HAM10000 validation stays at chance for epochs while training gets better. So the statistics are taken
    anew before each validation (`training.recalibration`); ``recalibration_images=0`` gives the published behaviour.
    """

    name = "light_cnn"
    title = "Light CNN"
    summary = (
        "A small depthwise-separable network, trained from nothing; fast on a processor (CPU-Optimized CNN recipe)."
    )
    defaults: ClassVar[dict[str, Any]] = {
        "weights": "random",
        "image_size": 128,
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.1, "brightness": 0.1, "contrast": 0.1},
        "schedule": "plateau",
        "plateau_patience": 3,
        "early_stopping": 8,
        "monitor": "val_balanced_accuracy",
        "recalibration_images": 1024,
    }

    def build(self, spec: ModelSpec) -> keras.Model:
        """See `ModelFamily.build`. There is no backbone: ``weights`` and ``freeze_backbone`` change nothing."""
        import keras
        from keras import layers

        heads.check(spec, self.name, tabular=False)
        with seeded(spec.seed):
            image = heads.image_input(spec)
            x = layers.Rescaling(1 / 255, name="rescaling")(image)
            x = layers.Conv2D(32, 3, padding="same", use_bias=False, name="stem_conv")(x)
            x = layers.BatchNormalization(name="stem_bn")(x)
            x = layers.Activation("relu", name="stem_relu")(x)
            for number, (filters, dropout) in enumerate(_BLOCKS, start=1):
                block = f"block{number}"
                x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name=f"{block}_depthwise")(x)
                x = layers.Conv2D(filters, 1, activation="relu", name=f"{block}_pointwise")(x)
                x = layers.BatchNormalization(name=f"{block}_bn")(x)
                x = layers.MaxPooling2D(2, name=f"{block}_pool")(x)
                x = layers.Dropout(dropout, name=f"{block}_dropout")(x)
            x = heads.spatial(x)
            x = layers.GlobalAveragePooling2D(name="pooled")(x)
            x = layers.Dense(256, activation="relu", name="head_dense")(x)
            x = layers.BatchNormalization(name="head_bn")(x)
            x = layers.Dropout(0.5, name="head_dropout")(x)
            return keras.Model([image], heads.classifier(x, spec, sigmoid_for_two=False), name=self.name)
