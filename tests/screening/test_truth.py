"""How the labels of another set meet a bundle's classes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skin_core.errors import ConfigError
from skin_core.screening.record import BundleInfo, ClassInfo, DataRecord
from skin_core.screening.truth import levels_of, map_classes, scored

HAM10000 = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


@pytest.mark.parametrize(
    ("label", "meets"),
    [
        ("mel", "mel"),
        ("Melanoma", "mel"),
        ("basal cell carcinoma", "bcc"),
        ("actinic keratosis", "akiec"),
        ("pigmented benign keratosis", "bkl"),
        ("seborrheic keratosis", "bkl"),
        ("vascular lesion", "vasc"),
    ],
)
def test_a_label_meets_its_class(label: str, meets: str) -> None:
    mapping = map_classes(SimpleNamespace(class_names=HAM10000), {label})
    assert mapping.column == {label: HAM10000.index(meets)}
    assert mapping.unmapped == ()


def test_a_narrow_class_of_the_bundle_wins_over_the_wider_one() -> None:
    classes = ("bkl", "seborrheic keratosis")
    assert map_classes(SimpleNamespace(class_names=classes), {"seborrheic keratosis"}).column == {
        "seborrheic keratosis": 1
    }


def test_what_fits_no_class_is_told() -> None:
    labels = {"squamous cell carcinoma", "malignant", "nv"}
    mapping = map_classes(SimpleNamespace(class_names=HAM10000), labels)
    assert mapping.unmapped == ("malignant", "squamous cell carcinoma")
    # The wide class holds more than the narrow one: a "bkl" is no certain seborrheic keratosis.
    assert map_classes(SimpleNamespace(class_names=("seborrheic keratosis",)), {"bkl"}).unmapped == ("bkl",)


def _bundle() -> BundleInfo:
    """Nevi, benign keratoses and melanomas; whoever trained it counts keratoses as premalignant."""
    levels = {"bkl": "premalignant", "mel": "malignant", "nv": "benign"}
    return BundleInfo(
        name="small",
        title="Small",
        family="light_cnn",
        classes=tuple(ClassInfo(name=name, title=name, risk_level=level, n_train=10) for name, level in levels.items()),
        image_size=48,
        crop="crop",
        preprocessing_version=1,
        data=DataRecord(name="drawn", source="folder"),
    )


def test_a_hand_goes_before_the_name() -> None:
    by_hand = {"Tumour A": "Melanoma", "nv": "none", "mole": "NV"}
    mapping = map_classes(_bundle(), {"Tumour A", "nv", "mole", "mel"}, by_hand)
    assert mapping.column == {"Tumour A": 1, "mole": 2, "mel": 1} and mapping.unmapped == ("nv",)
    assert mapping.how == {"Tumour A": "hand", "mole": "hand", "mel": "name"}
    assert mapping.class_names(_bundle()) == {"Tumour A": "mel", "mel": "mel", "mole": "nv", "nv": None}


@pytest.mark.parametrize(
    ("by_hand", "says"),
    [
        ({"nevus": "nv"}, "The set has no class 'nevus' to map; its classes are mel, nv"),
        ({"nv": "naevi"}, "The bundle has no class 'naevi' to map 'nv' to; its classes are bkl, mel, nv, and 'none'"),
        ({"nv": ""}, "The bundle has no class '' to map 'nv' to"),
    ],
)
def test_what_cannot_be_mapped_is_told(by_hand: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        map_classes(_bundle(), {"mel", "nv"}, by_hand)


def test_the_endpoint_is_the_bundles_and_the_rest_keeps_its_own() -> None:
    labels = ["bkl", "seborrheic keratosis", "Tumour A", "scc", "unknown thing"]
    frame = pd.DataFrame({"label": labels, "risk_level": ["benign", "benign", None, "malignant", None]}, dtype="string")
    mapping = map_classes(_bundle(), set(labels), {"Tumour A": "mel"})
    # A seborrheic keratosis is a part of "bkl" only, and stays what it is; a squamous cell carcinoma meets no class.
    assert levels_of(_bundle(), frame, mapping).tolist() == ["premalignant", "benign", "malignant", "malignant", None]


def test_pictures_that_meet_no_class_still_count_for_melanoma_and_malignancy() -> None:
    frame = pd.DataFrame(
        {"label": ["Tumour A", "scc", "nv", "malignant"], "risk_level": [None, "malignant", "benign", "malignant"]},
        dtype="string",
    )
    logits = np.zeros((4, 3), dtype=np.float32)
    found = scored(_bundle(), frame, np.arange(4), logits, by_hand={"Tumour A": "mel", "absent": "nv"})
    assert found.labels.tolist() == [1, -1, 2, -1] and found.levels.tolist() == [2, 2, 0, 2]
    # "malignant" may be a melanoma or not.
    assert found.melanoma.tolist() == [1, 0, 0, -1]
    # The shares are the bundle's own, whatever the set holds.
    assert found.priors.tolist() == pytest.approx([1 / 3] * 3) and found.class_rule == "alike"
