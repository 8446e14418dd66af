"""Folders of classes: splits, nesting, odd names, and what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skin_core.data.images import ImageReader
from skin_core.data.sources import detect_source, read_manifest
from skin_core.errors import DataSourceError, UnusableImageError


def put(root: Path, *names: str, content: bytes = b"picture") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def rows(root: Path, **options) -> list[tuple]:
    frame = read_manifest(root, **options).frame[["location", "label", "split"]].astype(object)
    return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))


def test_class_is_the_folder_and_split_the_folder_above_in_any_case(tmp_path):
    put(tmp_path, "Train/benign/b.JPG", "TEST/benign/a.png", "Valid/malignant/c.jpeg")
    assert rows(tmp_path) == [
        ("TEST/benign/a.png", "benign", "test"),
        ("Train/benign/b.JPG", "benign", "train"),
        ("Valid/malignant/c.jpeg", "malignant", "validation"),
    ]


def test_without_split_folders_nothing_is_prescribed(tmp_path):
    put(tmp_path, "nevus/a.jpg", "melanoma/b.jpg")
    manifest = read_manifest(tmp_path)
    assert (manifest.source, manifest.classes) == ("folder", ("melanoma", "nevus"))
    assert manifest.frame["split"].isna().all()
    assert manifest.frame[["group_id", "age", "sex", "site"]].isna().all(axis=None)
    assert manifest.frame["image_id"].tolist() == ["melanoma/b.jpg", "nevus/a.jpg"]


def test_a_class_named_like_a_split_stays_a_class(tmp_path):
    put(tmp_path, "test/a.jpg", "control/b.jpg")
    assert rows(tmp_path) == [("control/b.jpg", "control", None), ("test/a.jpg", "test", None)]


def test_an_unpacked_archive_is_looked_through_and_deeper_folders_belong_to_the_class(tmp_path):
    put(tmp_path, "Skin set/Train/nevus/site 1/a.jpg", "Skin set/Train/melanoma/b.jpg")
    assert rows(tmp_path) == [
        ("Skin set/Train/melanoma/b.jpg", "melanoma", "train"),
        ("Skin set/Train/nevus/site 1/a.jpg", "nevus", "train"),
    ]


def test_hidden_files_are_passed_over_and_what_is_left_out_is_told(tmp_path):
    put(tmp_path, "train/a/1.jpg", "train/a/.DS_Store", "train/a/._1.jpg", ".cache/a/9.jpg", "__MACOSX/a/8.jpg")
    put(tmp_path, "train/b/2.jpg", "train/loose.jpg", "data/a/3.jpg", "train/b/scan.dcm", "README.md")
    manifest = read_manifest(tmp_path)
    assert manifest.frame["location"].tolist() == ["train/a/1.jpg", "train/b/2.jpg"]
    assert manifest.notes == (
        "1 file without the suffix of a picture was left out: train/b/scan.dcm.",
        "1 picture beside the split folders left out: data/a/3.jpg.",
        "1 picture in no class folder left out: train/loose.jpg.",
        "2 classes with one picture only: a, b.",
    )


def test_one_class_is_read_and_told(tmp_path):
    put(tmp_path, "nevus/a.jpg", "nevus/b.jpg")
    manifest = read_manifest(tmp_path)
    assert manifest.classes == ("nevus",)
    assert manifest.notes == ("Only one class was found ('nevus'); training needs at least two class folders.",)


def test_pictures_without_classes_serve_prediction_only(tmp_path):
    put(tmp_path, "b.jpg", "a.jpg")
    with pytest.raises(
        DataSourceError, match=r"in no class folder \(a\.jpg, b\.jpg\); sort them into one folder a class"
    ):
        read_manifest(tmp_path)
    assert rows(tmp_path, labelled=False) == [("a.jpg", None, None), ("b.jpg", None, None)]


def test_names_that_are_no_utf8_are_shown_and_opened(tmp_path):
    folder = os.fsencode(tmp_path) + b"/n\xe6vus"
    os.mkdir(folder)
    for name, content in ((b"\xff\xfe.jpg", b"first"), ("\ufffdff\ufffd00ä.jpg".encode(), b"second")):
        with open(folder + b"/" + name, "wb") as file:
            file.write(content)
    manifest = read_manifest(tmp_path)
    reader = ImageReader(manifest.root)
    assert manifest.classes == ("n\ufffde6vus",)
    assert sorted(reader.bytes(place) for place in manifest.frame["location"]) == [b"first", b"second"]
    assert manifest.frame["location"].tolist()[0] == "n\ufffde6vus/\ufffd00ff\ufffd0000ä.jpg"


def test_links_to_folders_are_followed_and_loops_end(tmp_path):
    put(tmp_path / "elsewhere", "x.jpg")
    put(tmp_path / "set", "a/1.jpg", "b/2.jpg")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "a" / "again").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "b" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "set" / "b" / "circle").symlink_to("circle")
    manifest = read_manifest(tmp_path / "set")
    assert manifest.frame["location"].tolist() == ["a/1.jpg", "b/2.jpg", "c/x.jpg"]
    assert "1 entry named like pictures lead to no file: b/gone.jpg." in manifest.notes


def test_paths_that_cannot_be_read_have_a_sentence_of_their_own(tmp_path):
    with pytest.raises(DataSourceError, match=r"There is no file or folder .*nowhere; check the path"):
        detect_source(tmp_path / "nowhere")
    with pytest.raises(DataSourceError, match="cannot be opened"):
        detect_source("a\0b")
    with pytest.raises(
        DataSourceError, match=r"it looked for synthetic: .*ham10000: .*folder: pictures in one folder a class"
    ):
        detect_source(tmp_path)
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(DataSourceError, match="is in no layout that LesionLab reads"):
        detect_source(tmp_path / "note.txt")


def test_folders_that_may_not_be_read(tmp_path):
    put(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    tmp_path.chmod(0o755)
    (tmp_path / "c").chmod(0)
    is_root = os.geteuid() == 0
    mode = [parent for parent in (tmp_path, *tmp_path.parents) if parent.stat().st_uid == 0 and is_root]
    before = [(parent, parent.stat().st_mode) for parent in mode]
    try:
        if is_root:
            for parent in mode:
                parent.chmod(parent.stat().st_mode | 0o055)
            os.seteuid(65534)
        manifest = read_manifest(tmp_path)
        assert manifest.frame["label"].tolist() == ["a", "b"]
        assert manifest.notes[0] == f"1 folder may not be read and was left out: {tmp_path}/c."
        with pytest.raises(DataSourceError, match="may not be read; give this user read permission"):
            read_manifest(tmp_path / "c")
    finally:
        if is_root:
            os.seteuid(0)
        for parent, bits in before:
            parent.chmod(bits & 0o7777)
        (tmp_path / "c").chmod(0o755)


def test_a_picture_that_went_away_or_is_empty_has_a_sentence(tmp_path):
    put(tmp_path, "a/1.jpg", content=b"")
    reader = ImageReader(tmp_path)
    with pytest.raises(UnusableImageError, match=r"a/1\.jpg is empty; expected a picture"):
        reader.bytes("a/1.jpg")
    with pytest.raises(UnusableImageError, match=r"a/2\.jpg is no longer there"):
        reader.bytes("a/2.jpg")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        ("malignant-benign", {"benign": 1440, "malignant": 1197}, {"benign": 360, "malignant": 300}),
        ("isic9", None, None),
    ],
)
def test_the_real_sets_are_complete(real_data, name, train, test):
    frame = read_manifest(real_data / name).frame
    if train is None:
        assert frame["split"].value_counts().to_dict() == {"train": 2239, "test": 118}
        assert frame["label"].nunique() == 9
        return
    assert frame.loc[frame["split"] == "train", "label"].value_counts().to_dict() == train
    assert frame.loc[frame["split"] == "test", "label"].value_counts().to_dict() == test
