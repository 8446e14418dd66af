"""ISIC 2024's layout: csv with HDF5 or loose tiles, with and without answers."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from skin_core.data.images import ImageReader
from skin_core.data.sources import read_manifest
from skin_core.errors import DataSourceError, UnusableImageError

HEADER = "isic_id,target,patient_id,age_approx,sex,anatom_site_general,iddx_full,mel_thick_mm"
BENIGN = "ISIC_1,0,IP_1,45.0,male,posterior torso,Benign,"
MALIGNANT = "ISIC_2,1,IP_1,,,,Malignant::Melanoma,0.4"


def tiles(path: Path, **contents: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, content in contents.items():
            file.create_dataset(key, data=np.bytes_(content))


def csv(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def train(tmp_path: Path) -> Path:
    csv(tmp_path / "train-metadata.csv", HEADER, BENIGN, MALIGNANT)
    tiles(tmp_path / "train-image.hdf5", ISIC_1=b"one", ISIC_2=b"two")
    return tmp_path


def test_rows_point_into_the_hdf5_and_answers_stay_as_columns(train):
    manifest = read_manifest(train)
    frame = manifest.frame
    assert manifest.source == "isic2024"
    assert frame["location"].tolist() == ["train-image.hdf5::ISIC_1", "train-image.hdf5::ISIC_2"]
    assert frame["label"].tolist() == ["benign", "malignant"]
    assert frame["group_id"].tolist() == ["IP_1", "IP_1"]
    assert frame["age"].tolist()[0] == 45.0
    assert frame.loc[1, ["age", "sex", "site", "split"]].isna().all()
    assert frame["iddx_full"].tolist() == ["Benign", "Malignant::Melanoma"]
    assert frame["mel_thick_mm"].tolist()[1] == 0.4
    reader = ImageReader(manifest.root)
    assert [reader.bytes(place) for place in frame["location"]] == [b"one", b"two"]


def test_the_reader_travels_to_other_processes_and_threads(train):
    reader = ImageReader(train)
    assert reader.bytes("train-image.hdf5::ISIC_1") == b"one"
    copy = pickle.loads(pickle.dumps(reader))
    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(copy.bytes, ["train-image.hdf5::ISIC_2"] * 20))
    assert contents == [b"two"] * 20


def test_bytes_stored_in_other_ways_are_read(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["array"] = np.frombuffer(b"abc", dtype=np.uint8)
        file["opaque"] = np.void(b"ab\0")
        file.create_group("group")
    reader = ImageReader(tmp_path)
    assert reader.bytes("x.h5::array") == b"abc"
    assert reader.bytes("x.h5::opaque") == b"ab\0"
    for key, sentence in (("group", "cannot be read"), ("none", "has no picture 'none'")):
        with pytest.raises(UnusableImageError, match=sentence):
            reader.bytes(f"x.h5::{key}")


def test_keys_without_rows_and_rows_without_keys_are_left_out_and_told(train):
    csv(train / "train-metadata.csv", HEADER, BENIGN, MALIGNANT, "ISIC_3,0,IP_3,5,male,,Benign,")
    tiles(train / "train-image.hdf5", ISIC_1=b"one", ISIC_8=b"eight")
    manifest = read_manifest(train)
    assert manifest.frame["image_id"].tolist() == ["ISIC_1"]
    assert manifest.notes == (
        "2 rows of train-metadata.csv without a picture in train-image.hdf5 left out: ISIC_2, ISIC_3.",
        "1 picture in train-image.hdf5 without a row in train-metadata.csv left out: ISIC_8.",
    )


def test_loose_tiles_stand_in_for_what_the_hdf5_lacks(train):
    tiles(train / "train-image.hdf5", ISIC_1=b"one")
    (train / "train-image" / "image").mkdir(parents=True)
    (train / "train-image" / "image" / "ISIC_2.jpg").write_bytes(b"loose")
    (train / "train-image" / "image" / "ISIC_1.jpg").write_bytes(b"loose")
    frame = read_manifest(train).frame
    assert frame["location"].tolist() == ["train-image.hdf5::ISIC_1", "train-image/image/ISIC_2.jpg"]


def test_a_damaged_hdf5_is_told_and_loose_tiles_still_serve(train):
    (train / "train-image.hdf5").write_bytes(b"no hdf5")
    with pytest.raises(DataSourceError, match=r"train-image\.hdf5 is no whole HDF5 file .*; copy it again"):
        read_manifest(train)
    (train / "ISIC_1.jpg").write_bytes(b"loose")
    manifest = read_manifest(train)
    assert manifest.frame["location"].tolist() == ["ISIC_1.jpg"]
    assert "is no whole HDF5 file" in manifest.notes[0]


def test_none_of_the_keys(train):
    tiles(train / "train-image.hdf5", other=b"one")
    with pytest.raises(
        DataSourceError, match=r"None of the 2 ids in .* has a tile \(ISIC_1, ISIC_2\); put train-image"
    ):
        read_manifest(train)


def test_a_csv_beside_its_tiles_is_enough(tmp_path):
    csv(tmp_path / "extra-metadata.csv", "isic_id,target,age_approx", "ISIC_1,1,45.0", "ISIC_2,maybe,1")
    for name in ("ISIC_1.JPG", "ISIC_2.jpg"):
        (tmp_path / name).write_bytes(b"tile")
    manifest = read_manifest(tmp_path)
    assert manifest.frame["location"].tolist() == ["ISIC_1.JPG"]
    assert manifest.frame["group_id"].isna().all()
    assert manifest.notes[0] == ("1 row of extra-metadata.csv with a target that is neither 0 nor 1 left out: ISIC_2.")


def test_prediction_takes_the_part_without_answers_or_the_one_that_is_named(train):
    csv(train / "test-metadata.csv", "isic_id,patient_id,sex", "ISIC_9,IP_9,female")
    csv(train / "sample_submission.csv", "isic_id,target", "ISIC_9,0.3")
    tiles(train / "test-image.hdf5", ISIC_9=b"nine")
    for path in (train, train / "test-metadata.csv", train / "test-image.hdf5"):
        frame = read_manifest(path, labelled=False).frame
        assert frame["location"].tolist() == ["test-image.hdf5::ISIC_9"]
        assert frame["label"].isna().all()
    assert len(read_manifest(train / "train-image.hdf5", labelled=False)) == 2
    with pytest.raises(DataSourceError, match=r"test-metadata\.csv lacks the column target"):
        read_manifest(train / "test-metadata.csv")


@pytest.mark.parametrize(
    ("table", "container"),
    [("train-metadata.csv", "train_image.hdf5"), ("train-metadata.csv", "Train.h5"), ("metadata.csv", "tiles.hdf5")],
)
def test_an_hdf5_file_finds_the_csv_that_finds_it(tmp_path, table, container):
    csv(tmp_path / table, HEADER, BENIGN, MALIGNANT)
    tiles(tmp_path / container, ISIC_1=b"one", ISIC_2=b"two")
    for path in (tmp_path, tmp_path / table, tmp_path / container):
        frame = read_manifest(path).frame
        assert frame["location"].tolist() == [f"{container}::ISIC_1", f"{container}::ISIC_2"]
        assert frame["label"].tolist() == ["benign", "malignant"]


def test_an_hdf5_file_alone_serves_prediction(tmp_path):
    tiles(tmp_path / "lesions.hdf5", b=b"1", a=b"2")
    manifest = read_manifest(tmp_path / "lesions.hdf5", labelled=False)
    assert manifest.frame["image_id"].tolist() == ["a", "b"]
    with pytest.raises(DataSourceError, match="has no csv with the column isic_id beside it"):
        read_manifest(tmp_path / "lesions.hdf5")


def test_forty_thousand_rows_are_read_without_a_look_at_each(tmp_path):
    n = 40_000
    ids = [f"ISIC_{number:07d}" for number in range(n)]
    pd.DataFrame({"isic_id": ids, "target": 0, "patient_id": ids, "sex": "male", "age_approx": 40.0}).to_csv(
        tmp_path / "train-metadata.csv", index=False
    )
    with h5py.File(tmp_path / "train-image.hdf5", "w") as file:
        tile = h5py.h5s.create(h5py.h5s.SCALAR)
        for name in ids:
            h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_U8LE, tile)
    assert read_manifest(tmp_path).frame["location"].iloc[-1] == f"train-image.hdf5::{ids[-1]}"


@pytest.mark.real_data
def test_the_real_sample(real_data):
    manifest = read_manifest(real_data / "isic2024")
    assert manifest.frame["label"].value_counts().to_dict() == {"malignant": 3, "benign": 2}
    reader = ImageReader(manifest.root)
    loose = read_manifest(real_data / "isic2024" / "train-image", labelled=False).frame.set_index("image_id")[
        "location"
    ]
    for row in manifest.frame.itertuples():
        tile = reader.bytes(row.location)
        assert tile == (real_data / "isic2024" / "train-image" / loose[f"image/{row.image_id}.jpg"]).read_bytes()
    assert len(read_manifest(real_data / "isic2024", labelled=False)) == 3
    assert len(read_manifest(real_data / "isic2024" / "extra-tiles")) == 8


def test_further_columns_are_named_where_they_are_not_read(train):
    whole, brief = read_manifest(train), read_manifest(train, further=False)
    assert brief.further == ("iddx_full", "mel_thick_mm") and whole.further == ()
    assert brief.fingerprint == whole.fingerprint and brief.notes == whole.notes
    shared = [name for name in whole.frame if name not in brief.further]
    assert brief.frame.equals(whole.frame[shared])


def test_a_measured_column_that_holds_words_does_not_stop_the_reading(train):
    csv(train / "train-metadata.csv", HEADER, BENIGN, MALIGNANT.replace("0.4", "thin"))
    assert read_manifest(train).frame["mel_thick_mm"].tolist()[1] == "thin"
