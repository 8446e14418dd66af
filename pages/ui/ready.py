"""What is installed and ready, read from folders and small files only: the home page must open at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skin_core.screening.bundle import BundleInfo
    from skin_core.services.runs import RunView


@dataclass(frozen=True)
class Ready:
    """What the home page shows.

    Attributes:
        bundles: installed models, the starter first.
        demo_sets: names of the synthetic sets in the workspace.
        runs: every run, newest first.
        damaged: a sentence for each model that cannot be read.
    """

    bundles: tuple[BundleInfo, ...] = ()
    demo_sets: tuple[str, ...] = ()
    runs: tuple[RunView, ...] = ()
    damaged: tuple[str, ...] = ()


def whats_ready() -> Ready:
    """Looks into the models' folder and the workspace; opens no MLflow store."""
    from skin_core.services.datasets import known_datasets
    from skin_core.services.runs import list_runs
    from skin_core.services.screening import damaged_bundles, list_bundles

    return Ready(
        bundles=tuple(list_bundles()),
        demo_sets=tuple(known.title for known in known_datasets() if known.kind == "demo"),
        runs=tuple(list_runs()),
        damaged=tuple(damaged_bundles().values()),
    )
