"""The folds of a cross-validated run while they are trained; read from small files, for a page that polls."""

from __future__ import annotations

from dataclasses import dataclass

from skin_core.training.folder import RunFolder


@dataclass(frozen=True)
class Member:
    """One fold of a run at one moment.

    Attributes:
        fold: its number, from 1.
        state: "waiting", "training" or "done".
        epoch: epochs done, of ``epochs``.
        best_epoch: number of the epoch whose weights are kept so far, or None.
    """

    fold: int
    state: str
    epoch: int
    epochs: int
    best_epoch: int | None


def members_of(*, run_id: str) -> tuple[Member, ...]:
    """The folds of a cross-validated run as they are now; empty for any other run.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    config = folder.read_config()
    found = []
    for number in range(1, config.folds + 1):
        member = folder.member(number)
        if not member.state.is_file():
            found.append(Member(number, "waiting", 0, config.epochs, None))
            continue
        state = member.read_state()
        word = "done" if member.is_finished else "training"
        found.append(Member(number, word, state.epoch, state.epochs, state.best_epoch))
    return tuple(found)
