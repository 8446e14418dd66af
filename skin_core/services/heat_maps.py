"""Whether a run's heat maps show what its network looks at: what was measured on validation, for pages and reports."""

from __future__ import annotations

from skin_core.errors import RunError
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.screening.map_record import NOT_MEASURED, Band, CheckedMaps, MapCheck, Measured, read_checked
from skin_core.services.judged import draft_folder
from skin_core.training.folder import RunFolder

__all__ = [
    "FIGURES",
    "NOT_MEASURED",
    "Band",
    "CheckedMaps",
    "MapCheck",
    "Measured",
    "check_heat_maps",
    "recorded_heat_maps",
    "told",
]

# Name → title, in reading order.
FIGURES: dict[str, str] = {
    "deletion_gain_over_random": "Hiding it lowers the probability faster than random pixels by",
    "deletion_gain_over_centre": "Hiding it lowers the probability faster than the middle by",
    "insertion_gain_over_random": "Showing it first raises the probability faster than random pixels by",
    "insertion_gain_over_centre": "Showing it first raises the probability faster than the middle by",
    "deletion_map": "Mean probability while it is hidden (lower is better)",
    "deletion_random": "The same, random pixels",
    "deletion_centre": "The same, the middle of the picture",
    "insertion_map": "Mean probability while it is shown (higher is better)",
    "insertion_random": "The same, random pixels",
    "insertion_centre": "The same, the middle of the picture",
}
_AGREEMENT = "Agreement with the maps of random weights (rank correlation; lower is better)"


def recorded_heat_maps(run_id: str) -> CheckedMaps | None:
    """What was measured for the run's present model; None where it was not.

    Raises:
        RunError: if there is no such run.
    """
    place = draft_folder(RunFolder.of(run_id))
    return None if place is None else read_checked(place / CheckedMaps.FILE)


def check_heat_maps(run_id: str, progress: ProgressCallback = ignore_progress) -> str:
    """Measures it for a run that was judged before this was part of an evaluation.

    Returns:
        What came out, a sentence.

    Raises:
        RunError: if there is no such run, or it was not judged.
        BundleError: if the network with random weights cannot be made.
    """
    from skin_core.screening.draft import kept_draft  # Brings the engine, which pages do without.
    from skin_core.screening.map_check import checked_maps

    folder = RunFolder.of(run_id)
    place = draft_folder(folder)
    if place is None:
        raise RunError(f"Run {run_id} was not judged yet, so its heat maps cannot be checked; evaluate it.")
    return checked_maps(folder, kept_draft(place), progress).check.sentence()


def told(check: MapCheck) -> list[tuple[str, Measured]]:
    """Every figure with its title, in reading order."""
    rows = [(title, check.figures[name]) for name, title in FIGURES.items() if name in check.figures]
    return rows if check.agreement is None else [*rows, (_AGREEMENT, check.agreement)]
