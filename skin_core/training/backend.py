"""Which of Keras' backends a process trains with: TensorFlow, JAX or PyTorch.

Keras takes its backend from ``KERAS_BACKEND`` at the moment it is imported, so this is settled before.
"""

from __future__ import annotations

import importlib
import importlib.util
import os

from skin_core.errors import ConfigError, RunError

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def choose(recorded: str | None = None) -> str:
    """Settles the backend of this process; call it before Keras is imported.

    Args:
        recorded: what a run began with. Its checkpoints hold seeds and sums that another backend would go on from
            differently, so it goes on with the same, whatever the environment says.

    Returns:
        "tensorflow", "jax" or "torch": the recorded one, else what ``KERAS_BACKEND`` names, else the first of them that
        is installed.

    Raises:
        ConfigError: if ``KERAS_BACKEND`` names no such backend or one that is not installed, or if none is installed.
        RunError: if the recorded one is not installed.
    """
    asked = os.environ.get("KERAS_BACKEND", "")
    if recorded:
        if not installed(recorded):
            raise RunError(
                f"The run began with {TITLES.get(recorded, recorded)}, which is not installed here; resume it where that "
                "is installed, or start a new run."
            )
        name = recorded
    elif asked:
        if asked not in TITLES:
            raise ConfigError(f"KERAS_BACKEND must be tensorflow, jax or torch; got '{asked}'.")
        if not installed(asked):
            raise ConfigError(
                f"KERAS_BACKEND is {asked}, but {TITLES[asked]} is not installed; install it or unset it."
            )
        name = asked
    else:
        found = next((candidate for candidate in TITLES if installed(candidate)), None)
        if found is None:
            raise ConfigError("Training needs TensorFlow, JAX or PyTorch, and none of them is installed; install one.")
        name = found
    os.environ["KERAS_BACKEND"] = name
    return name


def installed(name: str) -> bool:
    """Whether a backend could be imported; tells it without importing it."""
    return importlib.util.find_spec(name) is not None


def version(name: str) -> str:
    """Version of a backend; loads it."""
    return importlib.import_module(name).__version__
