"""The network of a run: built by its family, or on from an earlier run's weights."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.models.family import ModelSpec
from skin_core.models.registry import family
from skin_core.paths import workspace_error
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared

if TYPE_CHECKING:
    import keras

log = logging.getLogger("skin_core.training")


def build(config: RunConfig, prepared: Prepared, folder: RunFolder) -> keras.Model:
    """A run's network with its initial weights.

    Raises:
        ConfigError: if the settings do not fit the architecture.
        WeightsError: if pretrained weights cannot be had.
        RunError: if the run to start from is gone or has no weights.
    """
    spec = ModelSpec(
        classes=prepared.classes,
        image_size=config.image_size,
        n_tabular=0 if prepared.tabular is None else prepared.tabular.shape[1],
        # What comes from another run needs no pretrained file.
        weights="random" if config.start_from else config.weights,
        freeze_backbone=config.freeze_backbone,
        seed=config.seed,
        inherits_statistics=bool(config.start_from) and _first_weights(config) != "random",
    )
    model = family(config.family).build(spec)
    if config.start_from:
        _take_weights(model, RunFolder.of(config.start_from), prepared, folder)
    _freeze_first(model, config.frozen_share)
    return model


def _first_weights(config: RunConfig) -> str:
    """The weights that the first of a run's ancestors began with."""
    while config.start_from:
        config = RunFolder.of(config.start_from).read_config()
    return config.weights


def _freeze_first(model: keras.Model, share: float) -> None:
    layers = [layer for layer in model.layers if layer.weights]
    for layer in layers[: int(share * len(layers))]:
        layer.trainable = False


def take_layers(model: keras.Model, part: keras.Model) -> None:
    """Copies the weights of a part's layers into the layers of the same names."""
    for layer in part.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def save(model: keras.Model, target: Path) -> None:
    """Writes a whole network as ``.keras``, atomically.

    Raises:
        WorkspaceError: if there is no space or no permission.
    """
    # Keras chooses the format by the name's end, so a temporary name must keep it.
    temporary = target.with_name(f".making-{target.name}")
    try:
        model.save(temporary)
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise workspace_error(error, target) from error
    finally:
        temporary.unlink(missing_ok=True)


def _take_weights(model: keras.Model, parent: RunFolder, prepared: Prepared, folder: RunFolder) -> None:
    import keras

    if not parent.model.is_file():
        raise RunError(f"Run {parent.run_id} has no weights to start from; choose a run with a finished epoch.")
    theirs = keras.models.load_model(parent.model, compile=False)
    fresh = set()
    if parent.read_state().classes != prepared.classes:
        fresh.add("logits")
    if _columns(parent) != _columns(folder):
        # Same width or not, the numbers now mean something else.
        fresh |= {layer.name for layer in _readers(model, "tabular")}
    known = {layer.name: layer for layer in theirs.layers}
    missing = []
    for layer in model.layers:
        if not layer.weights or layer.name in fresh:
            continue
        source = known.get(layer.name)
        if source is None or [w.shape for w in source.weights] != [w.shape for w in layer.weights]:
            missing.append(layer.name)
            continue
        layer.set_weights(source.get_weights())
    log.info("Weights of run %s; trained anew: %s", parent.run_id, ", ".join([*sorted(fresh), *missing]) or "nothing")


def _readers(model: keras.Model, name: str) -> list[keras.Layer]:
    tensors = [tensor for tensor in model.inputs if tensor.name == name]
    return [layer for layer in model.layers if layer.weights and any(layer.input is tensor for tensor in tensors)]


def _columns(folder: RunFolder) -> str:
    return json.dumps(json.loads(folder.tabular.read_text(encoding="utf-8"))) if folder.tabular.exists() else ""
