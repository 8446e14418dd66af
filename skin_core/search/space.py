"""What a search may try: a range or a list of values for some settings of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.overrides import apply_overrides

# The figure of two trials compares only where the data and the question are the same.
FIXED = {
    "data": "it is what the search is about",
    "family": "a search is within one family",
    "title": "it is a name",
    "monitor": "it is what the trials are compared by",
    "seed": "it would choose the luckiest draw, not the better setting",
    "split_seed": "it would change what the trials are compared on",
    "features": "it is a list of columns; start a search for each",
    "start_from": "it would change what the trials have seen",
    "distill_from": "it would change what the trials have seen",
    "validation_fraction": "it would change what the trials are compared on",
    "test_fraction": "it would change what the trials are compared on",
    "max_images": "it would change what the trials are compared on",
    "clean": "it would change what the trials are compared on",
    "allow_leaks": "it would change what the trials are compared on",
    "risk_levels": "it would change what the trials are compared by",
    "lesion_ids_from": "it would change what the trials are compared on",
    "folds": "trials are compared on one validation split",
    "cv_select": "trials are compared on one validation split",
    "checkpoint_seconds": "it changes no figure",
    "augmentation": "it has parts; name one (augmentation.rotation)",
}

Value = float | int | bool | str
Kind = Literal["float", "int", "choice"]


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched.

    Attributes:
        key: the field, with a dot for nested ones.
        kind: "float" or "int" between ``low`` and ``high`` (both may be taken), or "choice" among ``choices``.
        low, high: the range.
        log: whether the range is searched by its logarithm.
        choices: the values.
    """

    key: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Value, ...] = ()

    def holds(self, value: Any) -> bool:
        """Whether the dimension can take a value."""
        if self.kind == "choice":
            return value in self.choices
        return self.low <= value <= self.high


def declared(entries: Iterable[str]) -> dict[str, str]:
    """``key=low:high``, ``key=low:high:log`` or ``key=a,b,c`` as key → the rest.

    Raises:
        ConfigError: for what has no key or nothing after it, and for a key named twice.
    """
    found: dict[str, str] = {}
    for entry in entries:
        key, separator, raw = (part.strip() for part in entry.partition("="))
        if not separator or not key or not raw:
            raise ConfigError(f"--space expects key=low:high, key=low:high:log or key=a,b,c; got '{entry}'.")
        if key in found:
            raise ConfigError(f"--space names '{key}' twice; name each setting once.")
        found[key] = raw
    return found


def dimensions(space: Mapping[str, str], base: RunConfig) -> tuple[Dimension, ...]:
    """Reads a declared space and checks each end and choice as a run would.

    Args:
        space: key → ``low:high``, ``low:high:log`` or ``a,b,c``.
        base: the configuration that the trials begin from.

    Raises:
        ConfigError: one sentence, for what cannot be read, is no setting, or must stay the same in all trials.
    """
    if not space:
        raise ConfigError("A search needs at least one setting to try; name one with --space key=low:high.")
    return tuple(_dimension(key, raw, base) for key, raw in space.items())


def default_space(space: Mapping[str, str], base: RunConfig, fixed: Iterable[str] = ()) -> dict[str, str]:
    """A family's own space without what was fixed by hand, and without what does not go with the other settings.

    Args:
        space: the family's. base: the configuration that the trials begin from. fixed: keys set by hand.
    """
    names = set(fixed)
    free = {key: raw for key, raw in space.items() if key not in names and key.split(".")[0] not in names}
    return {key: raw for key, raw in free.items() if _goes_with(key, raw, base)}


def _goes_with(key: str, raw: str, base: RunConfig) -> bool:
    try:
        _dimension(key, raw, base)
    except ConfigError:
        return False
    return True


def with_settings(base: RunConfig, settings: Mapping[str, Value]) -> RunConfig:
    """The configuration of a trial.

    Raises:
        ConfigError: if the values do not go together.
    """
    overrides = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    return RunConfig.parse(apply_overrides(base.model_dump(), overrides))


def setting(config: RunConfig, key: str) -> Any:
    """The value of a setting, with a dot for nested ones."""
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _dimension(key: str, raw: str, base: RunConfig) -> Dimension:
    annotation = _annotation(key)
    dimension = _range(key, raw, annotation) if ":" in raw else _choice(key, raw)
    ends = dimension.choices if dimension.kind == "choice" else (dimension.low, dimension.high)
    for value in ends:
        # Each end alone, on the settings as they are: a range whose end no run may take is told now, not by a trial.
        with_settings(base, {key: int(value) if dimension.kind == "int" else value})
    return dimension


def _annotation(key: str) -> Any:
    if key in FIXED:
        raise ConfigError(f"'{key}' cannot be searched: {FIXED[key]}.")
    model: Any = RunConfig
    annotation: Any = None
    for part in key.split("."):
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        if part not in fields:
            raise ConfigError(f"--space knows no setting '{key}'; the settings are {', '.join(searchable())}.")
        annotation = model = fields[part].annotation
    return annotation


def searchable() -> list[str]:
    """Every setting that may be searched, in form order, with a dot for nested ones."""
    names = [name for name in RunConfig.model_fields if name not in FIXED]
    nested = RunConfig.model_fields["augmentation"].annotation
    assert isinstance(nested, type) and issubclass(nested, BaseModel)
    return [*names, *(f"augmentation.{name}" for name in nested.model_fields)]


def _range(key: str, raw: str, annotation: Any) -> Dimension:
    if annotation not in (int, float):
        raise ConfigError(f"'{key}' is no number, so it has no range; give its values as {key}=a,b,c.")
    low, high, *rest = (part.strip() for part in raw.split(":"))
    if rest not in ([], ["log"]):
        raise ConfigError(f"--space expects {key}=low:high or {key}=low:high:log; got '{key}={raw}'.")
    ends = []
    for part in (low, high):
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ConfigError(f"--space expects numbers in {key}=low:high; got '{part}'.")
        if annotation is int and number != int(number):
            raise ConfigError(f"'{key}' takes whole numbers; got {part}.")
        ends.append(int(number) if annotation is int else number)
    if not ends[0] < ends[1]:
        raise ConfigError(f"--space expects the lower end of '{key}' first; got {low}:{high}.")
    if rest and ends[0] <= 0:
        raise ConfigError(f"A logarithmic range begins above 0; '{key}' begins at {low}.")
    return Dimension(key, "int" if annotation is int else "float", ends[0], ends[1], log=bool(rest))


def _choice(key: str, raw: str) -> Dimension:
    values: list[Value] = []
    for part in raw.split(","):
        text = part.strip()
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        if not isinstance(value, bool | int | float | str):
            raise ConfigError(f"--space expects plain values in {key}=a,b,c; got '{text}'.")
        if value in values:
            raise ConfigError(f"--space names {text} twice for '{key}'.")
        values.append(value)
    if len(values) < 2:
        raise ConfigError(f"'{key}' has one value only; fix it with --set {key}={raw} instead.")
    return Dimension(key, "choice", choices=tuple(values))
