"""Who may teach a run (`training.distill`): runs that know its classes and never learnt from what it is judged on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from skin_core.config import RunConfig
from skin_core.errors import ConfigError, LeakError, RunError
from skin_core.training.folder import RunFolder


def teachers_of(config: RunConfig) -> tuple[RunFolder, ...]:
    """The runs that teach a run, as named.

    Raises:
        RunError: if one is gone.
    """
    return tuple(RunFolder.of(run_id) for run_id in config.distill_from)


def teaching_columns(config: RunConfig) -> tuple[str, ...]:
    """Columns beside the image that a run's teachers look at."""
    found = (teacher.read_config().features for teacher in teachers_of(config))
    return tuple(dict.fromkeys(column for features in found for column in features))


def check_teachers(config: RunConfig) -> None:
    """Refuses teachers of which it is plain at once that they cannot teach a run.

    Raises:
        RunError: for a run that is not there, not done, or without weights.
        ConfigError: for a cross-validated run that does not fit.
    """
    for teacher in teachers_of(config):
        theirs = teacher.read_config()
        if theirs.folds and not config.folds:
            raise ConfigError(
                f"Run {teacher.run_id} is a cross-validation, and each of its networks teaches only the fold that it never "
                f"saw; name a run with folds=0 in distill_from, or set folds={theirs.folds}."
            )
        if theirs.folds and theirs.folds != config.folds:
            raise ConfigError(
                f"Run {teacher.run_id} has {theirs.folds} folds and this run asks for {config.folds}; a cross-validated "
                "teacher needs the same folds."
            )
        if theirs.folds and theirs.cv_select == "held" and config.cv_select != "held":
            raise ConfigError(
                f"Run {teacher.run_id} chose its epochs by the held folds (cv_select=held), so what it teaches would flatter "
                "this run's figures; name one with cv_select inner or last."
            )
        status = teacher.read_state().status
        if status != "finished" and (theirs.folds or status != "stopped"):
            raise RunError(f"Run {teacher.run_id} is not done yet ({status}); let it finish, then distill from it.")
        if not theirs.folds and not teacher.model.is_file():
            raise RunError(f"Run {teacher.run_id} has no weights to ask; choose a run with a finished epoch.")


def refuse_strangers(config: RunConfig, classes: Sequence[str], pictures: str, folds: pd.DataFrame | None) -> None:
    """Refuses teachers whose classes or folds are not the run's.

    Args:
        config: of the run.
        classes: its labels, sorted.
        pictures: digest of its pictures; see `Prepared`.
        folds: image_id, group, fold of a cross-validated run; None for one run.

    Raises:
        ConfigError: if the classes differ, by name.
        LeakError: if a cross-validated teacher was dealt into other folds, so that each of its networks has seen pictures
            that the run is judged on.
    """
    from skin_core.training.fold_data import COLUMNS, read_folds

    for teacher in teachers_of(config):
        theirs = teacher.read_state().classes
        if tuple(theirs) != tuple(classes):
            raise ConfigError(
                f"Run {teacher.run_id} tells {', '.join(theirs) or 'no class'} apart, and this run {', '.join(classes)}; a "
                "teacher must know exactly the same classes."
            )
        if folds is None or not teacher.read_config().folds:
            continue
        mine, others = (
            table[list(COLUMNS)].astype(str).sort_values("image_id", ignore_index=True)
            for table in (folds, read_folds(teacher))
        )
        known = json.loads(teacher.prepared.read_text(encoding="utf-8")).get("pictures")
        if known != pictures or not mine.equals(others):
            raise LeakError(
                f"Run {teacher.run_id} was dealt into other folds than this run, so each of its networks has seen pictures "
                "that this run is judged on; cross-validate both on the same data with the same seed, folds, fractions, "
                "max_images and cleaning."
            )


def refuse_taught(config: RunConfig, number: int, judged: Iterable[str]) -> None:
    """Refuses to be taught in a fold by what learnt from the pictures that the fold is judged or chosen by.

    Args:
        config: of the cross-validated run.
        number: the fold, from 1.
        judged: groups of the held and the validation pictures of the fold.

    Raises:
        LeakError: if a teacher's network of that fold, or one that taught it, was trained on any of these groups.
    """
    judged = set(judged)
    for teacher in teachers_of(config):
        if not teacher.read_config().folds:
            continue  # Asked when the folds were dealt; see `fold_data.refuse_seen`.
        known = _learnt_groups(teacher, number) & judged
        if known:
            raise LeakError(
                f"In fold {number}, run {teacher.run_id} learnt from {len(known)} lesions or patients that choose this run's "
                "epoch there; train both with the same cv_select and validation_fraction, or this one with cv_select=last."
            )


def _learnt_groups(run: RunFolder, number: int) -> set[str]:
    split = pd.read_csv(run.member(number).split, dtype=str, keep_default_na=False)
    found = set(split.loc[split["split"] == "train", "group"])
    for teacher in teachers_of(run.read_config()):
        if teacher.read_config().folds:
            found |= _learnt_groups(teacher, number)
    return found


def class_shares(teacher: RunFolder, member: RunFolder, n_classes: int) -> np.ndarray:
    """Share of each class among the pictures that a teacher was trained on, float64 (C,), sums to 1.

    Args:
        teacher: the run, which has the manifest. member: itself, or its network of one fold.
        n_classes: C.
    """
    classes = teacher.read_state().classes
    labels = pd.read_parquet(teacher.manifest, columns=["image_id", "label"]).set_index("image_id")["label"].astype(str)
    split = pd.read_csv(member.split, dtype=str, keep_default_na=False)
    trained = split.loc[split["split"] == "train", "image_id"]
    counts = labels.loc[[image_id for image_id in trained if image_id in labels.index]].value_counts()
    # As the loss counts them (`objective_of`): half an image for a class that has none.
    held = np.maximum([float(counts.get(name, 0)) for name in classes], 0.5)
    assert len(held) == n_classes
    return held / held.sum()
