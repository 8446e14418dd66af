"""Checkpoints that a killed worker can go on from exactly: complete or not there at all.

Each is a folder of its own, written under a hidden name and renamed when it is whole; the one before goes only then.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.errors import RunError
from skin_core.paths import workspace_error


@dataclass(frozen=True)
class Checkpoint:
    """A position in a run.

    Attributes:
        position: plain values (JSON): epoch, batch, sums, schedule, history.
        arrays: variables and collected outputs by name.
    """

    position: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def save(folder: Path, checkpoint: Checkpoint, number: int) -> None:
    """Writes a checkpoint and then drops the older ones.

    Args:
        folder: the run's folder of checkpoints.
        checkpoint: what to keep.
        number: grows with each checkpoint of the run.

    Raises:
        WorkspaceError: if there is no space or no permission; the checkpoint before is still there.
    """
    making = folder / f".making-{number:010d}"
    final = folder / f"{number:010d}"
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        with open(making / "arrays.npz", "wb") as stream:
            np.savez(stream, **checkpoint.arrays)
            _to_disk(stream)
        with open(making / "position.json", "w", encoding="utf-8") as stream:
            json.dump(checkpoint.position, stream)
            _to_disk(stream)
        # The same number again: a resume that reached the same place. It holds the same values, so the one that is there
        # stays: to delete it first would leave none to a kill in between.
        if not final.is_dir():
            os.rename(making, final)
            _sync_folder(folder)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise workspace_error(error, final) from error
    for other in folder.iterdir():
        if other.name != final.name:
            shutil.rmtree(other, ignore_errors=True)


def load(folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or None where there is none.

    Raises:
        RunError: if it is damaged.
    """
    found = sorted(path for path in folder.glob("[0-9]*") if path.is_dir()) if folder.is_dir() else []
    if not found:
        return None
    try:
        position = json.loads((found[-1] / "position.json").read_text(encoding="utf-8"))
        arrays = read_arrays(found[-1] / "arrays.npz")
    except (OSError, ValueError) as error:
        raise RunError(
            f"The checkpoint {found[-1]} is damaged ({error}); delete the run's checkpoint folder to resume from the start."
        ) from error
    return Checkpoint(position, arrays)


def _to_disk(stream) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
