"""A bundle judged on another set: who is left out, how classes meet, what is kept and what a report tells of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from published import DATA, known_pictures

from skin_core.data.demo import DemoFaults, planted_faults, write_demo
from skin_core.data.manifest import Manifest
from skin_core.errors import ConfigError, DataSourceError, LeakError, RunError
from skin_core.screening.truth import map_classes
from skin_core.services import external, external_choice, external_folder, judged_curves, recorded, referral, reporting
from skin_core.services.judged import judged
from skin_core.services.overlap import Overlap, groups_of, last_overlap, look_for_overlap

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def bundle(install_bundle) -> str:
    return install_bundle("mine").name


# The tiny bundle was made with lesions of the usual seed.
SEED = 8


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures, benign and malignant, that the bundle never saw."""
    return write_demo(tmp_path_factory.mktemp("strangers") / "folder", layout="folder", n=60, seed=SEED)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """84 pictures in the bundle's own classes that it never saw, with ages, sexes and sites."""
    return write_demo(tmp_path_factory.mktemp("strangers") / "clinic", layout="ham10000", n=84, seed=SEED)


@pytest.fixture
def own_data(tiny_bundle: Path) -> Path:
    """The set that the bundle was made with: training, validation and locked test pictures."""
    return tiny_bundle.parent.parent / DATA


def test_classes_that_no_name_matches_are_mapped_by_hand(bundle: str, strangers: Path) -> None:
    by_name = external.evaluate_bundle(bundle, strangers)
    assert by_name["mapping"] == {"benign": None, "malignant": None} and by_name["unmapped"] == ["benign", "malignant"]
    assert by_name["metrics"]["balanced_accuracy"]["value"] is None
    assert by_name["metrics"]["malignancy_auc"]["value"] is not None
    assert any("No class of the bundle stands for benign, malignant" in note for note in by_name["notes"])

    by_hand = external.evaluate_bundle(bundle, strangers, mapping={"benign": "nv", "malignant": "Melanoma"})
    assert by_hand["mapping"] == {"benign": "nv", "malignant": "mel"} and by_hand["unmapped"] == []
    assert by_hand["n"] == by_name["n"] == 60 and by_hand["blind"]
    for name in (
        "balanced_accuracy",
        "balanced_accuracy_likeliest",
        "melanoma_auc",
        "malignancy_auc",
        "accuracy",
        "ece",
    ):
        assert set(by_hand["metrics"][name]) == {"value", "low", "high"}
    assert by_hand["metrics"]["balanced_accuracy"]["value"] is not None
    # The risk does not ask which class a picture is called.
    assert by_hand["metrics"]["malignancy_auc"] == by_name["metrics"]["malignancy_auc"]
    assert "Mapped by hand: benign as nv, malignant as mel." in by_hand["notes"]
    with pytest.raises(ConfigError, match="no class 'nevus'"):
        external.evaluate_bundle(bundle, strangers, mapping={"nevus": "nv"})


def test_conflicts_are_left_out_unless_they_are_wanted(bundle: str, tmp_path: Path) -> None:
    faulty = write_demo(
        tmp_path / "faulty",
        layout="folder",
        n=60,
        seed=SEED,
        faults=DemoFaults(conflicts=2, near_duplicates=2, broken=3),
    )
    # Each planted picture, and the one that it repeats under another label.
    planted = 2 * sum(fault["fault"] == "conflict" for fault in planted_faults(faulty))
    without = external.evaluate_bundle(bundle, faulty)
    with_them = external.evaluate_bundle(bundle, faulty, keep_conflicts=True)
    assert without["conflicts"] == with_them["conflicts"] == planted == 4
    assert with_them["n"] == without["n"] + 4 and without["unreadable"] == 3
    assert any(
        "4 pictures were left out: the same picture stands under two labels" in note for note in without["notes"]
    )
    assert any("4 pictures were kept in" in note for note in with_them["notes"])
    assert "3 pictures cannot be read." in without["notes"]


