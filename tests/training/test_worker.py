"""Real workers in real processes: finish, queue, kill -9, resume, stop, resume; frozen features; an earlier run's weights."""

from __future__ import annotations

import io
import json
import os
import signal
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from skin_core.config import RunConfig
from skin_core.errors import RunError
from skin_core.services import runs
from skin_core.training.ancestors import seen_by
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

pytestmark = [pytest.mark.timeout(900)]

# What depends on the machine's mood, and on nothing else.
CLOCKS = ["seconds", "images_per_second"]


def config_of(data: Path, **changes) -> RunConfig:
    """Everything random is on: order, augmentation, dropout; and a checkpoint at every batch."""
    values = {
        "data": str(data),
        "family": "light_cnn",
        "weights": "random",
        "image_size": 32,
        "epochs": 4,
        "batch_size": 8,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.1, "brightness": 0.1},
        "plateau_patience": 1,
        "monitor": "val_loss",
        "checkpoint_seconds": 0.0,
    }
    return RunConfig.parse({**values, **changes})


def step_of(run_id: str) -> int:
    """Batches in the newest checkpoint."""
    folder = RunFolder.of(run_id).checkpoints
    numbers = [int(path.name) for path in folder.glob("[0-9]*")] if folder.is_dir() else []
    return max(numbers, default=0) // 2


def worker_pid(run_id: str) -> int:
    return json.loads(RunFolder.of(run_id).worker.read_text())["pid"]


def weights_of(folder: RunFolder) -> dict[str, np.ndarray]:
    """Every array of a saved network by its place in the file, without loading Keras."""
    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(folder.model) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


@pytest.fixture(scope="module")
def pair(demo_ham10000: Path, wait_for) -> tuple[str, str]:
    """One run unbroken; the same again, queued behind it, killed with -9, resumed, stopped, resumed."""
    unbroken = runs.start_run(config_of(demo_ham10000, title="unbroken"))
    broken = runs.start_run(config_of(demo_ham10000, title="broken"))

    wait_for(unbroken, lambda run: run.status == "preparing", "the first run to begin")
    assert runs.get_run(broken).status == "queued"
    with pytest.raises(RunError, match="already"):
        runs.resume_run(broken)
    while runs.get_run(unbroken).at_work:
        assert runs.get_run(broken).status == "queued" or not runs.get_run(unbroken).at_work
        wait_for(unbroken, lambda run: True, "a look")
    assert runs.get_run(unbroken).status == "finished", runs.log_tail(unbroken)

    # Seven batches an epoch: the tenth is in the middle of the second.
    wait_for(broken, lambda run: step_of(broken) >= 10, "the tenth batch")
    os.kill(worker_pid(broken), signal.SIGKILL)
    wait_for(broken, lambda run: run.status == "interrupted", "the kill to show", seconds=5)
    killed = runs.get_run(broken)
    assert not killed.publishable
    assert "resume" in killed.error

    runs.resume_run(broken)
    wait_for(broken, lambda run: step_of(broken) >= 16, "the third epoch")
    runs.stop_run(broken)
    stopped = wait_for(broken, lambda run: not run.at_work, "the stop")
    assert stopped.status == "stopped"
    assert stopped.epoch < 4
    assert (stopped.directory / "artifacts" / "confusion_matrix.png").is_file()
    with pytest.raises(RunError, match="not at work"):
        runs.stop_run(broken)

    view = runs.run_in_foreground(broken)
    assert view.status == "finished", runs.log_tail(broken)
    return unbroken, broken


def test_a_killed_and_resumed_run_equals_the_unbroken_one(pair):
    whole, mended = (runs.epoch_history(run_id).drop(columns=CLOCKS) for run_id in pair)
    assert list(whole["epoch"]) == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(whole, mended, check_exact=True)


def test_and_so_do_its_weights_and_predictions(pair):
    folders = [RunFolder.of(run_id) for run_id in pair]
    with np.load(folders[0].predictions) as a, np.load(folders[1].predictions) as b:
        assert a["epoch"] == b["epoch"]
        np.testing.assert_array_equal(a["probabilities"], b["probabilities"])
        np.testing.assert_array_equal(a["image_ids"], b["image_ids"])
    first, second = (weights_of(folder) for folder in folders)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def test_the_view_tells_the_best_epoch(pair):
    view = runs.get_run(pair[0])
    history = runs.epoch_history(pair[0])
    assert view.best_epoch == int(history.loc[history["val_loss"].idxmin(), "epoch"])
    assert view.best["val_loss"] == history["val_loss"].min()
    assert view.publishable
    assert view.why_not is None
    assert view.synthetic is True
    assert view.classes == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert view.title == "unbroken"
    assert [run.run_id for run in runs.list_runs()][-2:] == [pair[1], pair[0]] or len(runs.list_runs()) > 2


