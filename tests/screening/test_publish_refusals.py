"""What is not published: a run that nobody judged, one whose split leaked, one that is served otherwise than trained."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from published import workspace_of

from skin_core.errors import BundleError, LeakError, RunError, WorkspaceError
from skin_core.screening.bundle import read_info
from skin_core.screening.card import model_card
from skin_core.screening.card_items import ITEMS, filled, open_items
from skin_core.services import publishing, runs
from skin_core.training.folder import RunFolder

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def folder(tiny_bundle: Path, workspace: Path) -> RunFolder:
    """The folder of the tiny bundle's run, in this test's workspace."""
    shutil.copytree(workspace_of(tiny_bundle), workspace)
    return RunFolder.of(runs.list_runs()[0].run_id)


def test_a_run_that_was_not_evaluated_is_refused_unless_that_is_wanted(folder: RunFolder) -> None:
    folder.evaluation.unlink()
    with pytest.raises(RunError, match="not evaluated on its locked test split"):
        publishing.publish_run(folder.run_id, "early")
    info = publishing.publish_run(folder.run_id, "early", without_test=True)
    assert info.test is None
    assert "Never judged on a locked test split" in (info.path / "MODEL_CARD.md").read_text()


def test_an_evaluation_of_other_weights_does_not_count(folder: RunFolder) -> None:
    record = json.loads(folder.evaluation.read_text())
    folder.evaluation.write_text(json.dumps({**record, "model": "0123456789abcdef-v3"}))
    with pytest.raises(RunError, match="not evaluated"):
        publishing.publish_run(folder.run_id, "other")


def test_a_second_look_is_not_told_as_the_first(folder: RunFolder) -> None:
    for damaged in ('{"count": 1, "mod', "[]"):
        folder.evaluation.write_text(damaged)
        with pytest.raises(
            WorkspaceError, match=r"record of earlier looks at the test split, .*, cannot be read; restore"
        ):
            publishing.evaluate_run(folder.run_id)
        assert folder.evaluation.read_text() == damaged


EVALUATES = """
import json, sys
from skin_core import locks
from skin_core.services import publishing
locks.PATIENCE_SECONDS = 800
print("ready", flush=True)
sys.stdin.readline()
seen = []
found = publishing.evaluate_run(sys.argv[1], lambda progress: seen.append(progress.what))
print(json.dumps({"found": found, "looked": "Looking at the test pictures" in seen}))
"""


def test_two_that_evaluate_at_once_are_one_look(folder: RunFolder) -> None:
    folder.evaluation.unlink()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", EVALUATES, folder.run_id], **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in both]
    assert sorted(one["looked"] for one in told) == [False, True]
    assert told[0]["found"] == told[1]["found"] == json.loads(folder.evaluation.read_text())
    assert told[0]["found"]["count"] == 1


def test_no_file_of_the_set_is_named_in_the_bundle(folder: RunFolder) -> None:
    # A note of the reader, which the Data and Runs pages show; the bundle is given to others.
    note = "1 folder may not be read and was left out: /home/mary/wards/7."
    facts = json.loads(folder.prepared.read_text())
    folder.prepared.write_text(json.dumps({**facts, "manifest_notes": [note], "notes": [note, "A note of the split."]}))
    info = publishing.publish_run(folder.run_id, "given", overwrite=True)
    assert info.facts is not None and info.facts.notes == ("A note of the split.",)
    assert not any(b"mary" in path.read_bytes() for path in info.path.rglob("*") if path.is_file())


def test_a_split_that_leaked_is_refused(folder: RunFolder) -> None:
    facts = json.loads(folder.prepared.read_text())
    folder.prepared.write_text(json.dumps({**facts, "leaking": True}))
    with pytest.raises(LeakError, match="leaks"):
        publishing.publish_run(folder.run_id, "leaky")


def test_validation_pictures_from_their_files_give_the_runs_predictions(folder: RunFolder) -> None:
    info = publishing.publish_run(folder.run_id, "served")
    assert info.parity["served"] <= 1e-4 and info.parity["served_n"] >= 20
    with np.load(folder.predictions, allow_pickle=False) as kept:
        arrays = dict(kept)
    arrays["probabilities"] = arrays["probabilities"] + np.float32(3e-4)
    np.savez(folder.predictions, **arrays)
    with pytest.raises(BundleError, match="get other probabilities than the run's own predictions"):
        publishing.publish_run(folder.run_id, "drifted")


def test_a_picture_that_changed_or_went_shows(folder: RunFolder, tmp_path: Path) -> None:
    facts = json.loads(folder.prepared.read_text())
    moved = tmp_path / "data"
    shutil.copytree(facts["root"], moved)
    folder.prepared.write_text(json.dumps({**facts, "root": str(moved)}))
    import pandas as pd

    split = pd.read_csv(folder.split, dtype=str).set_index("image_id")["split"]
    places = pd.read_parquet(folder.manifest, columns=["image_id", "location"]).set_index("image_id")["location"]
    pictures = [moved / place for place in places[split[split == "validation"].index]]
    data = [path.read_bytes() for path in pictures]
    for path, other in zip(pictures, data[1:] + data[:1], strict=True):
        path.write_bytes(other)
    with pytest.raises(BundleError, match="files or columns have changed"):
        publishing.publish_run(folder.run_id, "swapped")
    for path in pictures:
        path.unlink()
    with pytest.raises(BundleError, match="cannot be read any more"):
        publishing.publish_run(folder.run_id, "gone")


def test_the_card_answers_what_it_knows_and_lists_what_it_does_not(tiny_bundle: Path) -> None:
    info = read_info(tiny_bundle)
    answered, missing = {item.title: text for item, text in filled(info)}, {item.title for item in open_items(info)}
    assert len(answered) + len(missing) == len(ITEMS) and not missing & set(answered)
    assert "On the locked test split, read once" in answered["Result on data of the same source"]
    assert {"Ethics approval and consent", "Funding and conflicts of interest"} <= missing
    assert info.facts.images["train"]["nv"] == next(entry.n_train for entry in info.classes if entry.name == "nv")
    card = model_card(info)
    assert card == (tiny_bundle / "MODEL_CARD.md").read_text()
    for item in ITEMS:
        assert item.numbers in card
    # Nothing of this machine.
    assert str(tiny_bundle.parent.parent) not in card
