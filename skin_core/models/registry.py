"""Finds the families: every module in ``families/`` that defines a `ModelFamily`. Imports no TensorFlow."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.models import families
from skin_core.models.family import ModelFamily


@cache
def all_families() -> dict[str, ModelFamily]:
    """Each family by name, sorted by name."""
    found: dict[str, ModelFamily] = {}
    for module in pkgutil.iter_modules(families.__path__):
        loaded = importlib.import_module(f"{families.__name__}.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, ModelFamily) and not inspect.isabstract(kind) and kind.__module__ == loaded.__name__:
                found[kind.name] = kind()
    return dict(sorted(found.items()))


def family(name: str) -> ModelFamily:
    """The family of that name.

    Raises:
        ConfigError: listing the families there are.
    """
    try:
        return all_families()[name]
    except KeyError:
        raise ConfigError(f"There is no model family '{name}'; there are {', '.join(all_families())}.") from None


def default_config(name: str, data: str) -> RunConfig:
    """A family's recommended configuration on a data set."""
    return RunConfig.parse({"data": data, "family": name, **family(name).defaults})
