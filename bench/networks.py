"""Networks of random weights as their families declare them."""

from __future__ import annotations

from typing import Any

from skin_core.models.family import ModelSpec
from skin_core.models.registry import default_config, family

CLASSES = 7
# Of the patient: age, and a column for each sex and site that a set knows.
COLUMNS = 20


def random_network(name: str, size: int = 0) -> Any:
    """A family's ``keras.Model``, with columns where it takes them without being asked to.

    Args:
        name: of the family.
        size: side of the image; 0 is the family's own.
    """
    usual = default_config(name, "none")
    spec = ModelSpec(
        classes=tuple(f"class{number}" for number in range(CLASSES)),
        image_size=size or usual.image_size,
        n_tabular=COLUMNS if usual.features else 0,
        weights="random",
    )
    return family(name).build(spec)
