"""Folds: whole groups, no test picture, each class in each fold, the same everywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from skin_core.data.folds import NO_FOLD, cross_validation_folds, grouped_folds, inner_validation
from skin_core.data.sources import read_manifest
from skin_core.data.split import make_split
from skin_core.errors import DataSourceError


def test_test_pictures_get_no_fold_and_lesions_stay_whole(demo_ham10000: Path) -> None:
    manifest = read_manifest(demo_ham10000)
    split = make_split(manifest, None, seed=1)
    rows = manifest.frame.set_index("image_id").loc[split.frame["image_id"]]
    folds = cross_validation_folds(split, rows["label"].tolist(), folds=4, seed=1)
    is_test = (split.frame["split"] == "test").to_numpy()
    assert (folds[is_test] == NO_FOLD).all() and set(folds[~is_test]) == {0, 1, 2, 3}
    for lesion in rows["group_id"].unique():
        assert len(set(folds[(rows["group_id"] == lesion).to_numpy()])) == 1, lesion
    nevi = folds[(rows["label"] == "nv").to_numpy() & ~is_test]
    # To within about the largest lesion, which has three pictures.
    assert np.ptp(np.bincount(nevi, minlength=4)) <= 3


def test_each_class_is_dealt_evenly() -> None:
    labels = np.repeat(["a", "b", "c"], [100, 20, 10])
    groups = np.array([f"g{number}" for number in range(130)])
    folds = grouped_folds(groups, labels, folds=5, seed=7)
    for label, expected in (("a", 20), ("b", 4), ("c", 2)):
        assert np.bincount(folds[labels == label], minlength=5).tolist() == [expected] * 5


def test_the_same_on_every_machine_and_in_any_order() -> None:
    groups = np.array([f"lesion {number // 2}" for number in range(60)])
    labels = np.array(["x", "y", "x"])[np.arange(60) // 2 % 3]
    folds = grouped_folds(groups, labels, folds=3, seed=42)
    order = np.random.default_rng(0).permutation(60)
    assert (grouped_folds(groups[order], labels[order], folds=3, seed=42) == folds[order]).all()
    assert (grouped_folds(groups, labels, folds=3, seed=43) != folds).any()
    # Worked out once; sha256 and quotas decide, so no version of a library may change it.
    assert hashlib.sha256(bytes(folds.tolist())).hexdigest()[:12] == "b36c378f91fb"


def test_too_few_groups_are_told() -> None:
    with pytest.raises(DataSourceError, match="5 folds need"):
        grouped_folds(np.array(["a", "b"]), np.array(["x", "y"]), folds=5, seed=1)
    with pytest.raises(ValueError, match="at least 2"):
        grouped_folds(np.array(["a", "b"]), np.array(["x", "y"]), folds=1, seed=1)


def test_an_inner_validation_part_takes_whole_groups_and_its_share_of_each_class() -> None:
    # Ten groups of two pictures of class a, four single ones of b: a half of each is five groups and two pictures.
    groups = np.array([f"a{number // 2}" for number in range(20)] + [f"b{number}" for number in range(4)])
    labels = np.array(["a"] * 20 + ["b"] * 4)
    inner = inner_validation(groups, labels, fraction=0.5, seed=7)
    assert (inner[labels == "a"].sum(), inner[labels == "b"].sum()) == (10, 2)
    assert all(len(set(inner[groups == group])) == 1 for group in set(groups))
    order = np.random.default_rng(0).permutation(24)
    assert (inner_validation(groups[order], labels[order], fraction=0.5, seed=7) == inner[order]).all()


def test_a_class_of_one_group_stays_to_be_learnt() -> None:
    groups = np.array(["x", "x", *[f"y{number}" for number in range(10)]])
    labels = np.array(["rare"] * 2 + ["y"] * 10)
    for fraction in (0.1, 0.9):
        inner = inner_validation(groups, labels, fraction=fraction, seed=1)
        assert not inner[:2].any() and inner[2:].sum() == 10 * fraction
    with pytest.raises(ValueError, match=r"in \(0, 1\)"):
        inner_validation(groups, groups, fraction=1.0, seed=1)
