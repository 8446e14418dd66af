"""The data of a cross-validated run: who is held out by which member, and what each member may learn from.

The test split is not part of it: its pictures are in no member's manifest, so none of them is ever decoded for a network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skin_core.config import RunConfig
from skin_core.data.folds import cross_validation_folds, inner_validation
from skin_core.data.split import Split
from skin_core.errors import ConfigError, LeakError, RunError
from skin_core.paths import write_text
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared
from skin_core.training.teachers import refuse_taught, teachers_of

if TYPE_CHECKING:
    from skin_core.data.audit import Signatures
    from skin_core.data.manifest import Manifest

COLUMNS = ("image_id", "group", "fold")
HELD = "held"


@dataclass(frozen=True)
class Fold:
    """What a member learns from and what it is judged on.

    Attributes:
        number: of the fold, from 1.
        prepared: the run's data; its split says "train", "validation", and "held" for what is neither. Where no inner
            part validates, the held pictures stand as "validation".
        held: bool (N,), the pictures of the fold: no member but this one predicts them, and it never learns from them.
    """

    number: int
    prepared: Prepared
    held: np.ndarray


def begin_folds(
    folder: RunFolder, config: RunConfig, split: Split, manifest: Manifest, prints: Signatures
) -> tuple[pd.DataFrame, str]:
    """Deals the folds of a run and writes them into its folder.

    Args:
        folder, config: of the run.
        split: of the set.
        manifest: the set. prints: its signatures.

    Returns:
        The rows of ``split.frame`` that have a fold, and a sentence for the notes.

    Raises:
        DataSourceError, ConfigError: if the pictures cannot be dealt; see `deal_folds`.
        LeakError: if the weights to start from, or a teacher, know them; see `refuse_seen`.
    """
    folds = deal_folds(split, manifest.frame.set_index("image_id")["label"], config)
    refuse_seen(config, prints, folds["image_id"])
    write_text(folder.folds, folds.to_csv(index=False))
    used = split.frame[split.frame["split"] != "test"]
    n_test = len(split.frame) - len(used)
    return used, (
        f"{config.folds} folds of whole lesions or patients ({folds['group'].nunique():,} in all), dealt from the "
        f"{len(folds):,} pictures of training and validation; the {n_test:,} test pictures are in none and stay locked."
    )


def deal_folds(split: Split, labels: pd.Series, config: RunConfig) -> pd.DataFrame:
    """Deals the training and validation pictures of a split into folds.

    Args:
        split: of the set.
        labels: class by image_id.
        config: folds and seed.

    Returns:
        One row a picture that has a fold: image_id, group, fold (from 1).

    Raises:
        DataSourceError: if there are fewer groups than folds.
        ConfigError: if all pictures of a class are in one fold, so that its member could not learn the class.
    """
    classes = labels.loc[split.frame["image_id"].tolist()].astype(str).tolist()
    number = cross_validation_folds(split, classes, folds=config.folds, seed=config.partition_seed)
    dealt = split.frame.assign(fold=number + 1, label=classes)
    dealt = dealt[dealt["split"] != "test"]
    spread = dealt.groupby("label")["fold"].nunique()
    alone = sorted(spread.index[spread < 2])
    if alone:
        raise ConfigError(
            f"All pictures of class {', '.join(alone)} hang together (one lesion or patient), so that a fold would hold the "
            "whole class; bring more pictures of it, or remove it."
        )
    return dealt[list(COLUMNS)].reset_index(drop=True)


def refuse_seen(config: RunConfig, prints: Signatures, ids: pd.Series) -> None:
    """Refuses to start from weights, or to be taught by a run, that know pictures which a fold would hold.

    A cross-validated teacher is not asked here: each of its networks knows all folds but the one that it teaches.

    Args:
        config: of the run; ``start_from`` names the weights, ``distill_from`` the teachers.
        prints: signatures of the data set.
        ids: of the pictures that have a fold.

    Raises:
        LeakError: if such a run, or an ancestor of it, was trained on any of them.
    """
    from skin_core.data.audit import Signatures, seen_pictures

    advice = "leave start_from empty, or start from a run on another data set"
    known = [(RunFolder.of(config.start_from), advice)] if config.start_from else []
    advice = "distill from a cross-validation with the same folds, or from a run on another data set"
    known += [(teacher, advice) for teacher in teachers_of(config) if not teacher.read_config().folds]
    for parent, advice in known:
        seen = seen_pictures(Signatures.load(parent.signatures), prints.subset(ids)).image_ids
        if seen:
            raise LeakError(
                f"Run {parent.run_id} was trained on {len(seen)} pictures (or their lesions) that a fold would hold, so "
                f"every figure would flatter; {advice}."
            )


def read_folds(folder: RunFolder) -> pd.DataFrame:
    """Who is in which fold: image_id, group (text), fold (int, from 1).

    Raises:
        RunError: if the run's folds were never dealt.
    """
    try:
        found = pd.read_csv(folder.folds, dtype={"image_id": str, "group": str, "fold": int}, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise RunError(
            f"Run {folder.run_id} has no folds to read; a cross-validated run deals them when it begins."
        ) from error
    return found


def fold_of(folder: RunFolder, prepared: Prepared, config: RunConfig, number: int) -> Fold:
    """The data of one member; writes who is what into its folder, and the encoder of its columns, fitted on what it learns
    from.

    Args:
        folder: of the cross-validated run.
        prepared: its data.
        config: its configuration.
        number: the fold, from 1.

    Raises:
        ConfigError: if no picture is left to choose the epoch.
        LeakError: if a teacher learnt from what the fold is judged or chosen by; see `refuse_taught`.
    """
    dealt = read_folds(folder).set_index("image_id").loc[prepared.manifest.frame["image_id"].tolist()]
    held = (dealt["fold"] == number).to_numpy(dtype=bool)
    split = np.where(held, "validation", "train").astype(object)
    if config.cv_select == "inner":
        others = np.flatnonzero(~held)
        validates = inner_validation(
            dealt["group"].to_numpy(dtype=object)[others],
            prepared.labels[others],
            fraction=config.validation_fraction,
            seed=config.partition_seed,
        )
        split[held] = HELD
        split[others[validates]] = "validation"
        if not validates.any():
            raise ConfigError(
                f"No picture is left to choose the epoch of fold {number}; raise validation_fraction, or set cv_select=last."
            )
    told = pd.DataFrame({"image_id": dealt.index, "split": split, "group": dealt["group"].to_numpy()})
    refuse_taught(config, number, told.loc[told["split"] != "train", "group"])
    write_text(folder.member(number).split, told.to_csv(index=False))
    tabular = None
    if config.features:
        from skin_core.data.tabular import TabularEncoder

        frame = prepared.manifest.frame
        encoder = TabularEncoder.fit(frame[split == "train"], config.features)
        write_text(folder.member(number).tabular, json.dumps(encoder.to_dict()))
        tabular = encoder.encode(frame)
    return Fold(number, replace(prepared, split=split, tabular=tabular), held)
