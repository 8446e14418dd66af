"""Which figures on the locked test split a bundle may carry: those of its own weights, never of another network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skin_core.screening.draft import Draft
from skin_core.screening.publish import recorded_test
from skin_core.screening.record import BundleInfo, ClassInfo, DataRecord
from skin_core.training.folder import RunFolder


def _found(folder: Path, *, judged: str, published: str):
    record = {"model": judged, "n": 12, "metrics": {}, "intervals": "By lesions."}
    (folder / "evaluation.json").write_text(json.dumps(record))
    info = BundleInfo(
        name="draft",
        title="Draft",
        family="light_cnn",
        classes=(ClassInfo(name="a", title="A"), ClassInfo(name="b", title="B")),
        image_size=32,
        crop="squash",
        preprocessing_version=1,
        data=DataRecord(name="set", source="folder"),
    )
    return recorded_test(RunFolder(folder), Draft(info, folder, published))


def test_the_same_model_carries_its_figures(tmp_path: Path) -> None:
    found = _found(tmp_path, judged="0abc-v7", published="0abc-v7")
    assert (found.n, found.intervals) == (12, "By lesions.")


def test_another_engine_of_the_same_weights_says_so(tmp_path: Path) -> None:
    found = _found(tmp_path, judged="0abc-v7", published="0abc-v7-int8")
    assert found.intervals.startswith("By lesions. They are of the same weights in another engine")
    turned = _found(tmp_path, judged="0abc-v7-int8-views4", published="0abc-v7-views4")
    assert turned.intervals == found.intervals


@pytest.mark.parametrize(
    ("judged", "published"),
    [
        ("0abc-v7", "1def-v7"),
        ("0abc-v7", "0abc-v7-pruned0.5"),
        ("0abc-v7-pruned0.5", "0abc-v7"),
        ("0abc-v7-pruned0.3", "0abc-v7-pruned0.5"),
        ("0abc-v7", "0abc-v7-views4"),
        ("0abc-v7-views4", "0abc-v7"),
        ("0abc-v7-views2", "0abc-v7-views4"),
        ("0abc-v7-pruned0.5", "0abc-v7-pruned0.5-views2"),
        # Of a risk that was calibrated in another way.
        ("0abc-v6", "0abc-v7"),
        ("0abc-v6-int8", "0abc-v7-int8"),
    ],
)
def test_another_network_does_not(tmp_path: Path, judged: str, published: str) -> None:
    assert _found(tmp_path, judged=judged, published=published) is None
