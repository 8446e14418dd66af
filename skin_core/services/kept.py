"""What an evaluation kept, and where: of a run on one of its splits, or of a bundle on another set.

``of`` names the run, or for the split "external" the evaluation. No picture is read here, and the test split is not
looked at again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.data.manifest import Manifest
from skin_core.errors import RunError
from skin_core.evaluation.class_rule import with_present_names
from skin_core.evaluation.scored import Scored
from skin_core.screening.predictions import load_predictions
from skin_core.screening.record import BundleInfo
from skin_core.screening.truth import group_word, scored
from skin_core.services.external_folder import ExternalFolder
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

Split = Literal["test", "validation", "out_of_fold", "external"]
SPLIT_WORDS: dict[str, str] = {
    "test": "the locked test split",
    "validation": "validation",
    "out_of_fold": "out-of-fold pictures",
    "external": "another data set",
}


def stamp(of: str, split: Split = "test") -> tuple[int, ...]:
    """Numbers that change when anything that is told of an evaluation does; for caches.

    Raises:
        RunError: if there is no such run or evaluation.
    """
    if split == "external":
        folder = ExternalFolder.of(of)
        files = [folder.record, folder.predictions, folder.pictures, folder.bundle]
    else:
        run = RunFolder.of(of)
        files = [run.evaluation, run.test_predictions, run.predictions, run.cross_validation, *drafts(run)]
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files)


def manifest_of(of: str, split: Split) -> Manifest:
    """The images that were judged (and, of a run, all its others): where they lie, and what is known of them.

    Raises:
        RunError: if there is no such run or evaluation, or it lost its table.
    """
    if split != "external":
        return load_prepared(RunFolder.of(of)).manifest
    import pandas as pd

    folder = ExternalFolder.of(of)
    record = folder.read()
    try:
        frame = pd.read_parquet(folder.pictures)
    except (OSError, ValueError) as error:
        raise RunError(f"Evaluation '{of}' has lost its table of pictures; evaluate again.") from error
    return Manifest(frame=frame, source=str(record.get("source", "")), root=Path(str(record.get("root", ""))))


def artifacts_of(of: str, split: Split) -> Path:
    """The folder of an evaluation's report and subgroups; it may not be there yet.

    Raises:
        RunError: if there is no such run or evaluation.
    """
    return ExternalFolder.of(of).path if split == "external" else RunFolder.of(of).artifacts


def record_of(of: str, split: Split) -> dict[str, Any]:
    """The record of an evaluation, metrics by today's names; empty if there is none.

    Raises:
        RunError: if there is no such run or evaluation.
    """
    if split == "out_of_fold":
        return recorded_cross_validation(RunFolder.of(of))
    if split != "external":
        return recorded_evaluation(RunFolder.of(of))
    found = ExternalFolder.of(of).read()
    return found | {"metrics": with_present_names(found.get("metrics", {}))} if found else {}


def predictions_of(of: str, split: Split) -> tuple[np.ndarray, Scored]:
    """Image ids (N,) and what the model says of them, calibrated; but for old validations as they were kept.

    Raises:
        RunError: if there is no such run or evaluation, or the run was not judged on that split.
    """
    if split == "external":
        return load_predictions(ExternalFolder.of(of).predictions)
    folder = RunFolder.of(of)
    if split == "test":
        return load_predictions(folder.test_predictions)
    if split == "out_of_fold":
        if not folder.out_of_fold.is_file():
            raise not_judged(of, split)
        return load_predictions(folder.out_of_fold)
    chosen = _draft(folder)
    if chosen is None or not folder.predictions.is_file():
        raise not_judged(of, split)
    by_engine = chosen.with_name("predictions_validation.npz")
    if by_engine.is_file():
        return load_predictions(by_engine)
    # Drafts of older versions kept none: the network's own answers differ from the engine's in the sixth digit.
    info = recorded_info(folder)
    try:
        kept = read_arrays(folder.predictions)
        ids, probabilities = kept["image_ids"], kept["probabilities"].astype(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise not_judged(of, split) from error
    from skin_core.screening.draft import groups_of  # Brings the engine, which pages do without.

    prepared = load_prepared(folder)
    places = {image_id: row for row, image_id in enumerate(prepared.manifest.frame["image_id"])}
    rows = np.array([places[image_id] for image_id in ids.tolist()])
    if probabilities.ndim == 1 or probabilities.shape[1] == 1:
        positive = probabilities.reshape(-1)
        probabilities = np.stack([1 - positive, positive], axis=1)
    # Calibration reads differences of logits only, and those are differences of log probabilities.
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    frame = prepared.manifest.frame.iloc[rows]
    word = group_word(prepared.manifest)
    return ids, scored(info, frame, groups_of(folder, prepared)[rows], logits, group_word=word)


def recorded_evaluation(folder: RunFolder) -> dict[str, Any]:
    """The record of the run's evaluation; empty if there is none."""
    try:
        found = json.loads(folder.evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return found | {"metrics": with_present_names(found.get("metrics", {}))}


def recorded_cross_validation(folder: RunFolder) -> dict[str, Any]:
    """What a cross-validated run recorded when its last fold was done.

    Raises:
        RunError: if the run is none, or its folds are not all done.
    """
    try:
        return json.loads(folder.cross_validation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise not_judged(folder.run_id, "out_of_fold") from error


def recorded_info(folder: RunFolder) -> BundleInfo | None:
    """What was fitted on validation for the run's present model: that of the evaluation, else the newest; or None."""
    chosen = _draft(folder)
    return None if chosen is None else BundleInfo.parse(chosen.read_text(encoding="utf-8"), name="draft")


def draft_folder(folder: RunFolder) -> Path | None:
    """Where the bundle of the run's present model was drafted: that of the evaluation, else the newest; or None."""
    chosen = _draft(folder)
    return None if chosen is None else chosen.parent


def _draft(folder: RunFolder) -> Path | None:
    known = {path.parent.name: path for path in drafts(folder)}
    return known.get(recorded_evaluation(folder).get("model", "")) or next(iter(known.values()), None)


def drafts(folder: RunFolder) -> list[Path]:
    """Drafts of the present model, the newest first; older ones belong to a model that was trained further."""
    if not folder.model.is_file():
        return []
    since = folder.model.stat().st_mtime_ns
    found = {path: path.stat().st_mtime_ns for path in (folder.path / "export").glob("[!.]*/draft.json")}
    return sorted((path for path, at in found.items() if at >= since), key=lambda path: -found[path])


def not_judged(run_id: str, split: str) -> RunError:
    """The error for a split that a run was not judged on."""
    if split == "out_of_fold":
        return RunError(
            f"Run {run_id} has no out-of-fold predictions: only a cross-validated run has them, when its last fold is done."
        )
    return RunError(f"Run {run_id} was not judged on {SPLIT_WORDS[split]} yet; evaluate it.")
