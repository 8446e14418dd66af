"""How an evaluated run or bundle does by sex, age, site, kind of diagnosis and estimated skin tone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from skin_core.errors import RunError, SkinCoreError
from skin_core.evaluation.bootstrap import RESAMPLES, Groups
from skin_core.evaluation.scored import UNKNOWN
from skin_core.evaluation.subgroups import AGE_BANDS, FEWEST, FIGURES, age_bands, subgroup_figures
from skin_core.imaging.skin_tone import BANDS, estimated_skin_tone
from skin_core.progress import ProgressCallback, ignore_progress, tracked
from skin_core.services.kept import Split, manifest_of, predictions_of

SKIN_TONE = "skin tone (estimated)"
_COLUMNS = {"sex": "sex", "site": "site", "dx_type": "diagnosis by"}


def subgroups_of_run(
    run_id: str,
    progress: ProgressCallback = ignore_progress,
    *,
    split: Split = "test",
    skin_tone: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of the risk by level, from the predictions that the run's evaluation kept.

    Args:
        run_id: an evaluated run, or a cross-validated one; for the split "external" an evaluation of a bundle on another
            set.
        progress: told what is done.
        split: "test", "out_of_fold" or "external".
        skin_tone: estimate it from the pictures, some hundredths of a second each.
        resamples, seed: of the intervals.

    Returns:
        ``{"n", "levels": [...], "gap": {...} or None, "sentence", "intervals", "notes", "skin_tone"}``; see
        `evaluation.subgroups.Level` and `Gap`. "skin_tone" says whether it was estimated.

    Raises:
        RunError: if there is no such run, it was not judged on that split, or its classes know no malignancy.
    """
    ids, scored = predictions_of(run_id, split)
    if scored.risk is None:
        raise RunError(f"The classes of {run_id} know no malignancy, so there is no risk to look at by subgroup.")
    manifest = manifest_of(run_id, split)
    known = scored.levels != UNKNOWN
    rows = manifest.frame.set_index("image_id").loc[ids[known].tolist()]
    attributes = {word: _texts(rows[name]) for name, word in _COLUMNS.items() if name in rows}
    attributes["age"] = age_bands(rows["age"].to_numpy(dtype=float, na_value=np.nan))
    notes = []
    if split == "out_of_fold":
        notes.append(
            "Each picture has the risk that the network of its fold gave it. The networks share no threshold, so the AUC "
            "alone is told."
        )
    if skin_tone:
        attributes[SKIN_TONE] = _tones(manifest.root, rows["location"].tolist(), progress)
        without = sum(value is None for value in attributes[SKIN_TONE])
        notes.append(
            "Skin tone is estimated from the skin around the lesion, as far as the picture's light and colours allow"
            + (f"; {without:,} pictures show too little of it or have a colour cast." if without else ".")
        )
    else:
        notes.append("Skin tone was not estimated.")
    # What is alike, or not known, of every picture makes no subgroups.
    attributes = {name: values for name, values in attributes.items() if len({*values}) > 1}
    levels, gap = subgroup_figures(
        scored.levels[known] > 0,
        scored.risk[known],
        scored.threshold,
        scored.groups[known],
        attributes,
        order=(*AGE_BANDS, *(name for name, _ in BANDS)),
        resamples=resamples,
        seed=seed,
    )
    small = [f"{level.attribute} {level.name}" for level in levels if level.too_small]
    if small:
        notes.append(f"Too small to say anything (fewer than {FEWEST} of either outcome): {', '.join(small)}.")
    return {
        "n": int(known.sum()),
        "levels": [asdict(level) for level in levels],
        "gap": asdict(gap) if gap else None,
        "sentence": gap.sentence() if gap else "No attribute has two levels that are large enough to compare.",
        "intervals": Groups(scored.groups[known], scored.group_word).sentence(resamples),
        "notes": notes,
        "skin_tone": skin_tone,
    }


def figures_told(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of the figures (`evaluation.subgroups.FIGURES`) the levels of such an answer have; the AUC always."""
    there = {name for level in found["levels"] for name in level["figures"]}
    return tuple(name for name in FIGURES if name == "auc" or name in there)


def _texts(column) -> np.ndarray:
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)


def _tones(root, locations: list[str], progress: ProgressCallback) -> np.ndarray:
    from skin_core.data.images import ImageReader
    from skin_core.imaging.decode import decode

    reader, found = ImageReader(root), []
    for location in tracked(locations, "Estimating skin tones", len(locations), progress):
        try:
            found.append(estimated_skin_tone(decode(reader.bytes(location), name=location)).band)
        except SkinCoreError:
            # The picture was readable when the run was evaluated; what is gone since has no tone.
            found.append(None)
    return np.array(found, dtype=object)
