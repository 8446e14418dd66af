"""Named, documented configurations. Every module here that defines a `RECIPE` is found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from skin_core.errors import ConfigError
from skin_core.recipes.base import NOT_MEASURED, Recipe

__all__ = ["NOT_MEASURED", "Recipe", "all_recipes", "recipe"]


@cache
def all_recipes() -> dict[str, Recipe]:
    """Each recipe by name, sorted by name."""
    found: dict[str, Recipe] = {}
    for module in pkgutil.iter_modules(__path__):
        declared = getattr(importlib.import_module(f"{__name__}.{module.name}"), "RECIPE", None)
        if isinstance(declared, Recipe):
            found[declared.name] = declared
    return dict(sorted(found.items()))


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ConfigError: listing the recipes there are.
    """
    try:
        return all_recipes()[name]
    except KeyError:
        raise ConfigError(f"There is no recipe '{name}'; there are {', '.join(all_recipes())}.") from None
