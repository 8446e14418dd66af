"""Splits: shares worked out by hand, groups kept together, cleaning with its reasons, the same everywhere."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from skin_core.data.audit import AuditReport
from skin_core.data.manifest import Manifest, as_manifest_types
from skin_core.data.split import Split, make_split
from skin_core.errors import DataSourceError, LeakError


def manifest_of(rows: list[tuple]) -> Manifest:
    frame = pd.DataFrame(rows, columns=["image_id", "label", "group_id", "split"])
    frame["location"] = frame["image_id"]
    return Manifest.validated(frame, source="folder", root=Path("."))


def plain(counts: dict[str, int], per_group: int = 1) -> Manifest:
    rows = []
    for label, n in counts.items():
        rows += [(f"{label}{k:04d}", label, f"{label}-{k // per_group}", None) for k in range(n)]
    return manifest_of(rows)


def sides(split: Split) -> dict[str, str]:
    return dict(zip(split.frame["image_id"], split.frame["split"], strict=True))


def test_shares_of_single_images_are_exact():
    split = make_split(plain({"mel": 100, "nv": 200}), None, seed=42, validation_fraction=0.15, test_fraction=0.15)
    assert split.summary.loc["mel"].to_dict() == {"train": 70, "validation": 15, "test": 15, "excluded": 0}
    assert split.summary.loc["nv"].to_dict() == {"train": 140, "validation": 30, "test": 30, "excluded": 0}


def test_shares_within_a_lesion_and_lesions_whole():
    split = make_split(plain({"mel": 99, "nv": 300}, per_group=3), None)
    assert (
        split.frame.assign(lesion=split.frame["image_id"].map(lambda i: (i[:-4], int(i[-4:]) // 3)))
        .groupby("lesion")["split"]
        .nunique()
        .eq(1)
        .all()
    )
    assert abs(split.summary.loc["mel", "test"] - 14.85) <= 3 and abs(split.summary.loc["nv", "validation"] - 45) <= 3
    assert split.frame.groupby("group")["split"].nunique().max() == 1


def test_the_assignment_is_this_one_on_every_machine():
    split = make_split(plain({"mel": 12, "nv": 12}), None, seed=7, validation_fraction=0.25, test_fraction=0.25)
    tested = [image_id for image_id, side in sides(split).items() if side == "test"]
    assert tested == ["mel0009", "mel0010", "mel0011", "nv0000", "nv0004", "nv0008"]


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    manifest = plain({"mel": 40, "nv": 60}, per_group=2)
    shuffled = manifest.with_frame(manifest.frame.sample(frac=1, random_state=3))
    assert sides(make_split(manifest, None, seed=1)) == sides(make_split(shuffled, None, seed=1))
    assert sides(make_split(manifest, None, seed=1)) != sides(make_split(manifest, None, seed=2))


def test_twins_stay_together():
    manifest = plain({"mel": 40})
    ids = manifest.frame["image_id"].tolist()
    near = tuple((ids[k], ids[k + 20], 0.99) for k in range(20))
    report = AuditReport("folder", 40, {"mel": 40}, near_duplicates=near, identical=((ids[0], ids[1]),))
    found = sides(make_split(manifest, report))
    assert all(found[a] == found[b] for a, b, _ in near) and found[ids[0]] == found[ids[1]] == found[ids[21]]


def test_small_classes_reach_validation_first_and_are_told():
    split = make_split(plain({"one": 1, "two": 2, "three": 3, "nv": 100}), None)
    rows = split.summary.drop(columns="excluded").to_dict("index")
    assert rows["one"] == {"train": 1, "validation": 0, "test": 0}
    assert rows["two"] == {"train": 1, "validation": 1, "test": 0}
    assert rows["three"] == {"train": 1, "validation": 1, "test": 1}
    assert split.notes == (
        "Few images for training and validation together: 'one' 1, 'three' 2, 'two' 2.",
        "No image in validation: 'one'.",
        "No image in test: 'one', 'two'.",
    )


def test_patients_with_several_labels():
    rows = [(f"{p:03d}-{k}", "malignant" if p % 10 == 0 and k == 0 else "benign", f"patient{p}", None)
            for p in range(200) for k in range(1 + p % 7)]  # fmt: skip
    split = make_split(manifest_of(rows), None)
    assert split.frame.groupby("group")["split"].nunique().max() == 1
    assert split.summary.loc["malignant", ["train", "validation", "test"]].tolist() == [14, 3, 3]
    total = split.summary.loc["benign", ["train", "validation", "test"]]
    assert abs(total["test"] / total.sum() - 0.15) < 0.01


def prescribed() -> Manifest:
    rows = [(f"train{k:02d}", "mel" if k % 2 else "nv", None, "train") for k in range(40)]
    rows += [(f"test{k:02d}", "mel" if k % 2 else "nv", None, "test") for k in range(20)]
    return manifest_of(rows)


def test_a_published_test_folder_stays_the_test_split():
    split = make_split(prescribed(), None, validation_fraction=0.2, test_fraction=0.5)
    found = sides(split)
    assert all((side == "test") == image_id.startswith("test") for image_id, side in found.items())
    assert split.summary["validation"].tolist() == [4, 4]


def test_a_training_folder_alone_gives_all_three():
    manifest = prescribed()
    only = manifest.with_frame(manifest.frame[manifest.frame["split"] == "train"])
    assert set(sides(make_split(only, None)).values()) == {"train", "validation", "test"}


def leaking() -> AuditReport:
    return AuditReport(
        "folder", 60, {"mel": 30, "nv": 30},
        unreadable=(("train39", "broken."),),
        identical=(("train00", "train01"), ("train02", "test02"), ("train04", "train06")),
        label_conflicts=(("train00", "train01"),),
        near_duplicates=(("train03", "test03", 0.99), ("train08", "test05", 0.98)),
        near_label_conflicts=(("train08", "test05", 0.98),),
    )  # fmt: skip


def test_cleaning_says_who_why_and_because_of_whom():
    split = make_split(prescribed(), leaking())
    rows = split.excluded.set_index("image_id")
    assert set(rows.index) == {"train39", "train00", "train01", "test02", "test03", "train08", "test05"}
    assert rows.loc["train00", "beside"] == "train01" and "'mel'" in rows.loc["train00", "reason"]
    assert rows.loc["test02", "beside"] == "train02" and "train" in rows.loc["test02", "reason"]
    assert pd.isna(rows.loc["train39", "beside"])
    assert split.leaks == (("train02", "test02"), ("train03", "test03")) and not split.leaking
    assert split.summary["excluded"].sum() == 7
    found = sides(split)
    assert found["train04"] == found["train06"]


def test_a_leak_is_refused_unless_it_is_allowed():
    with pytest.raises(LeakError, match=r"3 groups of pictures .*train02 and test02"):
        make_split(prescribed(), leaking(), clean=False)
    split = make_split(prescribed(), leaking(), clean=False, allow_leaks=True)
    assert split.leaking and len(split.leaks) == 3 and set(split.excluded["image_id"]) == {"train39"}
    assert sides(split)["test02"] == "test"


def test_a_class_that_cleaning_empties_is_left_out_and_told():
    rows = [(f"n{k:02d}", "nv", None, "train") for k in range(30)] + [
        (f"m{k:02d}", "mel", None, "train") for k in range(30)
    ]
    rows += [
        ("a0", "ak", None, "train"),
        ("a1", "ak", None, "test"),
        ("m99", "mel", None, "test"),
        ("n99", "nv", None, "test"),
    ]
    report = AuditReport("folder", 64, {}, identical=(("a0", "n00"),), label_conflicts=(("a0", "n00"),))
    split = make_split(manifest_of(rows), report)
    assert set(split.excluded["image_id"]) == {"a0", "n00", "a1"}
    assert "Few images for training and validation together: 'ak' none (2 left out)." in split.notes


def test_a_part_of_the_set_keeps_shares_and_classes():
    split = make_split(plain({"mel": 100, "nv": 900, "df": 10}), None, max_images=100)
    rows = split.summary.drop(columns="excluded")
    assert 95 <= rows.to_numpy().sum() <= 105 and (rows.to_numpy() > 0).all()
    assert rows.loc["nv", "train"] == pytest.approx(63, abs=2)


def test_pictures_without_a_label_are_left_out():
    rows = [(f"i{k}", "nv" if k else None, None, None) for k in range(10)]
    assert make_split(manifest_of(rows), None).excluded["reason"].tolist() == ["It has no label."]


def test_saved_and_read_again(tmp_path):
    split = make_split(prescribed(), leaking())
    split.save(tmp_path)
    again = Split.load(tmp_path)
    pd.testing.assert_frame_equal(again.frame, split.frame)
    pd.testing.assert_frame_equal(again.excluded, split.excluded)
    assert again.leaks == split.leaks and again.notes == split.notes
    with pytest.raises(DataSourceError, match="make it again"):
        Split.load(tmp_path / "nowhere")


def test_fractions_must_leave_something():
    with pytest.raises(ValueError, match="leave something"):
        make_split(prescribed(), None, validation_fraction=0.5, test_fraction=0.5)


def test_a_set_without_any_label_leaves_nothing_to_split():
    split = make_split(manifest_of([("a", None, None, None), ("b", None, None, None)]), None)
    assert len(split.frame) == 0
    assert len(split.excluded) == 2
    assert len(split.summary) == 0


def test_findings_on_pictures_that_the_set_no_longer_has_are_passed_over():
    report = leaking()
    gone = replace(
        report,
        unreadable=(*report.unreadable, ("gone.jpg", "It was deleted.")),
        label_conflicts=(*report.label_conflicts, ("gone.jpg", "lost.jpg")),
    )
    assert make_split(prescribed(), gone).frame.equals(make_split(prescribed(), report).frame)


def test_a_full_set_is_split_in_seconds():
    n = 400_000
    ids = [f"i{k:06d}" for k in range(n)]
    frame = pd.DataFrame(
        {
            "image_id": ids,
            "location": ids,
            "label": ["malignant" if k % 1000 == 0 else "benign" for k in range(n)],
            "group_id": [f"p{k % 1042}" for k in range(n)],
        }
    )
    start = time.process_time()
    split = make_split(Manifest(as_manifest_types(frame), "isic2024", Path("/nowhere")), None)
    seconds = time.process_time() - start
    assert len(split.frame) == n
    assert seconds < 6, f"{seconds:.1f} s"  # 1.3 s of processor time on an idle core.
