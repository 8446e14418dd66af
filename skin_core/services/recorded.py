"""Files that an evaluation leaves beside its record: its report, its figures, its subgroups.

``of`` and ``split`` name it as in `kept`: a run's test split, a cross-validated run out of fold, or a bundle on another
set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skin_core.paths import write_text
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.services.kept import Split, artifacts_of, record_of
from skin_core.services.subgroups import subgroups_of_run

REPORT, FIGURES, DOCUMENT, SUBGROUPS = "report.html", "figures.csv", "report.json", "subgroups.json"
# What estimating a skin tone takes of one picture; of larger sets it is asked for knowingly.
SECONDS_A_TONE = 0.02
MOST_TONES = 5000


def report_files(of: str, split: Split = "test") -> tuple[Path, ...]:
    """The report's files that are there: html, csv, json.

    Raises:
        RunError: if there is no such run or evaluation.
    """
    folder = artifacts_of(of, split)
    return tuple(path for path in (folder / name for name in (REPORT, FIGURES, DOCUMENT)) if path.is_file())


def recorded_subgroups(of: str, split: Split = "test") -> dict[str, Any] | None:
    """Figures by subgroup, if they were worked out for the present evaluation; else None.

    Raises:
        RunError: if there is no such run or evaluation.
    """
    try:
        found = json.loads((artifacts_of(of, split) / SUBGROUPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(found, dict) and found.get("evaluated") == record_of(of, split).get("time")
    return found if fits else None


def record_subgroups(
    of: str, progress: ProgressCallback = ignore_progress, *, split: Split = "test", skin_tone: bool | None = None
) -> dict[str, Any]:
    """Works the subgroups out and keeps them; see `subgroups.subgroups_of_run`.

    Args:
        of, split: what was evaluated.
        progress: told what is done.
        skin_tone: whether to estimate it from the pictures; by default for at most `MOST_TONES` of them.

    Raises:
        RunError: if there is no such run or evaluation, it was not evaluated, or its classes know no malignancy.
    """
    folder, recorded = artifacts_of(of, split), record_of(of, split)
    if skin_tone is None:
        skin_tone = int(recorded.get("n", 0)) <= MOST_TONES
    found = subgroups_of_run(of, progress, split=split, skin_tone=skin_tone)
    found["evaluated"] = recorded.get("time")
    folder.mkdir(exist_ok=True)
    write_text(folder / SUBGROUPS, json.dumps(plain(found), indent=1, allow_nan=False) + "\n")
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
