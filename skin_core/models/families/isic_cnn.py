"""``isic_cnn``: the plain convolutional network of the "melanoma detection" recipe on nine ISIC classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from skin_core.models import heads
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.seeding import seeded

if TYPE_CHECKING:
    import keras


class IsicCNN(ModelFamily):
    """A plain network trained from nothing.

    As published: 180-pixel images, rescaling inside the network, random augmentation, blocks of convolution and
    max-pooling, dropout, dense layers; Adam, sparse categorical cross-entropy, accuracy; 20 epochs, once without
    (``balance=none``) and once with class balancing by augmentation (``balance=augment``: rotate, flip, zoom).

    The source left open, and was decided: three blocks of 3×3 "same" convolutions with 16, 32 and 64 filters and ReLU,
    each followed by a 2×2 pooling; Dropout 0.2; Flatten; Dense 128 relu; softmax. Augmentation happens in the
    pipeline, not in the network, so that a published network holds nothing random. The recipe balanced the data
    before it split off the validation part, so copies of one picture stood on both sides; here only the training split
    is balanced.
    """

    name = "isic_cnn"
    title = "ISIC CNN"
    summary = "A plain convolutional network, trained from nothing (melanoma detection recipe, ISIC nine classes)."
    defaults: ClassVar[dict[str, Any]] = {
        "weights": "random",
        "image_size": 180,
        "epochs": 20,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "balance": "none",
        "augmentation": {"flip": "horizontal", "rotation": 0.1, "zoom": 0.1},
        "schedule": "constant",
        "monitor": "val_balanced_accuracy",
    }

    def build(self, spec: ModelSpec) -> keras.Model:
        """See `ModelFamily.build`. There is no backbone: ``weights`` and ``freeze_backbone`` change nothing."""
        import keras
        from keras import layers

        heads.check(spec, self.name, tabular=False)
        with seeded(spec.seed):
            image = heads.image_input(spec)
            x = layers.Rescaling(1 / 255, name="rescaling")(image)
            for number, filters in enumerate((16, 32, 64), start=1):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{number}_conv")(x)
                x = layers.MaxPooling2D(2, name=f"block{number}_pool")(x)
            x = layers.Dropout(0.2, name="dropout")(x)
            x = heads.spatial(x)
            x = layers.Flatten(name="flatten")(x)
            x = layers.Dense(128, activation="relu", name="head_dense")(x)
            return keras.Model([image], heads.classifier(x, spec, sigmoid_for_two=False), name=self.name)
