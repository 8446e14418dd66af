"""Cuts a network in two at a layer: a backbone that is run once, and a head that trains on what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skin_core.errors import ConfigError
from skin_core.models.family import ModelFamily

if TYPE_CHECKING:
    import keras


def split_at_frozen(model: keras.Model, family: ModelFamily) -> tuple[keras.Model, keras.Model]:
    """The frozen part and the head of a network, sharing its layers: training the head trains the network.

    Args:
        model: built by ``family``.
        family: says where the frozen part ends (`ModelFamily.frozen_output`).

    Returns:
        ``features``, from {"image"} to the tensor at the cut; ``head``, from {"features"} (and "tabular" where the
        network has it) to the probabilities. ``head(features(x))`` equals ``model(x)``.

    Raises:
        ConfigError: if the family has no backbone.
    """
    import keras

    if family.frozen_output is None:
        raise ConfigError(f"{family.name} has no pretrained backbone; set freeze_backbone to false.")
    cut = model.get_layer(family.frozen_output).output
    # Keras wants the key of a dict input to be the tensor's name; the name means nothing to the graph itself.
    cut.name = "features"
    inputs = {tensor.name: tensor for tensor in model.inputs}
    image = inputs.pop("image")
    features = keras.Model([image], cut, name=f"{model.name}_features")
    head = keras.Model({"features": cut, **inputs}, model.output, name=f"{model.name}_head")
    return features, head


def twin(model: keras.Model) -> keras.Model:
    """A network of the same graph and weights that shares nothing with it.

    Cutting a network in two leaves marks in its layers with which Keras 3.15 can no longer save it ("could not find
    node key"), so the twin is cut and the network itself is saved.
    """
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
