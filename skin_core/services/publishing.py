"""Judging and publishing: a run on its locked test split, a bundle on another set, a run as a bundle, a whole set.

TensorFlow runs in a child process, for the export only; everything else is the LiteRT graph that screening uses, so
what is measured is what is published.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from skin_core.errors import DataSourceError, LeakError, RunError
from skin_core.evaluation.bootstrap import Groups
from skin_core.evaluation.scored import Scored
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import publish as bundles
from skin_core.screening.bundle import Bundle, checked_bytes
from skin_core.screening.draft import draft, groups_of, usable_rows
from skin_core.screening.outputs import outputs_of
from skin_core.screening.predict import predict_manifest
from skin_core.screening.predictions import save_predictions
from skin_core.screening.record import BundleInfo
from skin_core.screening.seen import unpack, with_hashed_groups
from skin_core.screening.truth import group_word, map_classes, scored
from skin_core.screening.variant import EngineKind, Variant
from skin_core.training import store
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

Evaluated = dict[str, Any]


def evaluate_run(
    run_id: str,
    progress: ProgressCallback = ignore_progress,
    *,
    engine: EngineKind = "float32",
    prune: float = 0.0,
    views: int = 1,
) -> Evaluated:
    """Judges a run's best model on its locked test split, once: the figures are recorded, and asked for again they are
    read from the record. A model that was trained further is judged anew, and the record says how often that happened.

    Args:
        run_id: a run with a finished epoch that is not at work.
        progress: told what is done.
        engine, prune, views: judge the engine that `publish_run` publishes with these; another one than without.

    Returns:
        ``{"n", "metrics": {name: {"value", "low", "high"}}, "notes": [...], ...}``; None where undefined.

    Raises:
        RunError: if there is no such run, or it has no model yet, or it is at work.
        LeakError: if every test picture was seen in training.
    """
    view = store.view(run_id)
    folder = RunFolder.of(run_id)
    if view.at_work:
        raise RunError(f"Run {run_id} is at work; let it finish or stop it, then evaluate it.")
    if view.best_epoch is None or not folder.model.is_file():
        raise RunError(f"Run {run_id} has no finished epoch yet, so there is nothing to evaluate.")
    made = draft(folder, progress, Variant(engine, prune, views))
    earlier = _recorded(folder)
    if earlier.get("model") == made.key:
        return earlier

    from skin_core.data.cache import open_pixels

    prepared = load_prepared(folder)
    cache = open_pixels(prepared.manifest, size=made.info.image_size, crop=made.info.crop, progress=progress)
    rows = usable_rows(cache, prepared, "test")
    if not len(rows):
        raise RunError(f"Run {run_id} has no test picture; train with a test_fraction above 0.")
    ids = prepared.manifest.frame["image_id"]
    seen = _seen_in_training(folder, prepared.manifest.with_frame(prepared.manifest.frame.iloc[rows]), progress)
    kept = rows[~ids.iloc[rows].isin(seen).to_numpy(dtype=bool)]
    if not len(kept):
        raise LeakError(f"Run {run_id} was trained on every picture of its test split; split the data anew.")
    outputs = outputs_of(
        made.engine(), cache.pixels, kept, prepared.tabular, what="Looking at the test pictures", progress=progress
    )
    frame = prepared.manifest.frame.iloc[kept]
    groups = groups_of(folder, prepared)[kept]
    truth = scored(made.info, frame, groups, outputs.logits, group_word=group_word(prepared.manifest))
    count = int(earlier.get("count", 0)) + 1
    notes = []
    if len(kept) < len(rows):
        notes.append(
            f"{len(rows) - len(kept)} test pictures were left out: the run or an ancestor was trained on them."
        )
    if count > 1:
        notes.append(f"The test split was read {count} times for this run: its figures are no longer quite blind.")
    result = {
        "n": len(kept),
        **figures_of(made.info, truth, prepared_seed(folder)),
        "notes": notes,
        "left_out": len(rows) - len(kept),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": count,
        "fingerprint": prepared.fingerprint,
        "model": made.key,
        "best_epoch": view.best_epoch,
    }
    save_predictions(folder.test_predictions, frame["image_id"].to_numpy(dtype=object), truth)
    write_text(folder.evaluation, json.dumps(result, indent=1, allow_nan=False) + "\n")
    return result


def publish_run(
    run_id: str,
    name: str,
    progress: ProgressCallback = ignore_progress,
    *,
    overwrite: bool = False,
    engine: EngineKind = "float32",
    prune: float = 0.0,
    views: int = 1,
    without_test: bool = False,
) -> BundleInfo:
    """Publishes a run as a bundle; see `screening.publish.publish`.

    Args:
        engine: its size: "float32", "float16", "dynamic" or "int8"; see `screening.variant`. Calibration and threshold
            are fitted to its own outputs, and the bundle tells what it loses.
        prune: share of each convolution's weights to set to zero, 0 to below 1.
        views: of each picture whose answers are averaged, 1, 2, 4 or 8; see `screening.views`.
        without_test: publishes a run that was not evaluated on its locked test split; its card says so.

    Raises:
        RunError, LeakError, BundleError, WorkspaceError: one sentence on what stands against it.
    """
    variant = Variant(engine, prune, views)
    return bundles.publish(
        run_id, name, overwrite=overwrite, variant=variant, without_test=without_test, progress=progress
    )


def evaluate_bundle(bundle: str | Path, data: str | Path, progress: ProgressCallback = ignore_progress) -> Evaluated:
    """Judges a bundle on a labelled set, without the pictures (and their lesions) that it was made with.

    Labels meet the bundle's classes by name or by diagnosis. Those that match none count for the malignancy only,
    through their risk level.

    Returns:
        ``{"n", "metrics": {name: {"value", "low", "high"}}, "notes": [...], ...}``; None where undefined.

    Raises:
        BundleError: if the bundle cannot be loaded.
        DataSourceError: if the set cannot be read or has no label that says anything to the bundle.
        LeakError: if the bundle was made with every picture of the set.
    """
    from skin_core.data.audit import seen_pictures, signatures
    from skin_core.data.cache import open_pixels
    from skin_core.data.sources import read_manifest

    loaded = Bundle.load(bundle)
    info = loaded.info
    progress(Progress("Reading the data set", 0, 0))
    manifest = read_manifest(data)
    prints = with_hashed_groups(signatures(manifest, progress=progress))
    progress(Progress("Looking for pictures that it was made with", 0, 0))
    seen = seen_pictures(unpack(checked_bytes(info, "signatures.npz")), prints, progress=progress).image_ids
    frame = manifest.frame
    mapping = map_classes(info, set(frame["label"].dropna()))
    known = frame["label"].isin(list(mapping.column)) | (frame["risk_level"].notna() & info.has_risk)
    if not known.any():
        raise DataSourceError(
            f"No label of the set ({', '.join(manifest.classes) or 'none'}) says anything to the bundle's classes ({', '.join(info.class_names)}); map its risk levels, or choose another set."
        )
    kept = manifest.with_frame(frame[known & ~frame["image_id"].isin(set(seen) | set(prints.failed))])
    if not len(kept):
        raise LeakError(f"Bundle '{info.name}' was made with every picture of this set; evaluate it on another one.")
    cache = open_pixels(kept, size=info.image_size, crop=info.crop, progress=progress)
    rows = np.flatnonzero(~kept.frame["image_id"].isin(set(cache.failed)).to_numpy(dtype=bool))
    tabular = loaded.encoder.encode(kept.frame) if loaded.encoder else None
    outputs = outputs_of(loaded.engine, cache.pixels, rows, tabular, progress=progress)
    frame = kept.frame.iloc[rows]
    groups = frame["group_id"].fillna("image " + frame["image_id"]).to_numpy(dtype=object)
    truth = scored(info, frame, groups, outputs.logits, group_word=group_word(kept, otherwise="pictures"))
    refused = _refused(loaded, outputs.features, cache.pixels, rows)
    notes = _notes(loaded, manifest, len(seen), mapping.unmapped, refused, len(rows))
    return {
        "n": len(rows),
        **figures_of(info, truth, 0),
        "notes": notes,
        "left_out": len(seen),
        "unreadable": len(prints.failed),
        "unmapped": list(mapping.unmapped),
        "refused": refused,
        "fingerprint": manifest.fingerprint,
    }


def predict_set(
    bundle: str | Path, data: str | Path, out_csv: str | Path, progress: ProgressCallback = ignore_progress
) -> dict[str, Any]:
    """Predicts a whole set into a csv, streamed: memory does not grow with the set.

    The csv has ``image_id, malignancy, decision, distance``, a column ``p_<class>`` for each class, and ``error`` for
    pictures that could not be read. For ISIC 2024's test files ``submission.csv`` (``isic_id,target``) is written
    beside it.

    Returns:
        ``{"n", "out", "submission": path or None, "unreadable", "refused", "notes"}``.

    Raises:
        BundleError: if the bundle cannot be loaded.
        DataSourceError: if the set cannot be read.
        WorkspaceError: if the csv cannot be written.
    """
    from skin_core.data.sources import read_manifest

    loaded = Bundle.load(bundle)
    progress(Progress("Reading the data set", 0, 0))
    manifest = read_manifest(data, labelled=False)
    return predict_manifest(loaded, manifest, Path(out_csv), progress)


def prepared_seed(folder: RunFolder) -> int:
    """The seed of a run, which also draws its bootstrap."""
    return folder.read_config().seed


def _recorded(folder: RunFolder) -> Evaluated:
    try:
        found = json.loads(folder.evaluation.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _seen_in_training(folder: RunFolder, test, progress: ProgressCallback) -> frozenset[str]:
    from skin_core.data.audit import Signatures, seen_pictures, signatures

    trained = Signatures.load(folder.signatures)
    return seen_pictures(trained, signatures(test, progress=progress), progress=progress).image_ids


def _refused(bundle: Bundle, features: np.ndarray, pixels: np.ndarray, rows: np.ndarray) -> int:
    count = 0
    for start in range(0, len(rows), 256):
        some = slice(start, start + 256)
        count += int((bundle.gate.score(features[some], np.asarray(pixels[rows[some]])) > 1).sum())
    return count


def _notes(bundle: Bundle, manifest, seen: int, unmapped: tuple[str, ...], refused: int, n: int) -> list[str]:
    notes = list(manifest.notes)
    if seen:
        notes.append(f"{seen} pictures were left out: the bundle was made with them, their twins or their lesions.")
    if unmapped:
        notes.append(f"No class of the bundle stands for {', '.join(unmapped)}: these count for the malignancy only.")
    if refused:
        notes.append(f"The gate would refuse {refused} of the {n} pictures; the figures count them.")
    missing = [name for name in bundle.info.features if name not in manifest.frame or manifest.frame[name].isna().all()]
    if missing:
        notes.append(f"The set does not tell {', '.join(missing)}, which the bundle takes; it went without.")
    return notes


def figures_of(info: BundleInfo, truth: Scored, seed: int) -> dict[str, Any]:
    """The figures, and what a reader must know to read them."""
    groups = Groups(truth.groups, truth.group_word)
    point = info.operating_point
    return {
        "metrics": _plain(truth.metrics(seed=seed)),
        "classes": list(truth.classes),
        "confusion": truth.confusion().tolist(),
        "groups": {"n": groups.count, "word": groups.word},
        "intervals": groups.sentence(),
        "prevalence_of_the_risk": info.prevalence,
        "risk_calibration": info.risk_calibration.method if info.risk_calibration else "sum over the classes",
        "operating_point": point.model_dump() if point else None,
    }


def _plain(metrics: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        name: {part: None if math.isnan(value) else value for part, value in entry.items()}
        for name, entry in metrics.items()
    }
