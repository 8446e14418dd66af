"""Several seeds on one split: another network, the same pictures on each side."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from skin_core.models.registry import default_config
from skin_core.services import runs
from skin_core.training.fold_data import fold_of, read_folds
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared, prepare


def _folder(demo: Path, **settings: object) -> RunFolder:
    config = default_config("light_cnn", str(demo)).model_copy(update=settings)
    folder = RunFolder.of(runs.create_run(config))
    prepare(folder, config, lambda progress: None)
    return folder


@pytest.mark.parametrize("folds", [0, 3])
def test_the_split_hangs_on_its_own_seed_where_there_is_one(demo_ham10000: Path, folds: int) -> None:
    def split(**seeds: int) -> pd.DataFrame:
        folder = _folder(demo_ham10000, folds=folds, early_stopping=0, schedule="cosine", **seeds)
        return pd.read_csv(folder.split)

    first = split(seed=1)
    assert first.equals(split(seed=2, split_seed=1))
    assert not first.equals(split(seed=2))
    assert not first.equals(split(seed=1, split_seed=2))


def test_and_so_do_the_folds_and_the_part_that_chooses_the_epoch(demo_ham10000: Path) -> None:
    def dealt(**seeds: int) -> tuple[pd.DataFrame, list[str]]:
        folder = _folder(demo_ham10000, folds=3, early_stopping=0, schedule="cosine", **seeds)
        first = fold_of(folder, load_prepared(folder), folder.read_config(), 1)
        return read_folds(folder), first.prepared.split.tolist()

    folds, chooses = dealt(seed=1)
    same_folds, same_chooses = dealt(seed=2, split_seed=1)
    other_folds, other_chooses = dealt(seed=2)
    assert folds.equals(same_folds) and chooses == same_chooses
    assert not folds.equals(other_folds) and chooses != other_chooses
