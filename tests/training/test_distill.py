"""Distillation: targets by hand, a real teacher and a student that is killed, and who must not teach."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skin_core.config import RunConfig
from skin_core.errors import ConfigError, LeakError, RunError
from skin_core.models.objective import Objective
from skin_core.overrides import apply_overrides
from skin_core.services import runs
from skin_core.training.distill import as_frequent, softened, taught
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared, load_prepared, prepare
from skin_core.training.teachers import class_shares, refuse_taught

pytestmark = pytest.mark.timeout(900)

CLOCKS = ["seconds", "images_per_second"]


def config_of(data: Path, **changes) -> RunConfig:
    values = {
        "data": str(data),
        "family": "light_cnn",
        "image_size": 32,
        "epochs": 2,
        "batch_size": 8,
        "balance": "none",
        "early_stopping": 0,
        "monitor": "val_loss",
        "checkpoint_seconds": 0.0,
    }
    return RunConfig.parse({**values, **changes})


def folder_of(config: RunConfig) -> RunFolder:
    return RunFolder.of(runs.create_run(config))


def quietly(progress) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def teacher(demo_ham10000: Path) -> RunFolder:
    """One epoch of a network that learnt as if its classes were equally frequent, at a size of its own."""
    changes = {"epochs": 1, "image_size": 40, "loss": "logit_adjusted", "color_constancy": "shades_of_grey"}
    run_id = runs.create_run(config_of(demo_ham10000, title="Teacher", **changes))
    view = runs.run_in_foreground(run_id)
    assert view.status == "finished", runs.log_tail(run_id)
    return RunFolder.of(run_id)


@pytest.fixture(scope="module")
def students(teacher: RunFolder, demo_ham10000: Path, wait_for) -> tuple[RunFolder, RunFolder]:
    """One unbroken; the same again, killed with -9 in its second epoch and resumed without its teacher."""
    config = config_of(demo_ham10000, distill_from=[teacher.run_id], distill_share=0.7)
    whole = runs.create_run(config)
    assert runs.run_in_foreground(whole).status == "finished", runs.log_tail(whole)
    broken = RunFolder.of(runs.start_run(config))

    def step(_) -> int:
        numbers = [int(path.name) for path in broken.checkpoints.glob("[0-9]*")] if broken.checkpoints.is_dir() else []
        return max(numbers, default=0) // 2

    wait_for(broken.run_id, lambda run: step(run) >= 8, "the second epoch")
    os.kill(json.loads(broken.worker.read_text())["pid"], signal.SIGKILL)
    wait_for(broken.run_id, lambda run: run.status == "interrupted", "the kill to show", seconds=5)
    away = teacher.model.with_suffix(".away")
    teacher.model.rename(away)
    try:
        assert runs.run_in_foreground(broken.run_id).status == "finished", runs.log_tail(broken.run_id)
    finally:
        away.rename(teacher.model)
    return RunFolder.of(whole), broken


def test_softened_by_hand():
    # Proportions 16 : 4 : 1; at temperature 2 their roots.
    rows = np.array([[16, 4, 1]]) / 21
    alike = np.full(3, 1 / 3)
    np.testing.assert_allclose(softened(rows, 2.0, alike), np.array([[4, 2, 1]]) / 7)
    np.testing.assert_allclose(softened(rows, 1.0, alike), rows)
    # At temperature 2 it is the root of p · π: of 0.5 · 0.8 and 0.5 · 0.2, which are as 4 to 1.
    rare = np.array([0.8, 0.2])
    np.testing.assert_allclose(softened(np.array([[0.5, 0.5], [1.0, 0.0]]), 2.0, rare), [[2 / 3, 1 / 3], [1, 0]])
    np.testing.assert_allclose(softened(np.array([[0.5, 0.5]]), 1.0, rare), [[0.5, 0.5]])
    # Who knows nothing of a picture knows nothing at any temperature.
    np.testing.assert_allclose(softened(rare[np.newaxis], 5.0, rare), [rare])


def test_what_an_even_network_says_is_put_back_to_the_shares_of_its_classes():
    np.testing.assert_allclose(as_frequent(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0.75, 0.25])), [[0.75, 0.25], [0.5, 0.5]])  # fmt: skip


def test_only_training_pictures_are_taught():
    from skin_core.training.feed import PixelFeed

    config = RunConfig.parse(
        {"data": "d", "family": "light_cnn", "batch_size": 4, "distill_from": ["a"], "distill_share": 0.25}
    )
    split = np.array(["train", "validation", "train"], dtype=object)
    prepared = Prepared(
        None, split, np.array([2, 1, 0], np.int32), ("a", "b", "c"), (None,) * 3, None, True, "", "p", ()
    )
    # A picture tells its row.
    pixels = np.broadcast_to(np.arange(3, dtype=np.uint8)[:, None, None, None], (3, 8, 8, 3)).copy()
    said = np.float32([[0.2, 0.4, 0.4], [0, 0, 0], [0.6, 0.2, 0.2]])
    feed = PixelFeed(config, prepared, Objective("categorical", 3), pixels, said)
    ((inputs, targets, weights),) = feed.training(0, 0)
    found = {int(image[0, 0, 0]): target for image, target in zip(inputs["image"], targets, strict=True)}
    np.testing.assert_allclose(found[0], [0.05, 0.1, 0.85], atol=1e-7)
    np.testing.assert_allclose(found[2], [0.9, 0.05, 0.05], atol=1e-7)
    assert found.keys() == {0, 2} and weights.tolist() == [1, 1] and feed.labels.tolist() == [1]


def test_the_teacher_looked_once_at_each_training_picture_as_it_was_trained_to(students, teacher: RunFolder) -> None:
    import keras

    from skin_core.data.cache import open_pixels

    whole, broken = students
    prepared = load_prepared(whole)
    rows = prepared.rows("train")
    with np.load(whole.taught) as kept:
        ids, said = kept["image_ids"].tolist(), kept["probabilities"]
    assert ids == prepared.manifest.frame["image_id"].iloc[rows].tolist()
    pixels = open_pixels(prepared.manifest, size=40, crop="squash", constancy="shades_of_grey").pixels[rows]
    model = keras.models.load_model(teacher.model, compile=False)
    even = np.asarray(model([pixels.astype(np.float32)], training=False), np.float64)
    shares = np.bincount(load_prepared(teacher).labels[load_prepared(teacher).rows("train")]) / len(rows)
    np.testing.assert_allclose(class_shares(teacher, teacher, 7), shares)
    expected = np.sqrt(even) * shares
    np.testing.assert_allclose(said, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
    for folder in (whole, broken):
        assert folder.log.read_text().count(f"Run {teacher.run_id} was asked about {len(rows)} training pictures") == 1


def test_killed_and_resumed_without_its_teacher_a_student_equals_the_unbroken_one(students) -> None:
    whole, broken = students
    assert whole.taught.read_bytes() == broken.taught.read_bytes()
    first, second = (runs.epoch_history(folder.run_id).drop(columns=CLOCKS) for folder in students)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    with np.load(whole.predictions) as a, np.load(broken.predictions) as b:
        np.testing.assert_array_equal(a["probabilities"], b["probabilities"])


def test_several_teachers_are_averaged_after_each_was_softened(students, teacher: RunFolder) -> None:
    whole, broken = students
    prepared = load_prepared(whole)
    alone = []
    for names in ((teacher.run_id,), (broken.run_id,), (teacher.run_id, broken.run_id)):
        config = whole.read_config().model_copy(update={"distill_from": names})
        student = folder_of(config)
        alone.append(taught(student, config, prepared, quietly))
    np.testing.assert_allclose(alone[2], (alone[0] + alone[1]) / 2, atol=1e-6)
    trained = prepared.split == "train"
    np.testing.assert_allclose(alone[2][trained].sum(axis=1), 1, atol=1e-6)
    assert not alone[2][~trained].any()
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    # Other pictures than those that were asked about are asked about anew.
    fewer = prepared.split.copy()
    fewer[prepared.rows("train")[0]] = "unusable"
    again = taught(student, config, Prepared(**{**vars(prepared), "split": fewer}), quietly)
    np.testing.assert_allclose(again[fewer == "train"].sum(axis=1), 1, atol=1e-6)
    assert not again[fewer != "train"].any()
    # One picture less, and so the shares of the classes, about which teachers are softened, are a little others.
    np.testing.assert_allclose(again[fewer == "train"], alone[2][fewer == "train"], atol=0.02)
    assert taught(student, config.model_copy(update={"distill_from": ()}), prepared, quietly) is None


def test_validation_pictures_that_the_teacher_knows_are_moved_and_its_pictures_count_as_seen(
    teacher: RunFolder, demo_ham10000: Path
) -> None:
    from skin_core.data.audit import Signatures, seen_pictures

    student = folder_of(config_of(demo_ham10000, seed=7, distill_from=[teacher.run_id]))
    prepared = prepare(student, student.read_config(), quietly)
    assert any(f"run {teacher.run_id}, which this one builds on, was trained on them" in n for n in prepared.notes)
    known, mine = Signatures.load(teacher.signatures), Signatures.load(student.signatures)
    assert not seen_pictures(known, Signatures.load(student.signatures_validation)).image_ids
    # What the teacher learnt from is what the student is not judged on, whatever split it is in here.
    assert set(known.image_ids) <= set(mine.image_ids)
    test = set(prepared.manifest.frame["image_id"].iloc[prepared.rows("test")])
    assert test & set(mine.image_ids)


def test_a_teacher_of_other_classes_or_columns_is_refused(
    teacher: RunFolder, demo_folder: Path, demo_ham10000: Path
) -> None:
    student = folder_of(config_of(demo_folder, distill_from=[teacher.run_id]))
    with pytest.raises(
        ConfigError, match=r"tells akiec, .* apart, and this run benign, malignant; a teacher must know"
    ):
        prepare(student, student.read_config(), quietly)
    reader = folder_of(config_of(demo_ham10000, family="tbp_fusion", weights="random", features=["diameter"]))
    reader.update_state(status="finished", classes=teacher.read_state().classes)
    shutil.copy(teacher.model, reader.model)
    student = folder_of(config_of(demo_ham10000, distill_from=[reader.run_id]))
    with pytest.raises(ConfigError, match="looks at diameter beside the image, which this data set does not have"):
        prepare(student, student.read_config(), quietly)


def test_what_cannot_teach_is_refused_at_once(teacher: RunFolder, demo_ham10000: Path) -> None:
    waiting = folder_of(config_of(demo_ham10000))
    crossed = folder_of(config_of(demo_ham10000, folds=2))
    flattered = folder_of(config_of(demo_ham10000, folds=2, cv_select="held"))
    for names, changes, error, said in (
        (["no-such-run"], {}, RunError, "no run 'no-such-run'"),
        ([waiting.run_id], {}, RunError, r"is not done yet \(queued\); let it finish"),
        ([crossed.run_id], {}, ConfigError, "is a cross-validation, and each of its networks teaches only the fold"),
        ([crossed.run_id], {"folds": 3}, ConfigError, "has 2 folds and this run asks for 3"),
        ([crossed.run_id], {"folds": 2}, RunError, "is not done yet"),
        ([flattered.run_id], {"folds": 2}, ConfigError, r"by the held folds \(cv_select=held\)"),
    ):
        with pytest.raises(error, match=said):
            runs.create_run(config_of(demo_ham10000, distill_from=names, **changes))
    for changes, said in (
        ({"distill_from": ["a", "a"]}, "names a run twice; name each once; got a, a"),
        ({"distill_from": ["a"], "loss": "focal"}, "loss=focal is not least where the network says"),
        ({"distill_share": 0}, "distill_share: input should be greater than 0; got 0"),
        ({"distill_temperature": 0}, "distill_temperature: input should be greater than 0; got 0"),
    ):
        with pytest.raises(ConfigError, match=said):
            config_of(demo_ham10000, **changes)
    assert apply_overrides({}, ["distill_from=one,two"]) == {"distill_from": ["one", "two"]}


def test_a_run_that_knows_the_folds_may_not_teach_them(teacher: RunFolder, demo_ham10000: Path) -> None:
    student = folder_of(config_of(demo_ham10000, folds=2, distill_from=[teacher.run_id]))
    with pytest.raises(LeakError, match=r"a fold would hold, .* distill from a cross-validation with the same folds"):
        prepare(student, student.read_config(), quietly)


@pytest.fixture(scope="module")
def crossed(crossed_run, shared_workspace: Path) -> RunFolder:
    """A finished cross-validated run in this workspace."""
    home, document = crossed_run
    target = shared_workspace / "workspace" / "runs" / document["run"]
    if not target.exists():
        shutil.copytree(home / "runs" / document["run"], target)
    return RunFolder(target)


def crossed_config(crossed: RunFolder, **changes) -> RunConfig:
    return RunConfig.parse({**crossed.read_config().model_dump(), "distill_from": [crossed.run_id], **changes})


def test_each_network_of_a_cross_validation_teaches_the_fold_that_it_never_saw(crossed: RunFolder) -> None:
    import keras

    from skin_core.data.cache import open_pixels
    from skin_core.training.fold_data import fold_of

    config = crossed_config(crossed)
    student = folder_of(config)
    prepared = prepare(student, config, quietly)
    pixels = np.asarray(open_pixels(prepared.manifest, size=32, crop=config.crop).pixels, np.float32)
    for number in (1, 2):
        fold = fold_of(student, prepared, config, number)
        said = taught(student.member(number), config, fold.prepared, quietly, fold=number)
        rows = fold.prepared.rows("train")
        model = keras.models.load_model(crossed.member(number).model, compile=False)
        expected = np.sqrt(np.asarray(model([pixels[rows]], training=False)))
        np.testing.assert_allclose(said[rows], expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
        assert not said[fold.held].any() and student.member(number).taught.is_file()


def test_networks_of_other_folds_do_not_teach(crossed: RunFolder) -> None:
    student = folder_of(crossed_config(crossed, seed=8))
    with pytest.raises(LeakError, match=r"was dealt into other folds than this run.* with the same seed"):
        prepare(student, student.read_config(), quietly)


def test_nor_those_that_learnt_from_what_chooses_the_epoch(crossed: RunFolder) -> None:
    from skin_core.training.fold_data import fold_of

    config = crossed_config(crossed, validation_fraction=0.3)
    split = pd.read_csv(crossed.member(1).split, dtype=str)
    groups = {side: set(split.loc[split["split"] == side, "group"]) for side in ("train", "held")}
    refuse_taught(config, 1, groups["held"])
    with pytest.raises(LeakError, match=r"In fold 1, run .* learnt from 1 lesions or patients that choose this run's"):
        refuse_taught(config, 1, groups["held"] | {min(groups["train"])})
    # Who was taught by such a network knows what that one knows.
    pupil = folder_of(crossed_config(crossed))
    pupil.update_state(status="finished", classes=crossed.read_state().classes)
    shutil.copytree(crossed.members, pupil.members)
    for number in (1, 2):
        told = pd.read_csv(pupil.member(number).split, dtype=str)
        told.loc[told["split"] == "train", "split"] = "validation"
        told.to_csv(pupil.member(number).split, index=False)
    second = RunConfig.parse({**config.model_dump(), "distill_from": [pupil.run_id]})
    with pytest.raises(LeakError, match=rf"In fold 1, run {pupil.run_id} learnt from \d+ lesions"):
        refuse_taught(second, 1, groups["train"])
    student = folder_of(crossed_config(crossed))
    prepared = prepare(student, student.read_config(), quietly)
    # More validates here than there, so some of it was learnt from there.
    with pytest.raises(LeakError, match="train both with the same cv_select and validation_fraction"):
        fold_of(student, prepared, config, 1)


def test_the_record_of_a_student_names_its_teachers_and_their_terms(students, teacher: RunFolder) -> None:
    from skin_core.screening.origin import describe
    from skin_core.screening.story import run_facts

    whole, _ = students
    prepared, config = load_prepared(whole), whole.read_config()
    settings = run_facts(whole, 1).settings
    assert settings["distill_from"] == teacher.run_id
    assert (settings["distill_share"], settings["distill_temperature"]) == ("0.7", "2.0")
    # One data set, one sentence.
    assert describe(whole, config, prepared).data.licence.count("Trained on drawn pictures only") == 1
    alone = config.model_copy(update={"distill_from": ("gone",)})
    assert "Taught by a run that was deleted since" in describe(whole, alone, prepared).data.licence
