"""The tables of a run, read back from its files as they were written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skin_core.paths import runs_dir, write_text
from skin_core.services.results import files_of, results_of
from skin_core.training.folder import RunFolder
from skin_core.training.report import write_distribution, write_tables

# Two that pandas takes for a missing value, and one that it takes for a number.
CLASSES = ("007", "NA", "None")


@pytest.fixture
def folder() -> RunFolder:
    path = runs_dir() / "20260101-000000-abcd"
    path.mkdir()
    write_text(path / "config.json", "{}")
    return RunFolder.of(path.name)


def test_classes_keep_their_names(folder: RunFolder) -> None:
    write_tables(folder.artifacts, labels=np.arange(3), probabilities=np.eye(3), classes=CLASSES)
    write_distribution(folder.artifacts, pd.DataFrame({"class": CLASSES, "before": [1, 2, 3], "after": [3, 3, 3]}))
    found = results_of(folder.run_id)
    assert found.confusion is not None and found.report is not None and found.distribution is not None
    assert found.confusion.index.tolist() == found.confusion.columns.tolist() == list(CLASSES)
    assert found.report.index.tolist() == [*CLASSES, "macro avg", "weighted avg"]
    assert found.distribution["before"].to_dict() == {"007": 1, "NA": 2, "None": 3}


def test_image_ids_of_digits_find_their_class(folder: RunFolder) -> None:
    ids = ["001", "002", "003", "NA"]
    pd.DataFrame({"image_id": ids, "label": ["nv", "nv", "mel", "mel"]}).to_parquet(folder.manifest)
    split = pd.DataFrame({"image_id": ids, "split": ["train", "validation", "train", "test"], "group": ids})
    write_text(folder.split, split.to_csv(index=False))
    write_text(folder.excluded, pd.DataFrame({"image_id": ["004"], "reason": ["unreadable"]}).to_csv(index=False))
    found = results_of(folder.run_id)
    assert found.split is not None and found.excluded is not None
    assert found.split.to_dict("index") == {
        "mel": {"train": 1, "validation": 0, "test": 1},
        "nv": {"train": 1, "validation": 1, "test": 0},
    }
    assert found.excluded["image_id"].tolist() == ["004"]
    write_text(folder.folds, pd.DataFrame({"image_id": ids, "group": ids, "fold": [1, 2, 2, 1]}).to_csv(index=False))
    by_fold = results_of(folder.run_id).split
    assert by_fold is not None
    assert by_fold.to_dict("index") == {"mel": {"fold 1": 1, "fold 2": 1}, "nv": {"fold 1": 1, "fold 2": 1}}


def test_a_class_between_dollar_signs_gets_its_pictures(folder: RunFolder) -> None:
    classes = ("a $\\bad$ b", "nv")
    write_tables(folder.artifacts, labels=np.arange(2), probabilities=np.eye(2), classes=classes)
    write_distribution(folder.artifacts, pd.DataFrame({"class": classes, "before": [1, 2], "after": [2, 2]}))
    assert {path.name for path in files_of(folder.run_id)} >= {
        "confusion_matrix.png",
        "classification_report.png",
        "distribution.png",
    }