def test_what_the_bundle_was_made_with_is_left_out_or_told(bundle: str, own_data: Path) -> None:
    blind = external.evaluate_bundle(bundle, own_data)
    assert blind["blind"] and blind["n"] + blind["left_out"] == 210 and blind["left_out"] > 150
    kept = external.evaluate_bundle(bundle, own_data, keep_seen=True)
    assert not kept["blind"] and kept["n"] == 210 and kept["left_out"] == 0
    assert kept["kept_seen"] == blind["left_out"] and kept["notes"][0].startswith("Not blind: ")
    # The classes' shares are the bundle's own, so the same pictures give the same figures, whoever is judged beside them.
    newest, older = external_folder.listed()
    assert (newest.blind, older.blind) == (False, True) and newest.seconds > 0
    assert external.expected_seconds(bundle, 420) == pytest.approx(2 * newest.seconds)
    assert external.expected_seconds("another", 10) is None
    report = Path(reporting.write_report(newest.id, split="external")).read_text()
    assert "Not blind: " in report and str(own_data.parent) not in report


def test_ids_that_two_sets_count_alike_are_told_and_can_be_said_to_be_others(bundle: str, clinic: Path) -> None:
    # Both sets number their lesions from one; no picture is shared.
    found = external.evaluate_bundle(bundle, clinic)
    assert found["same_id"] == found["left_out"] == 84 - found["n"] > 50
    assert any("nothing but the id of the lesion" in note and "may be kept in" in note for note in found["notes"])
    others = external.evaluate_bundle(bundle, clinic, other_ids=True)
    assert (others["n"], others["left_out"], others["same_id"]) == (84, 0, found["same_id"]) and others["blind"]
    assert any("they were kept in, since the ids were said to be others" in note for note in others["notes"])


def test_a_lesion_of_a_picture_that_was_seen_stays_out_whatever_the_ids() -> None:
    frame = pd.DataFrame(
        {"image_id": list("abcd"), "group_id": ["l1", "l1", "l2", None], "label": "mel", "risk_level": "malignant"},
        dtype="string",
    )
    manifest = Manifest(frame=frame, source="folder", root=Path())
    info = SimpleNamespace(class_names=("mel",), classes=(SimpleNamespace(risk_level="malignant"),), has_risk=True)
    mapping = map_classes(info, {"mel"})
    # a was seen; b is another picture of its lesion, c shares its lesion's id with a lesion of the bundle's set.
    overlap = Overlap(pictures=("a",), lesions=("b", "c"))
    usual, others = (
        external_choice.choose(info, manifest, overlap, mapping, other_ids=other) for other in (False, True)
    )
    assert (usual.rows.tolist(), usual.seen, usual.same_id) == ([False, False, False, True], 3, 1)
    assert (others.rows.tolist(), others.seen, others.same_id) == ([False, False, True, True], 2, 1)


