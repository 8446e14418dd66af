"""HAM10000's layout: joining by id, translating the columns, and every way the csv can be wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from skin_core.data.sources import read_manifest
from skin_core.errors import DataSourceError

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
GOOD = "HAM_1,ISIC_1,bkl,histo,80.0,male,scalp"
SECOND = "HAM_1,ISIC_2,mel,histo,,unknown,unknown"


def ham(root: Path, *lines: str, images: tuple[str, ...] = ("part_1/ISIC_1.jpg", "part_2/deep/ISIC_2.JPG")) -> Path:
    (root / "HAM10000_metadata.csv").write_bytes("\n".join(lines).encode() + b"\n")
    for image in images:
        (root / image).parent.mkdir(parents=True, exist_ok=True)
        (root / image).write_bytes(b"picture")
    return root


def test_columns_are_translated_and_nothing_is_invented(tmp_path):
    manifest = read_manifest(ham(tmp_path, HEADER, GOOD, SECOND))
    first, second = manifest.frame.to_dict("records")
    assert pd.isna(first.pop("split"))
    assert first == {
        "image_id": "ISIC_1",
        "location": "part_1/ISIC_1.jpg",
        "label": "bkl",
        "risk_level": "benign",
        "group_id": "HAM_1",
        "age": 80.0,
        "sex": "male",
        "site": "head/neck",
        "site_raw": "scalp",
        "dx_type": "histo",
    }
    assert second["risk_level"] == "malignant"
    assert second["location"] == "part_2/deep/ISIC_2.JPG"
    assert second["site_raw"] == "unknown"
    assert [pd.isna(second[name]) for name in ("age", "sex", "site", "split")] == [True] * 4
    assert manifest.notes == ()


def test_sites_without_a_general_word_are_their_own_level(tmp_path):
    lines = [f"HAM_{n},ISIC_{n},nv,histo,0.0,female,{site}" for n, site in ((1, "trunk"), (2, "Acral"))]
    frame = read_manifest(ham(tmp_path, HEADER, *lines)).frame
    assert frame["site"].tolist() == ["trunk", "palms/soles"]
    assert frame["age"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_byte_order_mark_separators_and_line_ends(tmp_path, start, separator):
    ham(tmp_path)
    text = "\r\n".join((HEADER, GOOD, SECOND)).replace(",", separator)
    (tmp_path / "HAM10000_metadata.csv").write_bytes(start + text.encode())
    assert read_manifest(tmp_path).frame["label"].tolist() == ["bkl", "mel"]


def test_csv_in_windows_encoding_is_read_and_told(tmp_path):
    ham(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").write_bytes(f"{HEADER},note\n{GOOD},Zürich\n".encode("cp1252"))
    manifest = read_manifest(tmp_path)
    assert manifest.frame["note"].tolist() == ["Zürich"]
    assert "HAM10000_metadata.csv is not UTF-8; it was read as Windows-1252." in manifest.notes


def test_csv_in_utf16_is_read(tmp_path):
    ham(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").write_bytes(f"{HEADER}\n{GOOD}\n".encode("utf-16"))
    assert read_manifest(tmp_path).frame["image_id"].tolist() == ["ISIC_1"]


def test_a_line_break_within_quotes_is_no_new_row(tmp_path):
    ham(tmp_path, HEADER + ",note", GOOD + ',"two\nlines"', SECOND + ",")
    assert read_manifest(tmp_path).frame["note"].tolist()[0] == "two\nlines"


def test_rows_and_pictures_without_each_other_are_left_out_and_told(tmp_path):
    lost = "HAM_3,ISIC_3,nv,histo,30,female,back"
    manifest = read_manifest(
        ham(tmp_path, HEADER, GOOD, lost, images=("a/ISIC_1.jpg", "a/ISIC_8.jpg", "b/ISIC_1.jpg", "b/ISIC_9.jpg"))
    )
    name = tmp_path.name
    assert manifest.frame["location"].tolist() == ["a/ISIC_1.jpg"]
    assert manifest.notes == (
        "1 picture in more than one place; the first in order was taken: ISIC_1.",
        f"1 row of HAM10000_metadata.csv without a picture below {name} left out: ISIC_3.",
        f"2 pictures below {name} without a row in HAM10000_metadata.csv left out: ISIC_8, ISIC_9.",
    )


def test_repeated_ids_and_torn_answers(tmp_path):
    lines = (GOOD, GOOD, SECOND, SECOND.replace("mel", "nv"), "HAM_4,,nv,histo,1,male,back")
    manifest = read_manifest(ham(tmp_path, HEADER, *lines))
    assert manifest.frame["image_id"].tolist() == ["ISIC_1"]
    assert manifest.notes[:3] == (
        "1 row of HAM10000_metadata.csv without image_id left out.",
        "1 id of HAM10000_metadata.csv with more than one dx left out: ISIC_2.",
        "1 id of HAM10000_metadata.csv listed more than once, the first row taken: ISIC_1.",
    )


def test_values_that_cannot_be_are_missing_and_told(tmp_path):
    manifest = read_manifest(
        ham(
            tmp_path,
            HEADER,
            GOOD.replace("80.0", "800").replace("male", "yes"),
            SECOND.replace(",,", ",old,"),
            "too,short",
        )
    )
    assert manifest.frame["age"].isna().all()
    assert manifest.frame["sex"].isna().all()
    assert "1 line of HAM10000_metadata.csv did not have 7 values and was left out." in manifest.notes
    assert "1 value of sex neither female nor male taken as missing: yes." in manifest.notes
    assert "2 ages not between 0 and 120 years taken as missing: 800, old." in manifest.notes


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (("lesion_id,image_id,age", "HAM_1,ISIC_1,3"), r"lacks the column dx; it has lesion_id, image_id, age\."),
        (("a,b", "1,2"), r"lacks the columns image_id, dx; it has a, b\."),
        ((HEADER + ",age", GOOD + ",1"), "has the column age more than once; keep one of each"),
        (("",), "is empty or no text; expected a csv with the columns image_id, dx"),
        ((HEADER, GOOD.replace("ISIC_1", "ISIC_7")), r"None of the 1 id in .* has a picture below .*\(ISIC_7\)"),
        ((HEADER,), r"has column names but no row below them"),
    ],
)
def test_a_wrong_csv_has_one_sentence(tmp_path, lines, sentence):
    with pytest.raises(DataSourceError, match=sentence):
        read_manifest(ham(tmp_path, *lines))


def test_a_csv_that_is_no_text(tmp_path):
    ham(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(DataSourceError, match="is empty or no text"):
        read_manifest(tmp_path)


def test_without_answers_it_serves_prediction(tmp_path):
    ham(tmp_path, "image_id,lesion_id", "ISIC_1,HAM_1", "ISIC_2,HAM_2")
    frame = read_manifest(tmp_path / "HAM10000_metadata.csv", labelled=False).frame
    assert frame["label"].isna().all()
    assert frame["group_id"].tolist() == ["HAM_1", "HAM_2"]


def test_image_parts_without_their_csv_are_no_classes(tmp_path):
    for name in ("HAM10000_images_part_1/ISIC_1.jpg", "HAM10000_images_part_2/ISIC_2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"picture")
    with pytest.raises(DataSourceError, match=r"put HAM10000_metadata\.csv beside the image folders"):
        read_manifest(tmp_path)
    assert read_manifest(tmp_path, labelled=False).frame["image_id"].tolist() == ["ISIC_1", "ISIC_2"]


def test_a_folder_of_two_data_sets_asks_which(tmp_path):
    (tmp_path / "ham").mkdir()
    ham(tmp_path / "ham", HEADER, GOOD)
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "train-metadata.csv").write_text("isic_id,target\nISIC_9,0\n")
    with pytest.raises(DataSourceError, match=r"holds more than one data set \(ham10000, isic2024\); give the folder"):
        read_manifest(tmp_path)


@pytest.mark.real_data
def test_the_real_set_is_complete(real_data):
    manifest = read_manifest(real_data / "ham10000")
    frame = manifest.frame
    counts = {"nv": 6705, "mel": 1113, "bkl": 1099, "bcc": 514, "akiec": 327, "vasc": 142, "df": 115}
    assert frame["label"].value_counts().to_dict() == counts
    assert frame["group_id"].nunique() == 7470
    assert frame["age"].isna().sum() == 57
    assert frame["sex"].isna().sum() == 57
    assert manifest.notes == ()


def test_a_csv_without_a_row_and_an_empty_csv_are_told_as_that(tmp_path):
    ham(tmp_path, HEADER)
    with pytest.raises(
        DataSourceError, match=r"HAM10000_metadata.csv has column names but no row below them; expected"
    ):
        read_manifest(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").write_text(f"{HEADER}\nonly,three,values\n")
    with pytest.raises(DataSourceError, match="no usable row"):
        read_manifest(tmp_path)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataSourceError, match=r"empty.csv is empty; give the folder or the csv"):
        read_manifest(tmp_path / "empty.csv")
