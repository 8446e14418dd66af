"""Judging and publishing: a run on its locked test split, a run as a bundle, a bundle's predictions of a whole set.

TensorFlow runs in a child process, for the export only; everything else is the LiteRT graph that screening uses, so
what is measured is what is published.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skin_core.errors import LeakError, RunError
from skin_core.evaluation.class_rule import with_present_names
from skin_core.evaluation.operating_point import Rule
from skin_core.locks import held
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import publish as bundles
from skin_core.screening.bundle import Bundle
from skin_core.screening.draft import draft, groups_of, usable_rows
from skin_core.screening.map_check import checked_maps
from skin_core.screening.outputs import outputs_of
from skin_core.screening.predict import predict_manifest
from skin_core.screening.predictions import save_predictions
from skin_core.screening.record import BundleInfo
from skin_core.screening.truth import group_word, scored
from skin_core.screening.variant import EngineKind, Variant
from skin_core.services.measured import Evaluated, earlier_look, measured
from skin_core.training import store
from skin_core.training.ancestors import seen_by
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared
from skin_core.training.publishable import instead_of_cross_validated


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
        RunError: if there is no such run, or it has no model yet, or it is at work or being evaluated.
        LeakError: if every test picture was seen in training.
        BundleError: if the run's model cannot be exported, or its heat maps cannot be checked.
        WorkspaceError: if the record of earlier looks cannot be read.
    """
    folder = RunFolder.of(run_id)
    # One look at a time: two that read the count together would both look, and count as one.
    with held(folder.evaluating, f"Run {run_id} is being evaluated", RunError):
        return _evaluated(run_id, folder, Variant(engine, prune, views), progress)


def _evaluated(run_id: str, folder: RunFolder, variant: Variant, progress: ProgressCallback) -> Evaluated:
    view = store.view(run_id)
    if view.config.folds:
        raise RunError(instead_of_cross_validated(run_id, view.config.folds))
    if view.at_work:
        raise RunError(f"Run {run_id} is at work; let it finish or stop it, then evaluate it.")
    if view.best_epoch is None or not folder.model.is_file():
        raise RunError(f"Run {run_id} has no finished epoch yet, so there is nothing to evaluate.")
    earlier = earlier_look(folder.evaluation)
    made = draft(folder, progress, variant)
    if earlier.get("model") == made.key:
        return earlier | {"metrics": with_present_names(earlier["metrics"])}

    from skin_core.data.cache import open_pixels

    prepared = load_prepared(folder)
    cache = open_pixels(
        prepared.manifest,
        size=made.info.image_size,
        crop=made.info.crop,
        constancy=made.info.color_constancy,
        progress=progress,
    )
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
            f"{len(rows) - len(kept)} test pictures were left out: the run or an ancestor was trained on them or chose its epoch by them."
        )
    if count > 1:
        notes.append(f"The test split was read {count} times for this run: its figures are no longer quite blind.")
    result = {
        "n": len(kept),
        **measured(made.info, truth, prepared_seed(folder)),
        "notes": notes,
        "left_out": len(rows) - len(kept),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": count,
        "fingerprint": prepared.fingerprint,
        "model": made.key,
        "best_epoch": view.best_epoch,
    }
    save_predictions(folder.test_predictions, frame["image_id"].to_numpy(dtype=object), truth)
    # Kept before the maps are checked: if that fails, the split is not read a second time.
    _record(folder, result)
    check = checked_maps(folder, made, progress).check
    result["heat_maps"] = {"sentence": check.sentence(), **check.model_dump()}
    _record(folder, result)
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
    rule: str = "",
) -> BundleInfo:
    """Publishes a run as a bundle; see `screening.publish.publish`.

    Args:
        engine: its size: "float32", "float16", "dynamic" or "int8"; see `screening.variant`. Calibration and threshold
            are fitted to its own outputs, and the bundle tells what it loses.
        prune: share of each convolution's weights to set to zero, 0 to below 1.
        views: of each picture whose answers are averaged, 1, 2, 4 or 8; see `screening.views`.
        without_test: publishes a run that was not evaluated on its locked test split; its card says so.
        rule: how the threshold is chosen, on validation only, as `evaluation.operating_point.Rule.parse` reads it
            ("youden", "sensitivity=0.95", "specificity=0.9", "cost=20", "cost=20@0.04", "prevalence=0.04"); "" takes
            the highest with a sensitivity of at least 0.95.

    Raises:
        ConfigError: for what is no rule.
        RunError, LeakError, BundleError, WorkspaceError: one sentence on what stands against it.
    """
    chosen = Rule.parse(rule) if rule else None
    variant = Variant(engine, prune, views)
    return bundles.publish(
        run_id, name, overwrite=overwrite, variant=variant, without_test=without_test, rule=chosen, progress=progress
    )


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


def _record(folder: RunFolder, result: Evaluated) -> None:
    write_text(folder.evaluation, json.dumps(result, indent=1, allow_nan=False) + "\n")


def _seen_in_training(folder: RunFolder, test, progress: ProgressCallback) -> frozenset[str]:
    from skin_core.data.audit import seen_pictures, signatures

    return seen_pictures(seen_by(folder), signatures(test, progress=progress), progress=progress).image_ids
