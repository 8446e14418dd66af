"""Whether a bundle can be made of a run, and under which names that was done."""

from __future__ import annotations

import json

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.locks import held
from skin_core.paths import write_text
from skin_core.training.folder import AT_WORK, RunFolder, RunState


def published(folder: RunFolder) -> tuple[str, ...]:
    """Names of the bundles made from a run."""
    try:
        return tuple(json.loads(folder.published.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()


def record_published(run_id: str, name: str) -> None:
    """Notes that a run was published under a name.

    Raises:
        RunError: if there is no such run, or another process holds its lock for long.
    """
    folder = RunFolder.of(run_id)
    with held(folder.lock, f"Run {run_id} is being started or changed", RunError):
        write_text(folder.published, json.dumps(sorted({*published(folder), name})))


def untrained_backbone(config: RunConfig) -> bool:
    """Whether the backbone kept its random initial weights: such a network has learnt nothing of images."""
    if not config.freeze_backbone:
        return False
    if config.start_from:
        return untrained_backbone(RunFolder.of(config.start_from).read_config())
    return config.weights == "random"


def instead_of_cross_validated(run_id: str, folds: int) -> str:
    """One sentence on what to do in place of judging or publishing a cross-validated run itself."""
    return (
        f"Run {run_id} is a cross-validation: {folds} networks that tell how good these settings are, none of them to use; "
        "train one run with the same settings and folds=0, then evaluate and publish that one."
    )


def why_not_publishable(folder: RunFolder, status: str, state: RunState, config: RunConfig) -> str | None:
    """One sentence on why no bundle can be made of a run now, or None if one can.

    Args:
        folder, state, config: of the run.
        status: as seen from outside (`store.status_of`).
    """
    if config.folds:
        return instead_of_cross_validated(folder.run_id, config.folds)
    if state.best_epoch is None or not folder.model.is_file():
        return "The run has no finished epoch yet."
    if status in AT_WORK:
        return "The run is at work; let it finish, or stop it."
    if status not in ("finished", "stopped"):
        # Its best weights and their validation predictions may be of two epochs: they are replaced one after the other.
        return f"The run is {status}; resume it, then let it finish or stop it."
    try:
        if untrained_backbone(config):
            return "The backbone is untrained (weights=random and frozen): its figures mean nothing for patients."
    except RunError:
        return f"The run that this one started from ({config.start_from}) is gone, so its backbone's origin is unknown."
    return None
