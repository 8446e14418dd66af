"""What a run has left to look at: its tables, the split it used, what was left out. Reads files only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from skin_core.services.runs import RunView
from skin_core.training.folder import RunFolder


@dataclass(frozen=True)
class Results:
    """Tables of a run; each is None until the run has come that far.

    Attributes:
        confusion: images on validation (of a cross-validated run: out of fold), true class by row, predicted class by column.
        report: precision, recall, f1 and support of each class, then "macro avg" and "weighted avg".
        distribution: before and after balancing, training images an epoch, one row a class.
        split: images by class and split; of a cross-validated run by class and fold.
        excluded: image_id, reason (and what else is known) of what the split left out.
    """

    confusion: pd.DataFrame | None
    report: pd.DataFrame | None
    distribution: pd.DataFrame | None
    split: pd.DataFrame | None
    excluded: pd.DataFrame | None


def results_of(run_id: str) -> Results:
    """The tables of a run.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id)
    return Results(
        confusion=_figures(folder.artifacts / "confusion_matrix.csv"),
        report=_figures(folder.artifacts / "classification_report.csv"),
        # The folds are dealt evenly, so that the first one's network stands for all.
        distribution=_figures((folder.member(1) if folder.members.is_dir() else folder).artifacts / "distribution.csv"),
        split=_split_counts(folder),
        excluded=_table(folder.excluded),
    )


def files_of(run_id: str) -> list[Path]:
    """Pictures and tables saved with a run, by name.

    Raises:
        RunError: if there is no such run.
    """
    folder = RunFolder.of(run_id).artifacts
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".csv")) if folder.is_dir() else []


def fingerprint_of(run_id: str) -> dict[str, Any]:
    """What the run recorded of its data when it was prepared; empty before that.

    Raises:
        RunError: if there is no such run.
    """
    try:
        recorded = json.loads(RunFolder.of(run_id).prepared.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return recorded if isinstance(recorded, dict) else {}


def overrides_of(run: RunView) -> list[str]:
    """Sentences on what the user overrode for a run, which the reader of its figures must know."""
    config, told = run.config, []
    if config.allow_leaks:
        told.append("The split was allowed to leak: its figures may be too good.")
    if not config.clean:
        told.append("What the audit found was not left out of the split.")
    if config.risk_levels:
        levels = ", ".join(f"{label} as {level}" for label, level in sorted(config.risk_levels.items()))
        told.append(f"The mapping of risk levels was changed: {levels}.")
    if config.weights == "random" and config.freeze_backbone:
        told.append("The backbone is untrained: the figures prove the path, not an accuracy.")
    if config.folds and config.cv_select == "held":
        told.append("The epoch of each fold was chosen on the pictures that it held: the figures are too good.")
    if config.max_images:
        told.append(f"Only {config.max_images:,} images of the set were used.")
    return told


def _figures(path: Path) -> pd.DataFrame | None:
    """Numbers by class, which is the index."""
    table = _table(path)
    return None if table is None else table.set_index(table.columns[0]).apply(pd.to_numeric)


def _table(path: Path) -> pd.DataFrame | None:
    """All as text: a class may be called "NA", and an image id of digits keeps its zeros. What is empty is missing."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, pd.errors.EmptyDataError):
        return None


def _split_counts(folder: RunFolder) -> pd.DataFrame | None:
    split = _table(folder.split)
    if split is None or "split" not in split or not folder.manifest.is_file():
        return None
    labels = pd.read_parquet(folder.manifest, columns=["image_id", "label"]).astype("string")
    folds = _table(folder.folds)
    if folds is not None:
        joined = folds[["image_id", "fold"]].astype({"fold": int}).merge(labels, on="image_id", how="left")
        return joined.groupby(["label", "fold"], observed=True).size().unstack(fill_value=0).add_prefix("fold ")
    joined = split[["image_id", "split"]].merge(labels, on="image_id", how="left")
    table = joined.groupby(["label", "split"], observed=True).size().unstack(fill_value=0)
    return table.reindex(columns=[name for name in ("train", "validation", "test") if name in table])
