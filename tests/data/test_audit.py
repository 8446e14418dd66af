"""The audit of small real files with planted faults, counted by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from skin_core.data.audit import AuditReport, Signatures, audit, seen_pictures, signatures, with_group_ids_from
from skin_core.data.audit.report import split_leaks
from skin_core.data.manifest import Manifest
from skin_core.errors import DataSourceError


def lesion(seed: int, width: int = 200, height: int = 150) -> Image.Image:
    """A picture with structure of its own."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), (225, 190, 170))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(5, 30)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(v) for v in random.integers(40, 230, 3)))
    return picture


def manifest_of(root: Path, rows: list[tuple]) -> Manifest:
    frame = pd.DataFrame(rows, columns=["location", "label", "split", "group_id"])
    frame["image_id"] = frame["location"]
    return Manifest.validated(frame, source="folder", root=root)


def put(root: Path, location: str, picture: Image.Image, **options) -> None:
    (root / location).parent.mkdir(parents=True, exist_ok=True)
    picture.save(root / location, **options)


@pytest.fixture(autouse=True)
def _workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path / "home"))


@pytest.fixture
def faulty(tmp_path) -> Manifest:
    root = tmp_path / "set"
    for number in range(6):
        put(root, f"train/benign/{number}.png", lesion(number))
    put(root, "train/malignant/copy.bmp", lesion(0))  # the pixels of benign/0, in another file format
    put(root, "train/malignant/m.png", lesion(20))
    put(root, "train/malignant/broken.jpg", lesion(21))
    (root / "train/malignant/broken.jpg").write_bytes((root / "train/malignant/broken.jpg").read_bytes()[:300])
    put(root, "test/benign/small.jpg", lesion(1).resize((90, 90)), quality=80)  # benign/1, squashed and compressed
    put(root, "test/malignant/part.jpg", lesion(20).crop((10, 8, 190, 142)).resize((224, 224)), quality=85)
    put(root, "test/malignant/own.png", lesion(30))
    rows = [(f"train/benign/{n}.png", "benign", "train", f"lesion{n}") for n in range(5)]
    rows += [
        ("train/benign/5.png", "benign", "train", "lesionX"),
        ("train/malignant/copy.bmp", "malignant", "train", None),
        ("train/malignant/m.png", "malignant", "train", None),
        ("train/malignant/broken.jpg", "malignant", "train", None),
        ("test/benign/small.jpg", "benign", "test", None),
        ("test/malignant/part.jpg", "malignant", "test", None),
        ("test/malignant/own.png", "malignant", "test", "lesionX"),
    ]
    return manifest_of(root, rows)


def test_planted_faults_are_found(faulty):
    report = audit(faulty)
    assert report.n_images == 12 and report.classes == {"benign": 7, "malignant": 5}
    assert [location for location, _ in report.unreadable] == ["train/malignant/broken.jpg"]
    assert report.unreadable[0][1].endswith(".")
    assert report.identical == (("train/benign/0.png", "train/malignant/copy.bmp"),)
    assert report.label_conflicts == report.identical
    pairs = {frozenset(pair[:2]): pair[2] for pair in report.near_duplicates}
    assert set(pairs) == {
        frozenset({"train/benign/1.png", "test/benign/small.jpg"}),
        frozenset({"train/malignant/m.png", "test/malignant/part.jpg"}),
    }
    assert all(0.97 < similarity < 1 for similarity in pairs.values())
    assert {frozenset(group) for group in report.split_leaks} == {
        *pairs,
        frozenset({"train/benign/5.png", "test/malignant/own.png"}),
    }
    assert report.missing == {"risk_level": 12, "group_id": 5, "age": 12, "sex": 12, "site": 12}
    assert report.small_classes == {"benign": 7, "malignant": 5}
    # Training holds 6 benign less the conflict, and 3 malignant less the conflict.
    assert report.small_if_cleaned == {"benign": 5, "malignant": 2}


def test_json_keys_and_the_way_back(faulty):
    report = audit(faulty)
    document = json.loads(json.dumps(report.to_json()))
    keys = ["source", "n_images", "classes", "unreadable", "identical", "near_duplicates", "across"]
    assert {*keys, "label_conflicts", "split_leaks", "missing"} <= set(document)
    assert document["unreadable"] == ["train/malignant/broken.jpg"]
    assert AuditReport.from_json(document) == report


def test_a_second_audit_is_read_and_a_changed_file_is_seen(faulty):
    steps = []
    first = audit(faulty, progress=steps.append)
    assert steps and steps[-1].fraction == 1
    steps.clear()
    assert audit(faulty, progress=steps.append) == first and not steps
    changed = faulty.root / "train/benign/2.png"
    lesion(3).save(changed)  # now the pixels of benign/3
    os.utime(changed, ns=(1, 1))
    assert ("train/benign/2.png", "train/benign/3.png") in audit(faulty).identical


