"""A bundle judged on another labelled set ("external validation"): does it work on pictures that it was not made for?

Nothing of the new set goes into the model: calibration, threshold and the classes' shares are those that the bundle
brings from its validation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_core.errors import DataSourceError, LeakError
from skin_core.paths import atomic_path, write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening.bundle import Bundle
from skin_core.screening.outputs import outputs_of
from skin_core.screening.predictions import save_predictions
from skin_core.screening.record import BundleInfo
from skin_core.screening.truth import group_word, map_classes, scored
from skin_core.services.external_choice import Choice, about_choice, about_classes, choose
from skin_core.services.external_folder import listed, making
from skin_core.services.measured import Evaluated, measured
from skin_core.services.overlap import groups_of, overlap_of

if TYPE_CHECKING:
    from skin_core.data.manifest import Manifest

# What subgroups are made of, and what shows a picture; no further column of the set is kept.
_PICTURE_COLUMNS = ("image_id", "location", "label", "risk_level", "age", "sex", "site", "dx_type")


def evaluate_bundle(
    bundle: str | Path,
    data: str | Path,
    progress: ProgressCallback = ignore_progress,
    *,
    mapping: Mapping[str, str] | None = None,
    keep_seen: bool = False,
    keep_conflicts: bool = False,
    other_ids: bool = False,
    report: bool = False,
) -> Evaluated:
    """Judges a bundle on a labelled set, and keeps the evaluation in the workspace.

    Left out are the pictures (and their lesions) that it was made with, and identical pictures under two labels. Labels
    meet the bundle's classes by name or by diagnosis, or as a person says; those that match none count for the
    malignancy and for melanoma only.

    Args:
        bundle: its name or folder. data: path of the set.
        progress: told what is done.
        mapping: label → class of the bundle, or "none"; see `screening.truth.map_classes`.
        keep_seen: judges on pictures that it was made with, too; the result is marked as not blind.
        keep_conflicts: judges on identical pictures under two labels, too.
        other_ids: the set counts its lesions or patients anew: an id that the bundle's own set has, too, says nothing.
        report: works out its subgroups and writes its report, too.

    Returns:
        ``{"id", "n", "metrics": {name: {"value", "low", "high"}}, "notes": [...], ...}``; None where undefined.

    Raises:
        BundleError: if the bundle cannot be loaded.
        ConfigError: for a mapping that the set or the bundle does not know.
        DataSourceError: if the set cannot be read or has no label that says anything to the bundle.
        LeakError: if the bundle was made with every picture of the set.
    """
    from skin_core.data.cache import open_pixels
    from skin_core.data.sources import read_manifest
    from skin_core.services.reporting import write_report

    started = time.monotonic()
    loaded = Bundle.load(bundle)
    info = loaded.info
    progress(Progress("Reading the data set", 0, 0))
    manifest = read_manifest(data)
    meets = map_classes(info, set(manifest.classes), mapping)
    overlap = overlap_of(info, manifest, progress)
    options = {"keep_seen": keep_seen, "keep_conflicts": keep_conflicts, "other_ids": other_ids}
    choice = choose(info, manifest, overlap, meets, **options)
    _refuse_nothing(info, manifest, choice)
    kept = manifest.with_frame(manifest.frame[choice.rows])
    cache = open_pixels(kept, size=info.image_size, crop=info.crop, constancy=info.color_constancy, progress=progress)
    rows = np.flatnonzero(~kept.frame["image_id"].isin(set(cache.failed)).to_numpy(dtype=bool))
    tabular = loaded.encoder.encode(kept.frame) if loaded.encoder else None
    outputs = outputs_of(loaded.engine, cache.pixels, rows, tabular, progress=progress)
    judged = kept.with_frame(kept.frame.iloc[rows])
    word = group_word(kept)
    groups = groups_of(judged, overlap, word)
    truth = scored(info, judged.frame, groups, outputs.logits, group_word=word, by_hand=mapping)
    refused = _refused(loaded, outputs.features, cache.pixels, rows)
    progress(Progress("Figures with intervals", 0, 0))
    blind = not (keep_seen and choice.seen)
    result = {
        "n": len(rows),
        **measured(info, truth, 0),
        "notes": [
            *about_choice(choice, len(overlap.unreadable), **options),
            *about_classes(info, manifest, meets),
            *(
                [f"The gate would refuse {refused:,} of the {len(rows):,} pictures; the figures count them."]
                * bool(refused)
            ),
            *manifest.notes,
        ],
        "blind": blind,
        "left_out": 0 if keep_seen else choice.seen,
        "kept_seen": choice.seen if keep_seen else 0,
        "same_id": choice.same_id,
        "other_ids": other_ids,
        "conflicts": choice.conflicting,
        "conflicts_kept": keep_conflicts,
        "unreadable": len(overlap.unreadable),
        "unmapped": list(meets.unmapped),
        "mapping": meets.class_names(info),
        "refused": refused,
        "seconds": round(time.monotonic() - started, 1),
        "bundle": info.name,
        "bundle_title": info.title,
        "synthetic": info.synthetic,
        "bundle_digest": info.digest,
        "data": Path(data).name or "the data set",
        "fingerprint": manifest.fingerprint,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with making(info.name, result["data"]) as (folder, name):
        result = {"id": name, **result}
        save_predictions(folder.predictions, judged.frame["image_id"].to_numpy(dtype=object), truth)
        with atomic_path(folder.pictures) as temporary:
            judged.frame[[column for column in _PICTURE_COLUMNS if column in judged.frame]].to_parquet(temporary)
        write_text(folder.bundle, info.model_dump_json(indent=1))
        here = {"source": manifest.source, "root": str(manifest.root), "path": str(data), "set_notes": manifest.notes}
        record = {**result, **here}
        write_text(folder.record, json.dumps(record, indent=1, allow_nan=False) + "\n")
    if report:
        write_report(name, progress, split="external")
    return result


def expected_seconds(bundle: str, n: int) -> float | None:
    """How long judging so many pictures would take at the pace of the bundle's latest evaluation; None without one."""
    for earlier in listed():
        if earlier.bundle == bundle and earlier.n and earlier.seconds == earlier.seconds:
            return n * earlier.seconds / earlier.n
    return None


def _refuse_nothing(info: BundleInfo, manifest: Manifest, choice: Choice) -> None:
    if choice.rows.any():
        return
    if choice.unlabelled == len(manifest):
        raise DataSourceError(
            f"No label of the set ({', '.join(manifest.classes) or 'none'}) says anything to the bundle's classes ({', '.join(info.class_names)}); map its classes, or choose another set."
        )
    if choice.seen and choice.seen == choice.same_id:
        raise LeakError(
            f"Every picture of this set has the id of a lesion or patient that bundle '{info.name}' was made with; evaluate it on another set, or say that the ids are others (--other-ids)."
        )
    if choice.seen:
        raise LeakError(f"Bundle '{info.name}' was made with every picture of this set; evaluate it on another one.")
    raise DataSourceError(
        "No picture of the set is left to judge on: those with a label that says something cannot be read or stand under two labels; choose another set."
    )


def _refused(bundle: Bundle, features: np.ndarray, pixels: np.ndarray, rows: np.ndarray) -> int:
    count = 0
    for start in range(0, len(rows), 256):
        some = slice(start, start + 256)
        count += int((bundle.gate.score(features[some], np.asarray(pixels[rows[some]])) > 1).sum())
    return count
