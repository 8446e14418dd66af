"""The networks that each backend must train: every family whole, and with a frozen backbone where it has one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skin_core.models.family import ModelSpec
from skin_core.models.registry import all_families, family

# `make test-backends` names a folder for what is trained: then all cases run, also those that take minutes.
TRAINED = os.environ.get("LESIONLAB_TRAINED", "")
SIZE = 32
BATCH = 8
CLASSES = ("akiec", "bcc", "nv")
COLUMNS = 5


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        family: its name.
        frozen: whether its backbone is frozen and its features are computed once.
    """

    family: str
    frozen: bool

    def __str__(self) -> str:
        return f"{self.family}-{'frozen' if self.frozen else 'whole'}"

    @property
    def heavy(self) -> bool:
        """Whether it takes more than some seconds."""
        return family(self.family).frozen_output is not None

    def spec(self) -> ModelSpec:
        """Small, with untrained weights, with columns where the family takes them."""
        columns = COLUMNS if family(self.family).tabular else 0
        return ModelSpec(CLASSES, SIZE, n_tabular=columns, weights="random", freeze_backbone=self.frozen, seed=7)

    def inputs(self) -> dict[str, np.ndarray]:
        """A batch of noise, uint8 as the cache gives it, and columns."""
        rng = np.random.default_rng(5)
        given: dict[str, np.ndarray] = {"image": rng.integers(0, 256, (BATCH, SIZE, SIZE, 3), dtype=np.uint8)}
        if self.spec().n_tabular:
            given["tabular"] = rng.normal(size=(BATCH, COLUMNS)).astype(np.float32)
        return given


# All of EfficientNetB7 is left out: to compile its gradient takes longer than everything else together.
CASES = [
    Case(name, frozen)
    for name, declared in all_families().items()
    for frozen in (False, True)
    if (declared.frozen_output or not frozen) and (name, frozen) != ("efficientnet_b7", False)
]


def keep(case: Case, saved: Path, inputs: Mapping[str, np.ndarray], outputs: np.ndarray) -> None:
    """Leaves a trained network with what it makes of the inputs, for `test_elsewhere`."""
    folder = Path(TRAINED) / str(case)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.keras").write_bytes(saved.read_bytes())
    np.savez(folder / "seen.npz", outputs=outputs, **inputs)
