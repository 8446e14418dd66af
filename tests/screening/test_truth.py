"""How the labels of another set meet a bundle's classes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from skin_core.screening.truth import map_classes

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
