"""A search's parts as people read them."""

from __future__ import annotations

from typing import Any

from pages.ui.run_form import label_of
from skin_core.services.searches import Dimension, Trial

_STATES = {"running": "Under way", "finished": "Finished", "pruned": "Given up", "failed": "Failed"}


def trial_word(trial: Trial) -> str:
    """The state of a trial."""
    return _STATES[trial.state]


def setting_words(key: str) -> str:
    """A setting's name; a part of the augmentation says so."""
    return f"Augmentation: {label_of(key).lower()}" if key.startswith("augmentation.") else label_of(key)


def value_words(value: Any) -> str:
    """A setting's value: ``0.00123``, ``class weights``, ``yes``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace("_", " ")


def dimension_words(item: Dimension) -> str:
    """What is tried: ``from 0.0001 to 0.01, by its logarithm``, ``one of 16, 32, 64``."""
    if item.kind == "choice":
        return "one of " + ", ".join(value_words(value) for value in item.choices)
    return f"from {value_words(item.low)} to {value_words(item.high)}" + (", by its logarithm" if item.log else "")


def settings_words(trial: Trial) -> str:
    """``Learning rate 0.00123, batch size 32``."""
    words = ", ".join(f"{label_of(key).lower()} {value_words(value)}" for key, value in trial.settings.items())
    return words[:1].upper() + words[1:]