def test_a_set_that_is_the_bundles_own_alone_is_refused(bundle: str, tiny_bundle: Path, tmp_path: Path) -> None:
    for number, path in enumerate(_trained(tiny_bundle)[:4]):
        (tmp_path / "set" / ("benign", "malignant")[number % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "set" / ("benign", "malignant")[number % 2])
    with pytest.raises(LeakError, match="made with every picture"):
        external.evaluate_bundle(bundle, tmp_path / "set")
    assert external_folder.listed() == []


def _trained(tiny_bundle: Path) -> list[Path]:
    from published import workspace_of

    run = next((workspace_of(tiny_bundle) / "runs").glob("*/split.csv"))
    split = pd.read_csv(run, dtype=str)
    ids = set(split.loc[split["split"] == "train", "image_id"])
    return [path for path in known_pictures(tiny_bundle) if path.stem in ids]


def test_labels_that_say_nothing_are_refused(bundle: str, strangers: Path, tmp_path: Path) -> None:
    pictures = sorted(strangers.rglob("*.jpg"))[:4]
    for number, path in enumerate(pictures):
        (tmp_path / "set" / ("left", "right")[number % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "set" / ("left", "right")[number % 2])
    with pytest.raises(DataSourceError, match=r"left, right.*map its classes"):
        external.evaluate_bundle(bundle, tmp_path / "set")
    found = external.evaluate_bundle(bundle, tmp_path / "set", mapping={"left": "mel", "right": "none"})
    # "right" is no class, and nobody knows its risk.
    assert found["n"] == 2 and "2 pictures were left out: their label says nothing to the bundle." in found["notes"]


def test_an_evaluation_is_there_after_a_restart(bundle: str, clinic: Path) -> None:
    (clinic / "ISIC_0000001.doc").touch()
    name = external.evaluate_bundle(bundle, clinic, other_ids=True, report=True)["id"]
    (listed,) = external_folder.listed()
    assert (listed.id, listed.bundle, listed.data, listed.n) == (name, "mine", "clinic", 84)
    found = judged(name, "external")
    record = json.loads((external_folder.root() / name / "evaluation.json").read_text())
    assert found.class_rule == "alike" and found.title == "Tiny network on clinic" and found.blind
    assert found.row("balanced_accuracy").figure.value == record["metrics"]["balanced_accuracy"]["value"]
    assert found.row("balanced_accuracy").beside == "ISIC 2018's score"
    assert found.evaluated().startswith("Evaluated on 20") and len(found.points) >= 3
    # Curves, cells, a clinic's prevalence and subgroups are those of the pictures that were judged.
    assert [entry.key for entry in judged_curves.endpoints(name, "external")][:2] == ["risk", "melanoma"]
    cases = judged_curves.cases_of(name, "external")
    assert cases.counts.tolist() == record["confusion"] and cases.rules == ("alike", "likeliest")
    likeliest = judged_curves.cases_of(name, "external", "likeliest")
    right = np.trace(likeliest.counts) / likeliest.counts.sum()
    assert right == pytest.approx(record["metrics"]["accuracy"]["value"])
    assert all((Path(cases.root) / location).is_file() for location in cases.table["location"])
    at = referral.referral_of_run(name, "external", found.points[0].threshold, 0.1, fitted=found.prevalence)
    assert at.sensitivity.value == found.row("malignancy_sensitivity").figure.value
    assert recorded.recorded_subgroups(name, "external")["n"] == 84
    page, table, document = (path.read_text() for path in recorded.report_files(name, "external"))
    assert "Evaluation of Tiny network on clinic" in page and "How the classes met" in page
    assert "every class weighs alike" in page and str(clinic.parent) not in page
    assert not any(image_id in page for image_id in cases.table["image_id"])
    assert any("ISIC_0000001.doc" in note for note in found.notes) and "ISIC_0000001.doc" not in page
    assert json.loads(document)["mapping"]["mel"] == "mel" and table.startswith("name,part,title,class,value")
    external_folder.forget(name)
    assert external_folder.listed() == []
    with pytest.raises(RunError, match="no evaluation"):
        judged(name, "external")


@pytest.mark.parametrize("name", ["../runs", "", "Nothing here", "nothing"])
def test_an_address_leads_to_evaluations_only(name: str) -> None:
    with pytest.raises(RunError, match="no evaluation"):
        external_folder.ExternalFolder.of(name)


def test_a_record_without_figures_is_no_evaluation(workspace: Path) -> None:
    folder = external_folder.root() / "20260101-000000-a-b-0000"
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text("{")
    assert external_folder.listed() == []


def test_an_overlap_is_looked_for_once(bundle: str, own_data: Path) -> None:
    from skin_core.data.sources import read_manifest
    from skin_core.screening.bundle import read_info

    info, manifest = read_info(bundle), read_manifest(own_data)
    assert last_overlap(info=info, manifest=manifest, data=own_data) is None
    told = []
    found = look_for_overlap(bundle=bundle, data=own_data, progress=told.append)
    assert len(found.seen) > 150 and not found.unreadable
    assert last_overlap(info=info, manifest=manifest, data=own_data) == found
    again = []
    assert look_for_overlap(bundle=bundle, data=own_data, progress=again.append) == found
    assert len(again) < len(told)


def test_what_an_interval_draws_as_one_by_hand() -> None:
    frame = pd.DataFrame({"image_id": list("abcdef"), "group_id": ["l1", "l1", None, "l2", None, None]}, dtype="string")
    manifest = Manifest(frame=frame, source="folder", root=Path())
    # d's twin is c, so c, d and their lesion are one; a twin outside of the set links nobody.
    overlap = Overlap(twins=(("c", "d"), ("e", "z")))
    groups = groups_of(manifest, overlap, "lesions")
    assert groups[0] == groups[1] and groups[2] == groups[3] and len(set(groups)) == 4
    through = groups_of(manifest, Overlap(twins=(("e", "z"), ("f", "z"))), "lesions")
    assert through[4] == through[5], "twins of one left-out picture are twins of each other"
    assert groups_of(manifest, overlap, "patients").tolist() == ["l1", "l1", "image c", "l2", "image e", "image f"]
