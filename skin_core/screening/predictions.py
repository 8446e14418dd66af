"""The predictions behind an evaluation, kept with it: figures, curves and comparisons come later without a new look."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.errors import RunError
from skin_core.evaluation.scored import Scored
from skin_core.paths import atomic_path

_ARRAYS = ("labels", "levels", "melanoma", "probabilities")
# What numpy stores in place of None.
_NO_COLUMN, _NO_NUMBER = -1, np.nan


def save_predictions(path: Path, image_ids: np.ndarray, scored: Scored) -> None:
    """Writes one compressed file of arrays: truth, groups, probabilities and risk of each image; no picture, no path.

    Args:
        path: ends in ``.npz``.
        image_ids: (N,), in the order of ``scored``.
    """
    raw = io.BytesIO()
    np.savez_compressed(
        raw,
        image_id=np.asarray(image_ids).astype(str),
        groups=np.asarray(scored.groups).astype(str),
        classes=np.array(scored.classes),
        group_word=np.array(scored.group_word),
        threshold=np.array(_NO_NUMBER if scored.threshold is None else scored.threshold),
        melanoma_column=np.array(_NO_COLUMN if scored.melanoma_column is None else scored.melanoma_column),
        risk=np.zeros(0) if scored.risk is None else scored.risk,
        priors=np.zeros(0) if scored.priors is None else scored.priors,
        patients=np.zeros(0, str) if scored.patients is None else np.asarray(scored.patients).astype(str),
        **{name: getattr(scored, name) for name in _ARRAYS},
    )
    with atomic_path(path) as temporary:
        Path(temporary).write_bytes(raw.getvalue())


def load_predictions(path: Path) -> tuple[np.ndarray, Scored]:
    """Image ids (N,) and what `save_predictions` kept of them.

    Raises:
        RunError: if the file is missing or damaged.
    """
    try:
        found = read_arrays(path)
        threshold, column = float(found["threshold"]), int(found["melanoma_column"])
        has_risk = len(found["risk"]) == len(found["labels"])
        scored = Scored(
            classes=tuple(found["classes"].tolist()),
            groups=found["groups"],
            risk=found["risk"] if has_risk else None,
            melanoma_column=None if column == _NO_COLUMN else column,
            threshold=None if np.isnan(threshold) else threshold,
            group_word=str(found["group_word"]),
            priors=found["priors"] if len(found.get("priors", ())) else None,
            patients=_patients(found),
            **{name: found[name] for name in _ARRAYS},
        )
    except (OSError, ValueError, KeyError) as error:
        raise RunError("This run has no predictions on its test split to read; evaluate it.") from error
    return found["image_id"], scored


def _patients(found: dict[str, np.ndarray]) -> np.ndarray | None:
    # Files of before they were kept apart have them as groups.
    kept = found.get("patients", found["groups"] if str(found["group_word"]) == "patients" else ())
    return kept if len(kept) else None
