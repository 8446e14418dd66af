"""The ends that all families share, with the names that training, explanation and export rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skin_core.errors import ConfigError
from skin_core.models.family import ModelSpec

if TYPE_CHECKING:
    import keras


def check(spec: ModelSpec, name: str, *, tabular: bool, min_size: int = 32) -> None:
    """Refuses a spec that an architecture cannot serve.

    Raises:
        ConfigError: naming what does not fit.
    """
    if len(spec.classes) < 2:
        raise ConfigError(f"A classifier needs at least two classes; the data has {len(spec.classes)}.")
    if spec.n_tabular and not tabular:
        raise ConfigError(
            f"{name} takes images only; train tbp_fusion or mobilenet_v2 for columns beside the image, or drop features."
        )
    if spec.image_size < min_size:
        raise ConfigError(f"{name} needs images of at least {min_size} pixels; image_size is {spec.image_size}.")


def image_input(spec: ModelSpec) -> keras.KerasTensor:
    """The input ``image``: float32 (N, S, S, 3), raw RGB 0–255."""
    import keras

    return keras.Input((spec.image_size, spec.image_size, 3), dtype="float32", name="image")


def tabular_input(spec: ModelSpec) -> keras.KerasTensor:
    """The input ``tabular``: float32 (N, F), encoded by `TabularEncoder`."""
    import keras

    return keras.Input((spec.n_tabular,), dtype="float32", name="tabular")


def spatial(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Names the last spatial map, without changing it, so that every family is explained at the same place."""
    import keras

    return keras.layers.Activation("linear", name="spatial")(tensor)


def classifier(tensor: keras.KerasTensor, spec: ModelSpec, *, sigmoid_for_two: bool) -> keras.KerasTensor:
    """The layers ``logits`` and ``probabilities``.

    Args:
        tensor: float32 (N, D).
        spec: gives the classes.
        sigmoid_for_two: whether two classes get one sigmoid unit (P of the second class) rather than a softmax.
    """
    import keras

    sigmoid = sigmoid_for_two and len(spec.classes) == 2
    logits = keras.layers.Dense(1 if sigmoid else len(spec.classes), name="logits")(tensor)
    return keras.layers.Activation("sigmoid" if sigmoid else "softmax", name="probabilities")(logits)


def freeze(backbone: keras.Model) -> None:
    """Sets every layer of a backbone not trainable; its BatchNorm then keeps its statistics, too."""
    for layer in backbone.layers:
        layer.trainable = False
