"""Cuts a network in two at a layer: a backbone that is run once, and a head that trains on what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skin_core.errors import ConfigError
from skin_core.models.family import ModelFamily

if TYPE_CHECKING:
    import keras


def split_at_frozen(model: keras.Model, family: ModelFamily) -> tuple[keras.Model, keras.Model]:
    """The frozen part and the head of a network.

    Args:
        model: built by ``family``; nothing of it is changed.
        family: says where the frozen part ends (`ModelFamily.frozen_output`).

    Returns:
        ``features``, from {"image"} to the tensor at the cut, over the network's own layers; ``head``, from {"features"}
        (and "tabular" where the network has it) to the probabilities, of layers of its own with the same names, weights
        and dropout seeds. ``head(features(x))`` equals ``model(x)``; what the head learns goes back by the names.

    Raises:
        ConfigError: if the family has no backbone.
    """
    import keras

    if family.frozen_output is None:
        raise ConfigError(f"{family.name} has no pretrained backbone; set freeze_backbone to false.")
    cut = model.get_layer(family.frozen_output).output
    inputs = {tensor.name: tensor for tensor in model.inputs}
    features = keras.Model([inputs.pop("image")], cut, name=f"{model.name}_features")
    return features, _head(model, cut, inputs)


def _head(model: keras.Model, cut: keras.KerasTensor, others: dict[str, keras.KerasTensor]) -> keras.Model:
    """Made anew, layer by layer: a head over the network's own layers leaves marks in them with which Keras 3.15 can no
    longer save the network, and a copy of a whole EfficientNetB7 takes as long as a hundred pictures."""
    import keras

    entries = {"features": cut, **others}
    starts = {name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in entries.items()}
    made = {id(tensor): starts[name] for name, tensor in entries.items()}
    for layer in model.layers:
        came = keras.tree.flatten(layer.input)
        if isinstance(layer, keras.layers.InputLayer) or not all(id(tensor) in made for tensor in came):
            continue
        copy = type(layer).from_config(layer.get_config())
        made[id(layer.output)] = copy(keras.tree.map_structure(lambda tensor: made[id(tensor)], layer.input))
        copy.set_weights(layer.get_weights())
        if hasattr(layer, "seed_generator"):
            copy.seed_generator.state.assign(layer.seed_generator.state)
    return keras.Model(starts, made[id(model.output)], name=f"{model.name}_head")


def twin(model: keras.Model) -> keras.Model:
    """A network of the same graph and weights that shares nothing with it.

    Cutting a network in two leaves marks in its layers with which Keras 3.15 can no longer save it ("could not find
    node key"), so the twin is cut and the network itself is saved.
    """
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
