"""``light_residual``: ours, a small network trained from nothing at several times the speed of ``light_cnn``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from skin_core.models import heads
from skin_core.models.family import ModelFamily, ModelSpec
from skin_core.models.seeding import seeded

if TYPE_CHECKING:
    import keras

# Channels and number of blocks of each stage; the first block of a stage halves the map.
_STAGES = ((48, 2), (96, 3), (192, 2))
_STEM = 24


class LightResidual(ModelFamily):
    """A strided stem and residual depthwise-separable blocks.

    Two convolutions of stride 2 bring the map to a quarter of the image's side before anything repeated is done on it:
    ``light_cnn`` spends nine tenths of its step on maps of the full and the half side. Blocks are DepthwiseConv 3×3,
    BatchNorm, Conv 1×1, BatchNorm, ReLU, added to their input where it has the same shape (He et al. 2016; Howard et al.
    2017). There is no dropout in front of BatchNorm (see `training.recalibration`), one in front of the last layer.
    Squeeze-and-excitation took a fifth of the speed and was left out. Statistics move with a momentum of 0.9, since a
    small set gives few steps an epoch.

    A step at 128 pixels takes a fifth of ``light_cnn``'s or less (``python -m bench light_step``).
    """

    name = "light_residual"
    title = "Light residual CNN"
    summary = "Ours: a small residual network, trained from nothing; the fastest on a processor."
    defaults: ClassVar[dict[str, Any]] = {
        "weights": "random",
        "image_size": 128,
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 2e-3,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.5, "zoom": 0.1, "brightness": 0.05, "contrast": 0.1},
        "schedule": "cosine",
        "warmup_epochs": 1.0,
        "monitor": "val_balanced_accuracy",
    }

    def build(self, spec: ModelSpec) -> keras.Model:
        """See `ModelFamily.build`. There is no backbone: ``weights`` and ``freeze_backbone`` change nothing."""
        import keras
        from keras import layers

        heads.check(spec, self.name, tabular=False)
        with seeded(spec.seed):
            image = heads.image_input(spec)
            x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(image)
            for number, filters in enumerate((_STEM, _STAGES[0][0]), start=1):
                x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=f"stem{number}_conv")(x)
                x = _normalised(x, f"stem{number}")
                x = layers.Activation("relu", name=f"stem{number}_relu")(x)
            for stage, (filters, blocks) in enumerate(_STAGES, start=1):
                for block in range(1, blocks + 1):
                    x = _block(x, filters, stride=2 if block == 1 else 1, name=f"stage{stage}_block{block}")
            x = heads.spatial(x)
            x = layers.GlobalAveragePooling2D(name="pooled")(x)
            x = layers.Dropout(0.3, name="head_dropout")(x)
            return keras.Model([image], heads.classifier(x, spec, sigmoid_for_two=False), name=self.name)


def _block(tensor: keras.KerasTensor, filters: int, *, stride: int, name: str) -> keras.KerasTensor:
    from keras import layers

    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise")(tensor)
    x = _normalised(x, f"{name}_depthwise")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pointwise")(x)
    x = _normalised(x, f"{name}_pointwise")
    x = layers.Activation("relu", name=f"{name}_relu")(x)
    return layers.Add(name=f"{name}_add")([tensor, x]) if tensor.shape == x.shape else x


def _normalised(tensor: keras.KerasTensor, name: str) -> keras.KerasTensor:
    from keras import layers

    return layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(tensor)
