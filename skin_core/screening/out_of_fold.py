"""The out-of-fold predictions of a cross-validated run: each picture by the one member that never learnt from its lesion.

Kept in the same form as the predictions of an evaluation, so that the same figures, curves and comparisons apply.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from skin_core.arrays import read_arrays
from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.evaluation.bootstrap import Groups
from skin_core.evaluation.calibration import expected_bias
from skin_core.evaluation.figures import OF_DECISION
from skin_core.evaluation.scored import Scored
from skin_core.paths import write_text
from skin_core.screening.fitted import with_calibration
from skin_core.screening.origin import describe
from skin_core.screening.predictions import save_predictions
from skin_core.screening.record import BundleInfo, Calibration
from skin_core.screening.spreadsheet import without_formula
from skin_core.screening.truth import group_word, scored, training_shares
from skin_core.training.fold_data import read_folds
from skin_core.training.folder import EPOCH_COLUMNS, RunFolder, read_rows
from skin_core.training.prepare import Prepared
from skin_core.training.report import write_tables

_PARTS = ("labels", "levels", "melanoma", "groups", "probabilities", "risk", "patients")
# Figures of a decision: the members share no threshold.
_DECIDED = ("melanoma_sensitivity", *(f"malignancy_{name}" for name in OF_DECISION))
# What the list of runs shows of a run, and which pooled figure stands for it: the same that the run's own page shows.
_IN_THE_LIST = {
    "val_loss": "log_loss",
    "val_auc": "macro_auc",
    "val_accuracy": "accuracy",
    "val_balanced_accuracy": "balanced_accuracy",
    "val_malignancy_auc": "malignancy_auc",
}
_NOT_CALIBRATED = (
    "Probabilities and risks are as the networks gave them, not calibrated: nothing was left to calibrate them on."
)
_SHARES_UNDONE = (
    "The classes were balanced in training; probabilities and risks are brought back to the classes' own shares, and not "
    "calibrated otherwise: nothing was left to calibrate them on."
)


@dataclass(frozen=True)
class _Member:
    """What one member said.

    Attributes:
        rows: int64 (N,), rows of the run's manifest that it held.
        raw: float64 (N, C), as its network gave them.
        truth: the same, calibrated where something was left to calibrate on.
        facts: for the record.
    """

    rows: np.ndarray
    raw: np.ndarray
    truth: Scored
    facts: dict[str, Any]


def collect(folder: RunFolder, config: RunConfig, prepared: Prepared) -> dict[str, float]:
    """Puts the members' predictions together, and writes them, their figures and tables into the run's folder.

    Args:
        folder, config, prepared: of a cross-validated run whose folds are all done.

    Returns:
        Figures over all pictures, by the names of an epoch's validation figures.

    Raises:
        RunError: if a fold's predictions are missing or damaged, or a picture was predicted twice.
    """
    frame = prepared.manifest.frame
    groups = read_folds(folder).set_index("image_id")["group"].loc[frame["image_id"].tolist()].to_numpy(dtype=object)
    info = describe(folder, config, prepared)
    members = [_member(folder, config, prepared, groups, info, number) for number in range(1, config.folds + 1)]
    rows = np.concatenate([member.rows for member in members])
    if len(np.unique(rows)) != len(rows):
        raise RunError(f"Run {folder.run_id} predicted a picture in two folds; start it anew.")
    order = np.argsort(rows)
    pooled = _pooled([member.truth for member in members], order)
    raw = np.concatenate([member.raw for member in members])[order]
    rows = rows[order]
    ids = frame["image_id"].to_numpy(dtype=object)[rows]
    record = {
        "n": len(rows),
        "folds": config.folds,
        "select": config.cv_select,
        "metrics": {
            name: entry for name, entry in _plain(pooled.metrics(seed=config.seed)).items() if name not in _DECIDED
        },
        "class_rule": pooled.class_rule,
        "classes": list(pooled.classes),
        "confusion": pooled.confusion().tolist(),
        "groups": {"n": Groups(pooled.groups).count, "word": pooled.group_word},
        "intervals": Groups(pooled.groups, pooled.group_word).sentence(),
        "members": [member.facts for member in members],
        "notes": _notes(config, members, len(rows)),
        "fingerprint": prepared.fingerprint,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    save_predictions(folder.out_of_fold, ids, pooled)
    write_tables(folder.artifacts, labels=prepared.labels[rows], probabilities=raw, classes=prepared.classes)
    write_text(folder.artifacts / "out_of_fold.csv", _table(folder, ids, pooled).to_csv(index=False))
    # Last: who finds it finds the rest.
    write_text(folder.cross_validation, json.dumps(record, indent=1, allow_nan=False) + "\n")
    return {
        shown: math.nan if (value := record["metrics"][name]["value"]) is None else value
        for shown, name in _IN_THE_LIST.items()
    }


def _member(
    folder: RunFolder, config: RunConfig, prepared: Prepared, groups: np.ndarray, info: BundleInfo, number: int
) -> _Member:
    member = folder.member(number)
    held = _predictions(folder, member, "held_predictions")
    rows, raw = _rows(prepared, held["image_ids"]), held["probabilities"].astype(np.float64)
    frame = prepared.manifest.frame
    if config.cv_select == "inner":
        inner = _predictions(folder, member, "predictions")
        info = _calibrated(info, config, prepared, groups, _rows(prepared, inner["image_ids"]), inner["probabilities"])
    elif config.equal_shares:
        # What was learnt as if the classes were equally frequent holds for equal shares; brought back to the set's own,
        # as far as can be known without pictures to calibrate on.
        bias = expected_bias(training_shares(info), equal_shares=True)
        if bias is not None:
            info = info.model_copy(update={"calibration": Calibration(temperature=1.0, bias=tuple(bias.tolist()))})
    truth = scored(info, frame.iloc[rows], groups[rows], _logits(raw), group_word=group_word(prepared.manifest))
    history = read_rows(member.history, EPOCH_COLUMNS)
    plain = truth.figures(np.ones((1, len(rows))))
    facts = {
        "fold": number,
        "n": len(rows),
        "n_groups": Groups(truth.groups).count,
        "n_train": int(held["n_train"]),
        "epoch": int(held["epoch"]),
        "epochs": len(history),
        "seconds": sum(row["seconds"] for row in history),
        "metrics": {
            name: None if math.isnan(value[0]) else float(value[0])
            for name, value in plain.items()
            if name not in _DECIDED
        },
    }
    return _Member(rows, raw, truth, facts)


def _calibrated(
    info: BundleInfo,
    config: RunConfig,
    prepared: Prepared,
    groups: np.ndarray,
    rows: np.ndarray,
    probabilities: np.ndarray,
) -> BundleInfo:
    """As a bundle is calibrated on validation: the member on its inner validation part, which is none of the held."""
    return with_calibration(
        info,
        prepared.manifest.frame.iloc[rows],
        prepared.labels[rows],
        groups[rows],
        _logits(probabilities),
        seed=config.seed,
        equal_shares=config.equal_shares,
    )


def _pooled(members: list[Scored], order: np.ndarray) -> Scored:
    first = members[0]
    joined = {
        name: None
        if getattr(first, name) is None
        else np.concatenate([getattr(member, name) for member in members])[order]
        for name in _PARTS
    }
    return Scored(
        classes=first.classes,
        melanoma_column=first.melanoma_column,
        group_word=first.group_word,
        priors=_mean_shares(members),
        **joined,
    )


def _mean_shares(members: list[Scored]) -> np.ndarray | None:
    """Each member was calibrated on its own pictures; together they are named by one rule."""
    known = [member.priors for member in members if member.priors is not None]
    return np.mean(known, axis=0) if len(known) == len(members) else None


def _table(folder: RunFolder, ids: np.ndarray, pooled: Scored) -> pd.DataFrame:
    folds = read_folds(folder).set_index("image_id")["fold"]
    # Handed out, and read by nobody here.
    names = np.array([*map(without_formula, pooled.classes), None], dtype=object)
    cells = [without_formula(image_id) for image_id in ids.tolist()]
    table = {"image_id": cells, "fold": folds.loc[ids.tolist()].to_numpy(), "label": names[pooled.labels]}
    if pooled.risk is not None:
        table["malignancy"] = pooled.risk
    table |= {f"p_{name}": pooled.probabilities[:, index] for index, name in enumerate(pooled.classes)}
    return pd.DataFrame(table)


def _notes(config: RunConfig, members: list[_Member], n: int) -> list[str]:
    fewest = min(member.facts["n_train"] for member in members)
    uncalibrated = _SHARES_UNDONE if config.equal_shares else _NOT_CALIBRATED
    share = f"{100 * config.validation_fraction:.0f} %"
    chosen = {
        "inner": [
            f"In each fold, epoch and calibration were chosen on an inner validation part ({share} of the other folds): no "
            "choice has seen the pictures that these figures are of."
        ],
        "last": [
            "The network of each fold is that of the last epoch, so the held pictures decided nothing.",
            uncalibrated,
        ],
        "held": [
            "In each fold the epoch was chosen on the held pictures themselves: these figures flatter the settings; "
            "cross-validate with cv_select=inner for honest ones.",
            uncalibrated,
        ],
    }[config.cv_select]
    return [
        *chosen,
        f"The intervals take the {config.folds} networks as they are. How much another training would differ shows in the "
        "spread over the folds.",
        f"Each network learnt from {fewest:,} or more of the {n:,} pictures; a final run learns from its own training split.",
        "Settings chosen by these figures are judged by the locked test split alone: choosing used these pictures up.",
    ]


def _predictions(folder: RunFolder, member: RunFolder, name: str) -> dict[str, np.ndarray]:
    try:
        return read_arrays(getattr(member, name))
    except (OSError, ValueError) as error:
        raise RunError(
            f"Fold {member.run_id} of run {folder.run_id} has no predictions to read; delete {member.path} and resume the run."
        ) from error


def _rows(prepared: Prepared, image_ids: np.ndarray) -> np.ndarray:
    places = {image_id: row for row, image_id in enumerate(prepared.manifest.frame["image_id"])}
    return np.array([places[image_id] for image_id in image_ids.tolist()], dtype=np.int64)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    # Calibration reads differences of logits only, and those are differences of log probabilities.
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))


def _plain(metrics: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        name: {part: None if math.isnan(value) else value for part, value in entry.items()}
        for name, entry in metrics.items()
    }