def test_the_rate_falls_after_an_epoch_without_gain(pair):
    history = runs.epoch_history(pair[0])
    rate, best = 1e-3, np.inf
    for row in history.itertuples():
        assert row.learning_rate == pytest.approx(rate, rel=1e-12)
        if row.val_loss < best:
            best = row.val_loss
        else:
            rate *= 0.5


def test_batch_losses_have_no_step_twice(pair):
    for run_id in pair:
        batches = runs.batch_history(run_id)
        assert not batches.empty
        assert batches["step"].is_unique
        assert batches["step"].is_monotonic_increasing


def test_validation_is_scored_as_scikit_learn_does(pair):
    from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

    best = runs.get_run(pair[0]).best
    with np.load(RunFolder.of(pair[0]).predictions) as stored:
        labels, probabilities = stored["labels"], stored["probabilities"]
    predicted = probabilities.argmax(axis=1)
    assert best["val_accuracy"] == pytest.approx((predicted == labels).mean())
    assert best["val_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(7)), rel=1e-6)
    seen = np.unique(labels)
    if set(predicted) <= set(seen):
        assert best["val_balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    # The areas at the classes' own shares, since training balanced them.
    prepared = load_prepared(RunFolder.of(pair[0]))
    assert runs.get_run(pair[0]).config.equal_shares
    natural = probabilities * np.bincount(prepared.labels[prepared.rows("train")], minlength=7)
    natural /= natural.sum(axis=1, keepdims=True)
    areas = [roc_auc_score(labels == number, natural[:, number]) for number in seen]
    assert best["val_auc"] == pytest.approx(np.mean(areas))


def test_a_run_keeps_what_evaluation_needs(pair):
    from skin_core.data.audit import Signatures

    folder = RunFolder.of(pair[0])
    prepared = load_prepared(folder)
    sides = {side: set(prepared.manifest.frame["image_id"].iloc[prepared.rows(side)]) for side in ("train", "test")}
    assert set(Signatures.load(folder.signatures).image_ids) == sides["train"]
    with np.load(folder.predictions) as stored:
        assert not sides["train"] & set(stored["image_ids"].tolist())
        assert not sides["test"] & set(stored["image_ids"].tolist())
    names = {path.name for path in folder.artifacts.iterdir()}
    for expected in ("curve_loss", "curve_auc", "curve_accuracy", "confusion_matrix", "classification_report"):
        assert {f"{expected}.png", f"{expected}.csv"} <= names
    report = pd.read_csv(folder.artifacts / "classification_report.csv", index_col="class")
    assert list(report.index[-2:]) == ["macro avg", "weighted avg"]
    assert report["support"].iloc[:-2].sum() == report["support"].iloc[-1]


def test_the_tracking_store_has_each_figure_once(pair):
    from mlflow import MlflowClient

    from skin_core.training.tracking import tracking_uri

    client = MlflowClient(tracking_uri())
    for run_id in pair:
        view = runs.get_run(run_id)
        run = client.get_run(view.tracking_id)
        assert run.info.status == "FINISHED"
        assert run.data.params["family"] == "light_cnn"
        logged = client.get_metric_history(view.tracking_id, "val_loss")
        assert [metric.step for metric in logged] == [1, 2, 3, 4]
        np.testing.assert_allclose([metric.value for metric in logged], runs.epoch_history(run_id)["val_loss"])
        steps = [metric.step for metric in client.get_metric_history(view.tracking_id, "batch_loss")]
        assert len(steps) == len(set(steps))
        assert "confusion_matrix.png" in {item.path for item in client.list_artifacts(view.tracking_id)}


def test_a_finished_run_is_not_resumed(pair):
    with pytest.raises(RunError, match="finished"):
        runs.resume_run(pair[0])


def test_nothing_half_written_is_left(pair):
    for run_id in pair:
        folder = RunFolder.of(run_id)
        assert [path.name for path in folder.path.iterdir() if path.name.startswith(".")] in ([], [".lock"])
        assert len(list(folder.checkpoints.iterdir())) == 1


def kept_features(workspace: Path) -> set[Path]:
    # Other files of this folder use the same workspace, and leave features of their own there.
    return set((workspace / "cache" / "features").glob("*"))


@pytest.fixture(scope="module")
def frozen(demo_ham10000: Path, shared_workspace: Path) -> tuple[str, set[Path]]:
    """A run with a frozen backbone, and the cached features it made."""
    before = kept_features(shared_workspace / "workspace")
    config = config_of(
        demo_ham10000,
        family="tbp_fusion",
        features=("age", "sex", "site"),
        image_size=40,  # of its own: what other files of this folder left in the cache is no part of the count
        freeze_backbone=True,
        cached_views=2,
        schedule="cosine",
        warmup_epochs=1.0,
        epochs=2,
        balance="oversample",
        label_smoothing=0.1,
    )
    run_id = runs.create_run(config)
    view = runs.run_in_foreground(run_id)
    assert view.status == "finished", runs.log_tail(run_id)
    return run_id, kept_features(shared_workspace / "workspace") - before


def test_a_frozen_backbone_is_run_once_and_the_whole_network_saved(frozen):
    import keras

    from skin_core.data.cache import open_pixels
    from skin_core.training.prepare import load_prepared

    run_id, made = frozen
    folder = RunFolder.of(run_id)
    # Two views of training, one of validation.
    assert len(made) == 3
    prepared = load_prepared(folder)
    model = keras.models.load_model(folder.model, compile=False)
    rows = prepared.rows("validation")
    pixels = open_pixels(prepared.manifest, size=40, crop="squash").pixels[rows]
    outputs = model([pixels.astype(np.float32), prepared.tabular[rows]], training=False)
    with np.load(folder.predictions) as stored:
        np.testing.assert_allclose(keras.ops.convert_to_numpy(outputs), stored["probabilities"], atol=1e-5)


def test_an_untrained_frozen_backbone_is_not_publishable(frozen):
    view = runs.get_run(frozen[0])
    assert not view.publishable
    assert "untrained" in view.why_not


def test_a_run_goes_on_from_the_weights_of_another(pair, demo_ham10000):
    import keras

    from skin_core.data.audit import Signatures

    parent = RunFolder.of(pair[0])
    run_id = runs.create_run(config_of(demo_ham10000, start_from=pair[0], seed=7, epochs=1, learning_rate=1e-6))
    view = runs.run_in_foreground(run_id)
    assert view.status == "finished", runs.log_tail(run_id)
    seen = set(Signatures.load(parent.signatures).image_ids)
    mine = set(Signatures.load(RunFolder.of(run_id).signatures).image_ids)
    assert seen < mine
    # What chose the parent's epoch is no test of what came of it.
    chosen = set(Signatures.load(parent.signatures_validation).image_ids)
    assert chosen and chosen | mine <= set(seen_by(RunFolder.of(run_id)).image_ids)
    with np.load(RunFolder.of(run_id).predictions) as stored:
        assert not seen & set(stored["image_ids"].tolist())
    assert "trained anew: nothing" in runs.log_tail(run_id, 200)
    # Such small steps change hardly anything: the parent's weights were really there.
    theirs, ours = (keras.models.load_model(folder.model, compile=False) for folder in (parent, RunFolder.of(run_id)))
    for mine, parents in zip(ours.trainable_weights, theirs.trainable_weights, strict=True):
        np.testing.assert_allclose(np.array(mine), np.array(parents), atol=1e-4, err_msg=mine.path)


def test_a_split_that_leaks_fails_the_run_with_its_sentence(demo_faulty):
    run_id = runs.create_run(config_of(demo_faulty, clean=False))
    view = runs.run_in_foreground(run_id)
    assert view.status == "failed"
    assert "leaks" in view.error and "allow_leaks" in view.error
    assert "Traceback" not in view.error
    assert "LeakError" in runs.log_tail(run_id, 100)
    assert view.resumable


def test_data_that_vanished_fails_the_run_with_a_sentence(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    run_id = runs.create_run(config_of(data))
    data.rmdir()
    view = runs.run_in_foreground(run_id)
    assert view.status == "failed"
    assert str(data) in view.error
