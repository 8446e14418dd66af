"""Synthetic sets: each layout is read back by its source, faults are where they are said to be."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skin_core.data.demo import LAYOUTS, DemoFaults, planted_faults, write_demo
from skin_core.data.images import ImageReader
from skin_core.data.sources import all_sources, detect_source, read_manifest
from skin_core.errors import DataSourceError, UnusableImageError, WorkspaceError


def pixels(root: Path, location: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(ImageReader(root).bytes(location))).convert("RGB"))


def digests(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".hdf5")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_read_back_and_known_as_synthetic(layout, request):
    demo = request.getfixturevalue(f"demo_{layout}")
    manifest = read_manifest(demo)
    assert detect_source(demo).name == "synthetic"
    assert manifest.source == layout
    assert manifest.frame["synthetic"].all()
    assert manifest.notes == ("This set is synthetic: drawn by a program, no picture shows a person.",)
    assert not manifest.frame["risk_level"].isna().any()
    assert pixels(manifest.root, manifest.frame["location"].iloc[0]).ndim == 3


def test_every_source_has_a_demo_layout_or_is_the_demo():
    assert set(all_sources()) == {*LAYOUTS, "synthetic"}


def test_ham10000_has_groups_people_and_gaps(tmp_path):
    frame = read_manifest(write_demo(tmp_path / "ham", layout="ham10000", n=210)).frame
    assert frame["label"].value_counts().to_dict() == {
        **{"nv": 80, "mel": 34, "bkl": 29, "bcc": 23, "akiec": 17, "vasc": 15, "df": 12},
    }
    assert 1.5 < len(frame) / frame["group_id"].nunique() < 2
    assert (frame.groupby("group_id")["label"].nunique() == 1).all()
    assert set(frame["sex"].dropna()) == {"female", "male"}
    assert 0 < frame["age"].isna().sum() < 30
    assert 0 < frame["site"].isna().sum() < 30
    assert frame["image_id"].is_monotonic_increasing is False


def test_folder_prescribes_a_test_split_by_lesion(demo_folder):
    frame = read_manifest(demo_folder).frame
    counts = frame.groupby(["split", "label"]).size().to_dict()
    assert sum(counts.values()) == 60
    assert all(counts["test", label] >= 5 for label in ("benign", "malignant"))


def test_isic2024_has_all_columns_and_unlabelled_tiles(demo_isic2024):
    columns = (demo_isic2024 / "train-metadata.csv").read_text().splitlines()[0].split(",")
    assert len(columns) == 55
    frame = read_manifest(demo_isic2024).frame
    assert frame["tbp_lv_areaMM2"].between(1, 225).all()
    assert frame.groupby("patient_id").size().max() > 1
    test = read_manifest(demo_isic2024, labelled=False).frame
    assert (len(test), test["label"].isna().all()) == (6, True)
    assert not set(test["patient_id"]) & set(frame["patient_id"])


@pytest.mark.real_data
def test_isic2024_columns_are_the_published_ones(demo_isic2024, real_data):
    for name in ("train-metadata.csv", "test-metadata.csv"):
        published = (real_data / "isic2024" / name).read_text(encoding="utf-8-sig").splitlines()[0]
        assert (demo_isic2024 / name).read_text().splitlines()[0] == published


def test_the_same_seed_gives_the_same_files(tmp_path):
    first, second, other = (
        write_demo(tmp_path / name, layout="ham10000", n=14, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert digests(first) == digests(second)
    assert digests(first) != digests(other)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_faults_are_where_they_are_said_to_be(layout, tmp_path):
    leaks = 2 if layout == "folder" else 0
    faults = DemoFaults(conflicts=2, duplicates=1, near_duplicates=1, split_leaks=leaks, broken=3, missing=1)
    demo = write_demo(tmp_path / "demo", layout=layout, n=40, faults=faults)
    manifest = read_manifest(demo)
    frame = manifest.frame.set_index("location")
    told = planted_faults(demo)
    assert len(told) == 8 + leaks
    assert len(frame) == 47 + leaks
    for fault in told:
        if fault["fault"] == "missing":
            assert fault["location"] == ""
            continue
        row = frame.loc[fault["location"]]
        if fault["fault"] == "broken":
            with pytest.raises((OSError, UnusableImageError)):
                pixels(demo, fault["location"])
            continue
        original = frame.loc[fault["copy_of"]]
        same = np.array_equal(pixels(demo, fault["location"]), pixels(demo, fault["copy_of"]))
        assert same == (fault["fault"] in ("conflict", "duplicate"))
        assert (row["label"] != original["label"]) == (fault["fault"] == "conflict")
        if fault["fault"] in ("conflict", "duplicate"):
            assert ImageReader(demo).bytes(fault["location"]) != ImageReader(demo).bytes(fault["copy_of"])
        if fault["fault"] == "split_leak":
            assert (row["split"], original["split"]) == ("test", "train")


def test_classes_can_be_chosen(tmp_path):
    nine = {name: 1.0 for name in ("melanoma", "nevus", "actinic keratosis")}
    assert read_manifest(write_demo(tmp_path / "x", layout="folder", n=12, classes=nine)).classes == tuple(sorted(nine))


def test_progress_is_told(tmp_path):
    steps = []
    write_demo(tmp_path / "x", layout="folder", n=4, progress=steps.append)
    assert (steps[-1].done, steps[-1].total, steps[-1].what) == (4, 4, "Drawing lesions")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layout": "zip"}, "There is no layout 'zip'; choose one of folder, ham10000, isic2024"),
        ({"layout": "ham10000", "n": 5}, "needs two pictures a class, here 14; got 5"),
        ({"layout": "folder", "classes": {"cat": 1.0}}, "Class 'cat' cannot be drawn; the classes are nv, mel"),
        ({"layout": "isic2024", "classes": {"nv": 1.0}}, "knows only the classes benign and malignant"),
        ({"layout": "ham10000", "faults": DemoFaults(split_leaks=1)}, "prescribes no split that could leak"),
        ({"layout": "folder", "n": 10, "faults": DemoFaults(broken=50)}, "50 faults need as many pictures"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, options, sentence):
    with pytest.raises(DataSourceError, match=sentence):
        write_demo(tmp_path / "x", **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine.txt").write_text("mine")
    with pytest.raises(DataSourceError, match="is there already and not empty; name a new folder"):
        write_demo(tmp_path / "x", layout="folder", n=4)
    with pytest.raises(WorkspaceError, match="cannot be written"):
        write_demo(tmp_path / "x" / "mine.txt" / "demo", layout="folder", n=4)

    class Interrupted(Exception):
        pass

    def stop(_):
        raise Interrupted

    with pytest.raises(Interrupted):
        write_demo(tmp_path / "y", layout="folder", n=4, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_demo_is_marked_even_when_only_a_part_of_it_is_opened(demo_folder, demo_isic2024):
    assert read_manifest(demo_folder / "train").frame["synthetic"].all()
    assert read_manifest(demo_isic2024 / "test-metadata.csv", labelled=False).frame["synthetic"].all()
