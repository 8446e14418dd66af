"""Cross-validated runs: who learns from whom, real workers, a kill in the middle of a fold, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skin_core.config import RunConfig
from skin_core.data.sources import read_manifest
from skin_core.errors import ConfigError, LeakError, RunError
from skin_core.screening.predictions import load_predictions
from skin_core.services import cross_validation, publishing, runs
from skin_core.training.folder import RunFolder

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def whole(crossed_run) -> RunFolder:
    """The folder of the unbroken run."""
    home, document = crossed_run
    return RunFolder(home / "runs" / document["run"])


def _step(folder: RunFolder) -> int:
    numbers = [int(path.name) for path in folder.checkpoints.glob("[0-9]*")] if folder.checkpoints.is_dir() else []
    return max(numbers, default=0) // 2


@pytest.fixture(scope="module")
def mended(crossed_run, wait_for) -> RunFolder:
    """The same run again, killed with -9 in the middle of its second fold and resumed."""
    home, document = crossed_run
    config = json.loads((home / "runs" / document["run"] / "config.json").read_text())
    run_id = cross_validation.start_cross_validation(config=RunConfig.parse(config))
    folder = RunFolder.of(run_id)
    # Four batches an epoch: after the fifth the second epoch is under way.
    end = time.monotonic() + 400
    while _step(folder.member(2)) < 5:
        assert runs.get_run(run_id).at_work and time.monotonic() < end, runs.log_tail(run_id)
        time.sleep(0.02)
    os.kill(json.loads(folder.worker.read_text())["pid"], signal.SIGKILL)
    wait_for(run_id, lambda run: run.status == "interrupted", "the kill to show", seconds=5)
    assert not folder.member(2).held_predictions.exists() and not folder.cross_validation.exists()
    members = cross_validation.members_of(run_id=run_id)
    assert [member.state for member in members] == ["done", "training"]
    first = folder.member(1).held_predictions.stat().st_mtime_ns
    found = cross_validation.finish_cross_validation(run_id=run_id)
    assert folder.member(1).held_predictions.stat().st_mtime_ns == first, "the first fold was trained again"
    assert found.run_id == run_id
    return folder


def test_folds_partition_the_lesions_and_no_test_picture_is_in_them(whole: RunFolder) -> None:
    folds = pd.read_csv(whole.folds, dtype={"image_id": str, "group": str})
    split = pd.read_csv(whole.split, dtype=str)
    manifest = pd.read_parquet(whole.manifest)
    learnt = set(split.loc[split["split"] != "test", "image_id"])
    test = set(split.loc[split["split"] == "test", "image_id"])
    assert test and set(folds["image_id"]) == set(manifest["image_id"]) == learnt
    assert set(folds["fold"]) == {1, 2}
    assert folds.groupby("group")["fold"].nunique().max() == 1
    lesions = manifest.set_index("image_id")["group_id"]
    assert folds.groupby(folds["image_id"].map(lesions))["fold"].nunique().max() == 1


def test_no_cache_holds_a_test_picture(crossed_run, whole: RunFolder) -> None:
    (pixels,) = (crossed_run[0] / "cache" / "pixels").glob("*/pixels.u8")
    assert pixels.stat().st_size == len(pd.read_parquet(whole.manifest)) * 32 * 32 * 3


def test_each_picture_is_predicted_once_by_the_member_that_held_it(whole: RunFolder) -> None:
    folds = pd.read_csv(whole.folds, dtype={"image_id": str, "group": str})
    ids, pooled = load_predictions(whole.out_of_fold)
    assert sorted(ids.tolist()) == sorted(folds["image_id"])
    np.testing.assert_allclose(pooled.probabilities.sum(axis=1), 1)
    assert (pooled.risk >= 0).all() and (pooled.risk <= 1).all()
    told = []
    for number in (1, 2):
        with np.load(whole.member(number).held_predictions) as held:
            told += held["image_ids"].tolist()
            assert set(held["image_ids"].tolist()) == set(folds.loc[folds["fold"] == number, "image_id"])
    assert len(told) == len(set(told)) == len(ids)
    groups = dict(zip(folds["image_id"], folds["group"], strict=True))
    assert pooled.groups.tolist() == [groups[image_id] for image_id in ids.tolist()]


def test_a_member_never_learnt_from_a_lesion_that_it_held(whole: RunFolder) -> None:
    for number in (1, 2):
        member = whole.member(number)
        split = pd.read_csv(member.split, dtype=str)
        groups = {side: set(split.loc[split["split"] == side, "group"]) for side in ("train", "validation", "held")}
        assert all(groups.values())
        assert (
            not groups["held"] & (groups["train"] | groups["validation"]) and not groups["train"] & groups["validation"]
        )
        with np.load(member.held_predictions) as held, np.load(member.predictions) as inner:
            assert set(held["image_ids"].tolist()) == set(split.loc[split["split"] == "held", "image_id"])
            # What chose the epoch, and what calibrates, is the inner part.
            assert set(inner["image_ids"].tolist()) == set(split.loc[split["split"] == "validation", "image_id"])
            n_train = int(held["n_train"])
            assert n_train == (split["split"] == "train").sum()
            assert held["epoch"] == member.read_state().best_epoch
        # 15 % of the other fold, to within the largest lesion (three pictures) of each of the seven classes.
        others = (split["split"] != "held").sum()
        assert abs((split["split"] == "validation").sum() - 0.15 * others) <= 7
        trained = pd.read_csv(member.artifacts / "distribution.csv")["before"].sum()
        assert trained == n_train


def test_killed_in_a_fold_and_resumed_equals_the_unbroken_run(whole: RunFolder, mended: RunFolder) -> None:
    assert mended.folds.read_text() == whole.folds.read_text()
    for number in (1, 2):
        with (
            np.load(whole.member(number).held_predictions) as a,
            np.load(mended.member(number).held_predictions) as b,
        ):
            for name in a.files:
                np.testing.assert_array_equal(a[name], b[name], err_msg=f"fold {number}, {name}")
    first, second = (load_predictions(folder.out_of_fold) for folder in (whole, mended))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1].probabilities, second[1].probabilities)
    np.testing.assert_array_equal(first[1].risk, second[1].risk)


def test_the_run_tells_where_it_is_and_what_came(mended: RunFolder) -> None:
    run = runs.get_run(mended.run_id)
    assert (run.status, run.fold, run.epoch, run.best_epoch) == ("finished", 2, 2, None)
    ids, pooled = load_predictions(mended.out_of_fold)
    figures = cross_validation.cross_validated(run_id=run.run_id).pooled
    assert run.best["val_malignancy_auc"] == figures.row("malignancy_auc").figure.value
    assert run.best["val_loss"] == figures.row("log_loss").figure.value
    assert any("test pictures are in none and stay locked" in note for note in run.notes)
    for fold in (1, 2):
        assert runs.epoch_history(run.run_id, fold)["epoch"].tolist() == [1, 2]
    assert runs.epoch_history(run.run_id)["val_loss"].tolist() == runs.epoch_history(run.run_id, 2)["val_loss"].tolist()
    assert "Fold 2 of 2" in mended.log.read_text()
    # What nobody goes on from takes no room.
    assert not mended.member(1).checkpoints.exists() and not mended.member(2).checkpoints.exists()
    table = pd.read_csv(mended.artifacts / "out_of_fold.csv", dtype={"image_id": str})
    assert table["image_id"].tolist() == ids.tolist()
    np.testing.assert_allclose(table["malignancy"], pooled.risk)


def test_the_tracking_store_has_the_folds_below_the_run(mended: RunFolder) -> None:
    from mlflow import MlflowClient

    from skin_core.training.tracking import tracking_uri

    client = MlflowClient(tracking_uri())
    whole = mended.read_state().tracking_id
    for number in (1, 2):
        part = client.get_run(mended.member(number).read_state().tracking_id)
        assert part.data.tags["mlflow.parentRunId"] == whole and part.info.status == "FINISHED"
        assert part.data.tags["mlflow.runName"] == f"Crossed, fold {number} of 2"
    assert "out_of_fold.csv" in {item.path for item in client.list_artifacts(whole)}


def test_it_is_neither_judged_on_the_test_split_nor_published_nor_started_from(mended: RunFolder) -> None:
    run = runs.get_run(mended.run_id)
    assert not run.publishable and "train one run with the same settings and folds=0" in run.why_not
    with pytest.raises(RunError, match="folds=0, then evaluate and publish that one"):
        publishing.evaluate_run(run.run_id)
    with pytest.raises(RunError, match="cannot be published"):
        publishing.publish_run(run.run_id, "crossed")
    single = {**run.config.model_dump(), "folds": 0, "start_from": run.run_id}
    with pytest.raises(RunError, match="is a cross-validation"):
        runs.create_run(RunConfig.parse(single))


def test_a_stopped_run_is_told_with_its_fold(crossed_run, mended: RunFolder, tmp_path: Path) -> None:
    single = runs.create_run(RunConfig.parse({**mended.read_config().model_dump(), "folds": 0}))
    with pytest.raises(RunError, match="train --resume"):
        cross_validation.finish_cross_validation(run_id=single)
    with pytest.raises(RunError, match="no out-of-fold predictions"):
        cross_validation.cross_validated(run_id=single)
    assert cross_validation.members_of(run_id=single) == ()
    with pytest.raises(ConfigError, match="folds must be at least 2"):
        cross_validation.create_cross_validation(config=runs.get_run(single).config)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 1}, "folds must be 0"),
        ({"folds": 21}, "less than or equal to 20"),
        ({"folds": 3, "cv_select": "last", "early_stopping": 3, "schedule": "cosine"}, "set early_stopping to 0"),
        ({"folds": 3, "cv_select": "last", "schedule": "plateau"}, "schedule to constant or cosine"),
    ],
)
def test_what_cannot_be_cross_validated_is_refused(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RunConfig.parse({"data": "d", "family": "light_residual", **changes})


def test_settings_of_a_single_run_are_not_bound_by_those_of_folds() -> None:
    config = RunConfig.parse({"data": "d", "family": "light_cnn", "cv_select": "last", "early_stopping": 3})
    assert not config.takes_last_epoch


def test_without_an_inner_part_the_held_fold_is_watched_and_all_others_are_learnt_from(whole: RunFolder) -> None:
    from skin_core.training.fold_data import fold_of
    from skin_core.training.prepare import load_prepared

    prepared = load_prepared(whole)
    config = whole.read_config().model_copy(update={"cv_select": "held"})
    before = whole.member(1).split.read_bytes()
    try:
        fold = fold_of(whole, prepared, config, 1)
    finally:
        whole.member(1).split.write_bytes(before)
    assert set(fold.prepared.split) == {"train", "validation"}
    np.testing.assert_array_equal(fold.held, fold.prepared.split == "validation")


def test_without_an_inner_part_probabilities_stay_as_the_networks_gave_them(whole: RunFolder, tmp_path: Path) -> None:
    from skin_core.screening.out_of_fold import collect
    from skin_core.training.prepare import load_prepared

    copy = RunFolder(tmp_path / whole.run_id)
    shutil.copytree(whole.path, copy.path)
    collect(copy, whole.read_config().model_copy(update={"cv_select": "last"}), load_prepared(copy))
    ids, pooled = load_predictions(copy.out_of_fold)
    places = {image_id: row for row, image_id in enumerate(ids.tolist())}
    for number in (1, 2):
        with np.load(whole.member(number).held_predictions) as held:
            rows = [places[image_id] for image_id in held["image_ids"].tolist()]
            # The family weighs its classes as if they were equally frequent: that is undone by their shares.
            shifted = held["probabilities"] * pooled.priors
            shifted /= shifted.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(pooled.probabilities[rows], shifted, rtol=1e-5)
    endpoint = [pooled.classes.index(name) for name in ("akiec", "bcc", "mel")]
    np.testing.assert_allclose(pooled.risk, pooled.probabilities[:, endpoint].sum(axis=1))
    assert len(set(pooled.priors.tolist())) > 1
    notes = json.loads(copy.cross_validation.read_text())["notes"]
    assert any("brought back to the classes' own shares, and not calibrated otherwise" in note for note in notes)


def test_a_frozen_backbone_looks_at_each_picture_once_for_all_folds(tmp_path: Path) -> None:
    import keras

    from skin_core.paths import cache_dir
    from skin_core.training.features import Backbone
    from skin_core.training.fold_session import FoldSession, Series
    from skin_core.training.prepare import Prepared

    values = {"data": "d", "family": "mobilenet_v2", "folds": 2, "image_size": 32, "freeze_backbone": True}
    series = Series(RunFolder(tmp_path / "run"), RunConfig.parse(values), None, "", 1, None)
    pixels = np.random.default_rng(5).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    image = keras.Input((32, 32, 3), name="image")
    mean = keras.Model([image], keras.layers.GlobalAveragePooling2D()(image))
    sides = {"t": "train", "v": "validation", "h": "held", "u": "unusable"}
    for number, letters in ((1, "tvthuh"), (2, "hhvtut")):
        split = np.array([sides[letter] for letter in letters], dtype=object)
        prepared = Prepared(None, split, np.zeros(6, np.int32), ("a", "b"), (None, None), None, True, "", "p", ())
        session = FoldSession(series, number, lambda: False)
        session._frozen = Backbone(mean)
        for side in ("train", "validation"):
            rows = prepared.rows(side)
            found = session._features(prepared, pixels, side)[np.zeros(len(rows), int), np.arange(len(rows))]
            np.testing.assert_allclose(found, pixels[rows].mean(axis=(1, 2)), rtol=1e-5)
    # Five usable pictures, three colours: the second fold found what the first had computed.
    kept = [np.load(path, mmap_mode="r").shape for path in (cache_dir() / "features").glob("*.npy")]
    assert kept.count((5, 3)) == 1


def test_a_class_that_hangs_together_is_told(demo_ham10000: Path) -> None:
    from skin_core.data.split import make_split
    from skin_core.training.fold_data import deal_folds

    manifest = read_manifest(demo_ham10000)
    split = make_split(manifest, None, seed=1)
    labels = manifest.frame.set_index("image_id")["label"].astype(object)
    lesion = split.frame.loc[split.frame["split"] != "test", "group"].iloc[0]
    labels[split.frame.loc[split.frame["group"] == lesion, "image_id"].tolist()] = "rare"
    config = RunConfig.parse({"data": str(demo_ham10000), "family": "light_residual", "folds": 3})
    with pytest.raises(ConfigError, match="All pictures of class rare hang together"):
        deal_folds(split, labels, config)


def test_weights_that_know_the_pictures_are_refused(demo_ham10000: Path, tmp_path: Path) -> None:
    from skin_core.data.audit import signatures
    from skin_core.training.fold_data import refuse_seen

    manifest = read_manifest(demo_ham10000)
    prints = signatures(manifest)
    parent = runs.create_run(RunConfig.parse({"data": str(demo_ham10000), "family": "light_residual"}))
    prints.subset(manifest.frame["image_id"].iloc[:5]).save(RunFolder.of(parent).signatures)
    config = RunConfig.parse({"data": str(demo_ham10000), "family": "light_residual", "folds": 3, "start_from": parent})
    with pytest.raises(LeakError, match=r"was trained on .* pictures \(or their lesions\) that a fold would hold"):
        refuse_seen(config, prints, manifest.frame["image_id"])
    others = manifest.frame.loc[~manifest.frame["group_id"].isin(manifest.frame["group_id"].iloc[:5]), "image_id"]
    refuse_seen(config, prints, others.iloc[-20:])
