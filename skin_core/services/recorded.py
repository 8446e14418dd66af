"""Files that an evaluation leaves in a run's artifacts: its report, its figures, its subgroups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skin_core.paths import write_text
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.services.judged import recorded_evaluation
from skin_core.services.subgroups import subgroups_of_run
from skin_core.training.folder import RunFolder

REPORT, FIGURES, DOCUMENT, SUBGROUPS = "report.html", "figures.csv", "report.json", "subgroups.json"
# Estimating a skin tone takes some hundredths of a second a picture; of larger sets it is asked for knowingly.
MOST_TONES = 5000


def report_files(run_id: str) -> tuple[Path, ...]:
    """The report's files that are there: html, csv, json.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id).artifacts
    return tuple(path for path in (folder / name for name in (REPORT, FIGURES, DOCUMENT)) if path.is_file())


def recorded_subgroups(run_id: str) -> dict[str, Any] | None:
    """Figures by subgroup, if they were worked out for the present evaluation; else None.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    try:
        found = json.loads((folder.artifacts / SUBGROUPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(found, dict) and found.get("evaluated") == recorded_evaluation(folder).get("time")
    return found if fits else None


def record_subgroups(
    run_id: str, progress: ProgressCallback = ignore_progress, *, skin_tone: bool | None = None
) -> dict[str, Any]:
    """Works the subgroups out and keeps them; see `subgroups.subgroups_of_run`.

    Args:
        run_id: an evaluated run.
        progress: told what is done.
        skin_tone: whether to estimate it from the pictures; by default for at most `MOST_TONES` of them.

    Raises:
        RunError: if there is no such run, it was not evaluated, or its classes know no malignancy.
    """
    folder = RunFolder.of(run_id)
    recorded = recorded_evaluation(folder)
    if skin_tone is None:
        skin_tone = int(recorded.get("n", 0)) <= MOST_TONES
    found = subgroups_of_run(run_id, progress, skin_tone=skin_tone)
    found["evaluated"] = recorded.get("time")
    folder.artifacts.mkdir(exist_ok=True)
    write_text(folder.artifacts / SUBGROUPS, json.dumps(plain(found), indent=1, allow_nan=False) + "\n")
    return plain(found)


def plain(value: Any) -> Any:
    """For JSON: NaN as null, tuples as lists, NumPy's numbers as Python's."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
