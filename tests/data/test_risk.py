"""Risk levels and full names of classes."""

from __future__ import annotations

import pandas as pd
import pytest

from skin_core.data.manifest import Manifest
from skin_core.data.risk import class_title, risk_level_of, risk_table, with_risk_levels
from skin_core.errors import ConfigError


def manifest(*labels: str | None) -> Manifest:
    names = [f"{place}.jpg" for place in range(len(labels))]
    frame = pd.DataFrame({"image_id": names, "location": names, "label": labels})
    return Manifest.validated(frame, source="folder", root=".")


@pytest.mark.parametrize(
    ("level", "labels"),
    [
        ("malignant", ["mel", "bcc", "melanoma", "Basal Cell Carcinoma", "squamous_cell-carcinoma", "MALIGNANT"]),
        ("premalignant", ["akiec", "actinic keratosis"]),
        ("benign", ["nv", "bkl", "df", "vasc", "nevus", "dermatofibroma", "vascular lesion", "benign"]),
        ("benign", ["pigmented benign keratosis", "seborrheic  keratosis"]),
        (None, ["something else", "0"]),
    ],
)
def test_levels(level, labels):
    assert [risk_level_of(label) for label in labels] == [level] * len(labels)


def test_titles():
    assert class_title("mel") == "Melanoma"
    assert class_title("bkl") == "Benign keratosis-like lesion"
    assert class_title("clear_cell  acanthoma") == "Clear cell acanthoma"


def test_unknown_classes_stay_na_and_overrides_win():
    filled = with_risk_levels(
        manifest("mel", "blue nevus", None, "akiec"), {"AKIEC": "malignant", "blue nevus": "benign"}
    )
    assert filled.frame["risk_level"].tolist()[:2] == ["malignant", "benign"]
    assert filled.frame["risk_level"].isna().tolist() == [False, False, True, False]
    assert filled.frame["risk_level"].tolist()[3] == "malignant"
    assert with_risk_levels(manifest("blue nevus")).frame["risk_level"].isna().all()


def test_overrides_that_fit_nothing_are_told_and_wrong_levels_refused():
    told = with_risk_levels(manifest("nv"), {"naevus": "benign"})
    assert told.notes == ("The risk levels name 'naevus', which the set does not hold; its classes are nv.",)
    with pytest.raises(
        ConfigError, match=r"risk level of 'nv' must be one of benign, premalignant, malignant; got 'bad'"
    ):
        with_risk_levels(manifest("nv"), {"nv": "bad"})


def test_table_counts_each_class():
    table = risk_table(with_risk_levels(manifest("nv", "nv", "mel", None)))
    assert table.to_dict("records") == [
        {"class": "mel", "title": "Melanoma", "risk_level": "malignant", "n": 1},
        {"class": "nv", "title": "Melanocytic nevus", "risk_level": "benign", "n": 2},
    ]
