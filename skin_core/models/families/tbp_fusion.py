"""``tbp_fusion``: image and patient data together, after the "EfficientNetV2 and KerasCV" recipe on ISIC 2024."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from skin_core.models import heads, weights
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.seeding import seeded

if TYPE_CHECKING:
    import keras

IMAGENET = weights.Pretrained(
    file="efficientnetv2-b2_notop.h5",
    url="https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/efficientnetv2-b2_notop.h5",
    md5="1dfe2e7a5d45b6632553a8961ea609eb",
)


class TbpFusion(ModelFamily):
    """An EfficientNetV2-B2 for the tile of a total-body photograph, a dense branch for the patient's data.

    As published: EfficientNetV2-B2 at 128 pixels and a dense branch (age normalised; sex and site one-hot, unknown its
    own level), concatenated, sigmoid; binary cross-entropy with class weights, positives sampled up and negatives
    down, RandomFlip and RandomCutout (Keras' RandomErasing here), a learning-rate schedule, and the checkpoint of the
    best validation ROC AUC.

    The source left open, and was decided: global average pooling and Dropout .2 on the image branch; Dense 96 and 128
    relu with Dropout .1 on the tabular one; no hidden layer after the concatenation; cosine schedule with one epoch of
    warm-up; more than two classes get a softmax; without ``features`` it is the image branch alone.
    """

    name = "tbp_fusion"
    title = "TBP fusion"
    summary = "EfficientNetV2-B2 together with age, sex and site (EfficientNetV2 and KerasCV recipe, ISIC 2024)."
    tabular = True
    pretrained = IMAGENET.file
    frozen_output = "pooled"
    defaults: ClassVar[dict[str, Any]] = {
        "image_size": 128,
        "epochs": 10,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "features": ("age", "sex", "site"),
        "balance": "class_weights",
        "augmentation": {"flip": "both", "erasing": 0.5},
        "schedule": "cosine",
        "warmup_epochs": 1.0,
        "monitor": "val_auc",
    }

    space: ClassVar[dict[str, str]] = {
        # A pretrained backbone that is trained on forgets what it knows at a high rate.
        "learning_rate": "3e-5:3e-3:log",
        "batch_size": "32,64,128",
        "balance": "class_weights,oversample,undersample",
        "label_smoothing": "0:0.1",
        "augmentation.rotation": "0:0.5",
        "augmentation.erasing": "0:0.7",
    }

    def build(self, spec: ModelSpec) -> keras.Model:
        """See `ModelFamily.build`."""
        import keras
        from keras import layers

        heads.check(spec, self.name, tabular=True)
        with seeded(spec.seed):
            image = heads.image_input(spec)
            backbone = keras.applications.EfficientNetV2B2(
                include_top=False, weights=None, input_tensor=image, include_preprocessing=True
            )
            weights.load_backbone(backbone, spec.weights, IMAGENET)
            if spec.freeze_backbone:
                heads.freeze(backbone)
            x = heads.spatial(backbone.output)
            x = layers.GlobalAveragePooling2D(name="pooled")(x)
            x = layers.Dropout(0.2, name="image_dropout")(x)
            inputs = [image]
            if spec.n_tabular:
                table = heads.tabular_input(spec)
                inputs.append(table)
                y = layers.Dense(96, activation="relu", name="tabular_dense1")(table)
                y = layers.Dense(128, activation="relu", name="tabular_dense2")(y)
                y = layers.Dropout(0.1, name="tabular_dropout")(y)
                x = layers.Concatenate(name="fusion")([x, y])
            outputs = heads.classifier(x, spec, sigmoid_for_two=True)
            return keras.Model(inputs, outputs, name=self.name)