def test_across_sets_and_taking_over_lesion_ids(tmp_path):
    for number in range(4):
        put(tmp_path / "one", f"a/{number}.png", lesion(number))
        put(tmp_path / "two", f"b/{number}.jpg", lesion(number + 2).resize((224, 224)), quality=85)
    put(tmp_path / "two", "b/same.png", lesion(0))
    one = manifest_of(tmp_path / "one", [(f"a/{n}.png", "nevus", None, None) for n in range(4)])
    rows = [(f"b/{n}.jpg", "nevus", None, f"L{n}") for n in range(4)] + [("b/same.png", "nevus", None, "S")]
    two = manifest_of(tmp_path / "two", rows)
    report = audit(one, against=[two])
    assert [pair[:2] for pair in report.across] == [
        ("a/0.png", "b/same.png"),
        ("a/2.png", "b/0.jpg"),
        ("a/3.png", "b/1.jpg"),
    ]
    assert report.across[0][2] == 1.0 and report.across[1][2] < 1
    assert set(report.across_sets) == {str(tmp_path / "two")}
    known = with_group_ids_from(one, two, report.across)
    assert known.frame["group_id"].fillna("").tolist() == ["S", "", "L0", "L1"]


def test_signatures_travel(tmp_path, faulty):
    whole = signatures(faulty)
    assert len(whole) == 11 and list(whole.failed) == ["train/malignant/broken.jpg"]
    whole.save(tmp_path / "kept.npz")
    loaded = Signatures.load(tmp_path / "kept.npz")
    assert loaded.image_ids == whole.image_ids and loaded.failed == whole.failed and loaded.groups == whole.groups
    np.testing.assert_array_equal(loaded.thumbs, whole.thumbs)
    part = whole.subset(["train/benign/2.png", "train/benign/0.png", "nobody"])
    assert part.image_ids == ("train/benign/0.png", "train/benign/2.png")
    # copy.bmp has the pixels of benign/0, which the part already holds.
    assert len(part.merged(whole)) == 10
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no")
    for damaged in (tmp_path / "bad.npz", tmp_path / "absent.npz"):
        with pytest.raises(DataSourceError, match="cannot be read"):
            Signatures.load(damaged)


def test_what_a_model_has_seen(faulty):
    whole = signatures(faulty)
    trained = whole.subset(["train/benign/1.png", "train/benign/5.png"])
    seen = seen_pictures(trained, whole.subset([i for i in whole.image_ids if i.startswith("test/")]))
    assert seen.pictures == {"test/benign/small.jpg"}  # a twin
    assert seen.lesions == {"test/malignant/own.png"}  # the same lesion
    assert len(seen.image_ids) == 2


def test_one_image_and_no_readable_image(tmp_path):
    put(tmp_path / "set", "a/1.png", lesion(1))
    report = audit(manifest_of(tmp_path / "set", [("a/1.png", "nevus", None, None)]))
    assert report.n_images == 1 and not report.near_duplicates and report.small_classes == {"nevus": 1}
    (tmp_path / "set/a/1.png").write_text("no picture")
    report = audit(manifest_of(tmp_path / "set", [("a/1.png", "nevus", None, None)]))
    assert len(report.unreadable) == 1


@pytest.mark.real_data
@pytest.mark.timeout(600)
def test_isic9_against_its_names_in_ham10000(real_data):
    from skin_core.data.sources import read_manifest

    isic9, ham = read_manifest(real_data / "isic9"), read_manifest(real_data / "ham10000")
    report = audit(isic9, against=[ham])
    stem = {location: Path(location).stem for location in isic9.frame["location"]}
    known = set(ham.frame["image_id"])
    named = {location for location in stem if stem[location] in known}
    image_id = dict(zip(ham.frame["location"], ham.frame["image_id"], strict=True))
    found = {a for a, b, _ in report.across if image_id[b] == stem[a]}
    assert len(named) == 1512 and found == named
    assert len(report.identical) == 157 and len(report.label_conflicts) == 155
    assert report.small_if_cleaned == {"seborrheic keratosis": 2}


def test_a_link_through_a_picture_on_no_side_is_a_leak(faulty):
    names = faulty.frame["location"].tolist()[:3]
    frame = faulty.frame.iloc[:3].assign(split=[None, "train", "test"], group_id=None)
    manifest = faulty.with_frame(frame)
    assert split_leaks(manifest, [tuple(names)], []) == (tuple(names[1:]),)
    assert split_leaks(manifest, [], [(names[0], names[1], 1.0)]) == ()
