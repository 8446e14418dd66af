"""Settings given as ``key=value``, on the command line and in a search."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel

from skin_core.config import RunConfig
from skin_core.errors import ConfigError

Override = Annotated[str, "key=value, with dots for nested fields (augmentation.flip=both)"]


def apply_overrides(values: dict, overrides: list[Override]) -> dict:
    """Applies ``key=value`` strings to a configuration given as a dict.

    Values are read as JSON where they are JSON (numbers, true, lists), else as text; for a field of text ``2024`` is text.

    Raises:
        ConfigError: for a string without ``=`` or an unknown key.
    """
    result = dict(values)
    for override in overrides:
        key, separator, raw = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set expects key=value; got '{override}'.")
        try:
            value = json.loads(raw)
        except json.JSONDecodeError:
            value = raw
        head, *tail = key.strip().split(".")
        if head not in RunConfig.model_fields:
            raise ConfigError(f"--set knows no field '{head}'; the fields are {', '.join(RunConfig.model_fields)}.")
        if RunConfig.model_fields[head].annotation is str and not isinstance(value, str):
            value = raw
        if head in ("features", "lesion_ids_from", "distill_from") and isinstance(value, str):
            value = [part for part in value.split(",") if part]
        if not tail:
            result[head] = value
            continue
        nested = result.get(head) or {}
        if isinstance(nested, BaseModel):
            nested = nested.model_dump()
        if not isinstance(nested, dict):
            raise ConfigError(f"--set: '{head}' has no parts; write {head}={raw} instead of '{override}'.")
        nested = dict(nested)
        nested[".".join(tail)] = value
        result[head] = nested
    return result
