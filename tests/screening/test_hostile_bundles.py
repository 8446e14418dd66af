"""Bundles that do not agree with themselves, two publishers at once, and a model that gives no number."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from handmade_bundle import write_bundle

from skin_core.errors import BundleError, WorkspaceError
from skin_core.paths import write_text
from skin_core.screening import trust
from skin_core.screening.bundle import read_info
from skin_core.screening.publish import _put_in_place
from skin_core.screening.screen import decide
from skin_core.services import screening


def changed(folder: Path, **fields: object) -> None:
    record = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**record, **fields}))


@pytest.mark.parametrize(
    "fields",
    [
        {"calibration": {"temperature": 0, "bias": []}},
        {"calibration": {"temperature": 1, "bias": [0.1]}},
        {"features": ["age"]},
        {"features": ["age"], "encoder": {"columns": "age"}},
        {"features": ["age"], "encoder": {"columns": [{"name": "age", "mean": 50, "std": 10}]}},
        {"classes": [{"name": "nv", "title": "a"}, {"name": "nv", "title": "b"}, {"name": "mel", "title": "c"}]},
        {"classes": [{"name": "nv", "title": "a"}, {"name": "mel", "title": "b"}], "calibration": {"bias": []}},
    ],
)
def test_a_record_that_disagrees_is_one_sentence(bundle_folder: Path, fields: dict) -> None:
    changed(bundle_folder, **fields)
    with pytest.raises(BundleError, match=r"publish it again\.$"):
        screening.trust_bundle("small")
        screening.load_bundle("small")


@pytest.mark.parametrize("risk", [float("nan"), float("inf")])
def test_no_number_is_no_all_clear(bundle_folder: Path, risk: float) -> None:
    decision, sentence = decide(read_info(bundle_folder), risk)
    assert decision == "undecided" and "no number" in sentence


def test_a_copy_is_called_by_its_folder(bundle_folder: Path) -> None:
    models = bundle_folder.parent
    shutil.copytree(bundle_folder, models / "copy")
    shutil.copytree(bundle_folder, models / "My Copy")
    shutil.copytree(bundle_folder, models / ".small-half-written")
    assert [info.name for info in screening.list_bundles()] == ["copy", "small"]
    assert screening.load_bundle("copy").info.path == models / "copy"
    assert list(screening.damaged_bundles()) == ["My Copy"]


def test_the_second_of_two_publishers_is_told(tmp_path: Path) -> None:
    target = tmp_path / "models" / "twin"
    first, second, third = (tmp_path / "models" / f".twin-{number}" for number in range(3))
    for folder in (first, second, third):
        folder.mkdir(parents=True)
        (folder / "bundle.json").write_text(folder.name)
    _put_in_place(first, target, overwrite=False)
    with pytest.raises(BundleError, match="already a bundle 'twin'"):
        _put_in_place(second, target, overwrite=False)
    _put_in_place(third, target, overwrite=True)
    assert (target / "bundle.json").read_text() == ".twin-2"
    assert sorted(path.name for path in target.parent.iterdir()) == [".twin-1", "twin"]


def test_many_trust_at_once_and_none_is_lost(workspace: Path) -> None:
    digests = [f"{number:064x}" for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda digest: trust.allow(digest, "some"), digests))
    assert all(map(trust.is_trusted, digests))


def test_an_allow_list_that_cannot_be_read_allows_nothing(bundle_files: dict[str, bytes], workspace: Path) -> None:
    (workspace / "trusted-bundles.json").mkdir(parents=True)
    folder = write_bundle(workspace / "models" / "other", bundle_files)
    with pytest.raises(BundleError, match="not published here"):
        screening.load_bundle(folder)
    with pytest.raises(WorkspaceError, match=r"cannot be read .*, and nothing is written over it"):
        trust.allow("0" * 64, "another")


@pytest.mark.parametrize("damaged", ['{"0f": {"name": "mine"', '["0f"]', "\udcff"])
def test_a_damaged_allow_list_is_kept_beside_the_new_one(workspace: Path, damaged: str) -> None:
    workspace.mkdir(parents=True)
    content = damaged.encode(errors="surrogateescape")
    (workspace / "trusted-bundles.json").write_bytes(content)
    trust.allow("0" * 64, "another")
    assert trust.is_trusted("0" * 64)
    (aside,) = workspace.glob("trusted-bundles.damaged-*.json")
    assert aside.read_bytes() == content


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(WorkspaceError, match="needs a folder where there is a file"):
        write_text(tmp_path / "taken" / "a.txt", "x")
