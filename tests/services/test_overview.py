"""Counting a data set: hand-worked figures, and the work that a large set takes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_core.data.manifest import Manifest, as_manifest_types
from skin_core.errors import SkinCoreError
from skin_core.services import overview


def _manifest(**columns) -> Manifest:
    n = len(columns["label"])
    frame = pd.DataFrame(
        {"image_id": [f"i{k}" for k in range(n)], "location": [f"{k}.jpg" for k in range(n)], **columns}
    )
    return Manifest(as_manifest_types(frame), "folder", Path("/nowhere"))


@pytest.fixture
def five() -> Manifest:
    return _manifest(
        label=["nv", "nv", "mel", "nv", None],
        risk_level=["benign", "benign", "malignant", "benign", None],
        group_id=["a", "a", "b", None, None],
        age=[34.0, 35.0, 80.0, None, 12.0],
        sex=["female", None, "male", "female", None],
        split=["train", "train", "test", "train", None],
    )


def test_counts(five: Manifest) -> None:
    counts = overview.overview(manifest=five)
    assert (counts.n_images, counts.n_labelled, counts.n_groups, counts.n_grouped) == (5, 4, 2, 3)
    assert counts.classes[["class", "title", "risk_level", "n", "share"]].to_numpy().tolist() == [
        ["nv", "Melanocytic nevus", "benign", 3, 0.75],
        ["mel", "Melanoma", "malignant", 1, 0.25],
    ]
    assert counts.smallest_class == 1
    assert counts.prescribed == {"train": 3, "test": 1}
    assert not counts.synthetic


def test_ages_are_counted_in_steps_of_five_years(five: Manifest) -> None:
    ages = overview.overview(manifest=five).ages
    # 34 falls into 30 to 34 and 35 into 35 to 39; the row without a label has no class to be counted in.
    assert sorted(map(tuple, ages.to_numpy().tolist())) == [("mel", 80, 1), ("nv", 30, 1), ("nv", 35, 1)]


def test_missing_is_told_and_shown_as_not_known(five: Manifest) -> None:
    counts = overview.overview(manifest=five)
    missing = dict(zip(counts.missing["column"], counts.missing["n"], strict=True))
    assert missing == {"label": 1, "risk_level": 1, "group_id": 2, "age": 1, "sex": 2, "site": 5}
    sexes = {(label, sex): n for label, sex, n in counts.sexes.to_numpy().tolist()}
    assert sexes == {("nv", "female"): 2, ("nv", "not known"): 1, ("mel", "male"): 1}


def _set_of(n: int) -> Manifest:
    place = np.arange(n)
    return _manifest(
        label=np.where(place % 100 == 0, "malignant", "benign"),
        group_id=[f"L{k}" for k in place // 2],
        age=20.0 + place % 70,
        sex=np.where(place % 2, "female", "male"),
        site=np.where(place % 3, "anterior torso", "lower extremity"),
    )


def _instructions(work: Callable[[], object]) -> int:
    """How many of Python's own instructions the work takes: a loop within a library's compiled code counts once."""
    count = 0

    def trace(frame, event: str, _):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_a_set_of_any_size_is_counted_without_a_step_of_python_for_each_image() -> None:
    small, large = _set_of(1_000), _set_of(100_000)
    overview.overview(manifest=_set_of(1_000))  # What is loaded at the first call is no part of the count.
    few, many = (_instructions(lambda of=of: overview.overview(manifest=of)) for of in (small, large))
    counts = overview.overview(manifest=large)
    assert (counts.n_images, counts.classes["n"].sum(), counts.n_groups) == (100_000, 100_000, 50_000)
    # A single instruction an image more would be 99,000; a dictionary that grows may cost some hundred.
    assert many < few + 10_000, f"{few:,} and {many:,}"


def test_turns_show_every_picture_before_any_comes_again() -> None:
    manifest = _manifest(label=["nv"] * 10 + ["mel"] * 2)
    seen = [
        location
        for turn in range(5)
        for location in overview.sample_pictures(manifest=manifest, label="nv", count=2, turn=turn)["location"]
    ]
    assert sorted(seen) == sorted(f"{k}.jpg" for k in range(10))
    assert len(overview.sample_pictures(manifest=manifest, label="mel", count=8, turn=3)) == 2


def test_sizes_are_those_that_the_decoder_gives(tmp_path: Path) -> None:
    lying = Image.Exif()
    lying[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "0.jpg", exif=lying)
    Image.new("RGB", (60, 40)).save(tmp_path / "1.jpg", "PNG", exif=lying)
    # Neither a format that the decoder takes, nor a number of pixels.
    Image.new("RGB", (20, 10)).save(tmp_path / "2.jpg", "TGA")
    Image.new("1", (30_000, 3_000)).save(tmp_path / "3.jpg", "PNG")
    manifest = Manifest(_manifest(label=["nv"] * 4).frame, "folder", tmp_path)
    assert overview.image_sizes(manifest=manifest).to_numpy().tolist() == [[40, 60, 2]]


def test_sizes_come_from_the_headers(tmp_path: Path) -> None:
    for name, size in {"0.jpg": (60, 40), "1.jpg": (60, 40), "2.jpg": (30, 30)}.items():
        Image.new("RGB", size).save(tmp_path / name)
    (tmp_path / "3.jpg").write_bytes(b"no picture")
    manifest = Manifest(_manifest(label=["nv"] * 4).frame, "folder", tmp_path)
    assert overview.image_sizes(manifest=manifest).to_numpy().tolist() == [[60, 40, 2], [30, 30, 1]]


def test_thumbnail_is_small_and_a_broken_file_is_a_sentence(tmp_path: Path) -> None:
    Image.new("RGB", (600, 450), (200, 120, 90)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    with Image.open(io.BytesIO(overview.thumbnail(root=tmp_path, location="a.jpg", side=160))) as small:
        assert small.size == (160, 120) and small.format == "JPEG"
    with pytest.raises(SkinCoreError, match=r"b\.jpg"):
        overview.thumbnail(root=tmp_path, location="b.jpg")


def test_rows_come_in_the_order_asked_for(five: Manifest) -> None:
    rows = overview.rows_at(manifest=five, locations=["2.jpg", "none.jpg", "0.jpg"])
    assert rows["image_id"].tolist() == ["i2", "i0"]
