"""From published bundles to an ensemble of them: fitted to what none was trained on, screened with, judged once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from published import DATA, NAME, REPOSITORY, known_pictures, workspace_of

from skin_core import locks
from skin_core.errors import BundleError, LeakError, RunError
from skin_core.evaluation.calibration import calibrated
from skin_core.imaging.decode import to_input
from skin_core.screening.record import FILES
from skin_core.services import ensembles, external, publishing, screening

VIEWS = "turned"
BOTH = "both"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    """The tiny run's workspace, and a folder of bundles of its own, which these tests change in turn."""
    place = tmp_path_factory.mktemp("ensembles")
    shutil.copytree(workspace_of(tiny_bundle), place / "workspace")
    shutil.copytree(tiny_bundle, place / "models" / NAME)
    return place


@pytest.fixture(autouse=True)
def one_workspace(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_HOME", str(home / "workspace"))
    monkeypatch.setenv("LESIONLAB_MODELS", str(home / "models"))


@pytest.fixture
def run_id(home: Path) -> str:
    return json.loads((home / "models" / NAME / "bundle.json").read_text())["run_id"]


def test_several_views_are_published_with_their_own_figures(run_id: str, home: Path) -> None:
    with pytest.raises(RunError, match=r"evaluate it first, with --views 2, since that makes it another predictor"):
        publishing.publish_run(run_id, VIEWS, views=2)
    info = publishing.publish_run(run_id, VIEWS, views=2, without_test=True)
    assert (info.engine.views, info.engine.kind) == (2, "float32")
    assert info.engine.milliseconds > 0 and info.engine.full_milliseconds > 0
    assert set(info.engine.loss) == {"balanced_accuracy", "malignancy_auc"}
    assert info.parity["probabilities"] < 1e-3 and info.parity["maps"] < 1e-3 and info.parity["served"] < 1e-4
    card = (info.path / "MODEL_CARD.md").read_text()
    assert "looked at in 2 views" in card and "Gained on validation against one view" in card
    plain, turned = (screening.load_bundle(name) for name in (NAME, VIEWS))
    square = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    alone = [plain.engine.run(np.ascontiguousarray(seen)).logits for seen in (square, square[:, :, ::-1])]
    assert turned.engine.run(square).logits == pytest.approx(np.mean(alone, axis=0), abs=1e-4)


def test_the_command_line_makes_a_bundle_like_any_other(run_id: str, home: Path, tiny_bundle: Path) -> None:
    made = _call("ensemble", NAME, VIEWS, "--name", BOTH)
    assert made["path"] == str(home / "models" / BOTH)
    info = screening.load_bundle(BOTH).info
    for file in FILES:
        assert hashlib.sha256((info.path / file).read_bytes()).hexdigest() == info.files[file]
    names = [member.name for member in info.ensemble.members]
    assert names == [NAME, VIEWS] and info.ensemble.passes == 3
    assert [member.digest for member in info.ensemble.members] == [
        hashlib.sha256((home / "models" / name / "bundle.json").read_bytes()).hexdigest() for name in names
    ]
    split = _split(home, run_id)
    assert info.validation.n == (split["split"] == "validation").sum()
    assert (
        f"the {info.validation.n} pictures that every member's run had in its validation split"
        in (info.path / "MODEL_CARD.md").read_text()
    )
    assert info.test is None and info.ensemble.has_test and info.operating_point is not None
    assert max(info.parity[name] for name in ("probabilities", "maps", "served")) < 1e-3 and info.parity["served_n"] > 5
    assert min(info.engine.milliseconds, *(member.milliseconds for member in info.ensemble.members)) > 0


def test_it_answers_as_the_mean_of_its_members_and_explains_every_class(home: Path, tiny_bundle: Path) -> None:
    both, *members = (screening.load_bundle(name) for name in (BOTH, NAME, VIEWS))
    picture = known_pictures(tiny_bundle)[3].read_bytes()
    square = to_input(picture, 64, both.info.crop)[np.newaxis]
    found, *own = (bundle.engine.run(square) for bundle in (both, *members))
    scaled = [
        output.logits / bundle.info.calibration.temperature + bundle.info.calibration.bias
        for output, bundle in zip(own, members, strict=True)
    ]
    wanted = np.mean(scaled, axis=0)
    assert calibrated(found.logits, 1.0) == pytest.approx(calibrated(wanted, 1.0), abs=1e-5)
    assert found.features == pytest.approx(np.concatenate([output.features for output in own], axis=1), abs=1e-4)
    assert found.maps.shape == own[0].maps.shape and found.maps_plus.shape == found.maps.shape
    prediction = screening.screen_image(both, picture)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.in_distribution
    for method in ("gradcam++", "scorecam"):
        assert screening.explains_at_once(both, method)
        heat = screening.deeper_explanation(both, prediction, method, "mel")
        assert np.nanmin(heat) >= 0 and np.nanmax(heat) <= 1


def test_what_stands_against_an_ensemble_is_told(home: Path, tiny_bundle: Path) -> None:
    for names, name, says in (
        ([NAME, VIEWS], BOTH, "already a bundle 'both'"),
        ([NAME, VIEWS], "Bad Name", "lower-case letters"),
        ([NAME], "one", "two bundles or more; got 1"),
        ([NAME, BOTH], "nested", "'both' is an ensemble itself"),
        ([NAME, "absent"], "x", "no bundle 'absent'"),
    ):
        with pytest.raises(BundleError, match=says):
            ensembles.make_ensemble(names, name)
    with pytest.raises(BundleError, match="'tiny' is one of the members"):
        ensembles.make_ensemble([NAME, VIEWS], NAME, overwrite=True)
    with pytest.raises(LeakError, match=r"made with 1\d\d of the 210 pictures .* may be its locked test pictures"):
        ensembles.make_ensemble([NAME, VIEWS], "leaking", data=tiny_bundle.parent.parent / DATA)
    with pytest.raises(BundleError, match="'tiny' is no ensemble"):
        ensembles.evaluate_ensemble(NAME)
    assert not (home / "models" / "leaking").exists()


def test_pictures_that_a_member_was_trained_on_are_no_validation(run_id: str, home: Path) -> None:
    from skin_core.data.audit import Signatures
    from skin_core.screening.ensemble_pictures import common_validation
    from skin_core.training.folder import RunFolder

    infos = [screening.load_bundle(NAME).info] * 2
    runs = home / "workspace" / "runs"
    shutil.copytree(runs / run_id, runs / "other")
    other = [infos[0], infos[1].model_copy(update={"name": "other", "run_id": "other"})]
    folder = RunFolder.of("other")
    trained, validation = Signatures.load(folder.signatures), Signatures.load(folder.signatures_validation)
    whole = common_validation(other, _silent)
    assert len(whole.rows) == len(validation)
    # One lesion of validation was in the other run's training: all its pictures go.
    lesion = validation.groups[0]
    ids = [image_id for image_id, group in zip(validation.image_ids, validation.groups, strict=True) if group == lesion]
    trained.merged(validation.subset(ids[:1])).save(folder.signatures)
    found = common_validation(other, _silent)
    kept = set(found.manifest.frame["image_id"].iloc[found.rows])
    assert kept == set(validation.image_ids) - set(ids)
    # All of it was: nothing is left to fit to.
    trained.merged(validation).save(folder.signatures)
    with pytest.raises(LeakError, match=r"only 0 validation pictures in common .* the same seed and fractions\."):
        common_validation(other, _silent)
    shutil.rmtree(runs / "other")
    with pytest.raises(
        BundleError, match=r"that 'other' was published from is not in this workspace, .* or give a labelled set"
    ):
        common_validation(other, _silent)


HOLDS = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_common_test_split_is_read_once_and_counted(
    run_id: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skin_core.screening.predictions import load_predictions

    split = _split(home, run_id)
    locked = set(split.loc[split["split"] == "test", "image_id"])
    first = _call("evaluate-ensemble", BOTH)
    assert (first["n"], first["count"], first["left_out"]) == (len(locked), 1, 0)
    info = screening.load_bundle(BOTH).info
    assert info.test.n == len(locked) and info.ensemble.evaluations == info.facts.evaluations == 1
    assert info.test.metrics["accuracy"].value == first["metrics"]["accuracy"]["value"]
    card = (info.path / "MODEL_CARD.md").read_text()
    assert "pictures of the locked test split" in card and "Never judged" not in card
    (record,) = (home / "workspace" / "ensembles").glob("*.json")
    ids, kept = load_predictions(record.with_suffix(".npz"))
    assert set(ids) == locked
    assert np.mean(kept.probabilities.argmax(axis=1) == kept.labels) == first["metrics"]["accuracy"]["value"]
    assert ensembles.evaluate_ensemble(BOTH) == first
    command = [sys.executable, "-c", HOLDS, str(record.with_suffix(".lock"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with monkeypatch.context() as patch, pytest.raises(RunError, match=f"'{BOTH}' is being evaluated by another"):
            patch.setattr(locks, "PATIENCE_SECONDS", 0.1)
            ensembles.evaluate_ensemble(BOTH)
        other.communicate()
    # Fitted anew it is another predictor, and another look.
    record.write_text(json.dumps({**first, "fitted": "before"}))
    again = ensembles.evaluate_ensemble(BOTH)
    assert again["count"] == 2 and "read 2 times" in again["notes"][-1]
    assert again["metrics"] == first["metrics"]
    assert "read 2 times for this ensemble" in (info.path / "MODEL_CARD.md").read_text()
    # What its members were made with stays out of any other judgement, too.
    assert external.evaluate_bundle(BOTH, _data(home, run_id))["n"] == len(locked)


def test_a_set_that_nobody_has_seen_calibrates_where_the_runs_are_elsewhere(home: Path, tmp_path: Path) -> None:
    from skin_core.data.demo import write_demo
    from skin_core.screening.bundle import checked_bytes
    from skin_core.screening.ensemble_pictures import given_pictures
    from skin_core.screening.seen import pack_together, unpack

    unseen = write_demo(tmp_path / "unseen", layout="ham10000", n=60, seed=77)
    infos = [screening.load_bundle(name).info for name in (NAME, VIEWS)]
    seen = unpack(pack_together([checked_bytes(info, "signatures.npz") for info in infos]))
    # Lesions of every drawn set are numbered alike, so most of these might be lesions that the members know.
    assert len(given_pictures(infos, seen, unseen, _silent).rows) < 30
    table = next(unseen.glob("*.csv"))
    table.write_text(table.read_text().replace("SYNL_", "FARL_"))
    found = given_pictures(infos, seen, unseen, _silent)
    assert found.told == "the 60 pictures of unseen, of which no member has seen any"
    assert len(found.rows) == 60 and found.word == "lesions"
    names = [infos[0].class_names[label] for label in found.labels]
    assert names == found.manifest.frame["label"].tolist()
    # Half of the lesions tell what the pictures look like, the other half how far from that is too far.
    beside = set(found.groups[found.beside])
    assert len(beside) == len(set(found.groups)) // 2
    assert not beside & set(np.delete(found.groups, found.beside))


def _call(*words: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "skin_core", *words, "--json"],
        cwd=REPOSITORY,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _split(home: Path, run_id: str):
    import pandas as pd

    return pd.read_csv(home / "workspace" / "runs" / run_id / "split.csv", dtype=str)


def _data(home: Path, run_id: str) -> str:
    return json.loads((home / "workspace" / "runs" / run_id / "config.json").read_text())["data"]


def _silent(_) -> None:
    """No bar is drawn."""
