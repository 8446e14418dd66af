"""Opening and remembering data sets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skin_core.errors import DataSourceError
from skin_core.services import datasets


def test_opened_sets_are_remembered_newest_first(demo_folder: Path, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_folder)
    datasets.open_dataset(demo_ham10000)
    datasets.open_dataset(demo_folder)
    first, second = datasets.known_datasets()
    assert (first.path, first.source, first.n_images, first.n_classes) == (str(demo_folder), "folder", 60, 2)
    assert first.synthetic and first.kind == "recent"
    assert (second.path, second.n_images, second.n_classes) == (str(demo_ham10000), 84, 7)
    assert first.title.endswith("/folder (synthetic, 60 images)")


def test_two_sets_of_one_title_are_told_apart_by_their_paths(demo_folder: Path, tmp_path: Path) -> None:
    copies = [tmp_path / side / "study" / "images" for side in ("a", "b")]
    for copy in copies:
        shutil.copytree(demo_folder, copy)
        datasets.open_dataset(copy)
    datasets.open_dataset(demo_folder)
    titles = datasets.titles_of(datasets.known_datasets())
    assert {titles[str(copy)] for copy in copies} == {str(copy) for copy in copies}
    assert titles[str(demo_folder)].endswith("/folder (synthetic, 60 images)")


def test_a_forgotten_or_gone_set_is_not_offered(demo_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(demo_folder, copy)
    datasets.open_dataset(demo_folder)
    datasets.open_dataset(copy)
    datasets.forget_dataset(demo_folder)
    assert [known.path for known in datasets.known_datasets()] == [str(copy)]
    shutil.rmtree(copy)
    assert datasets.known_datasets() == []


def test_a_path_that_cannot_be_read_is_not_remembered(tmp_path: Path) -> None:
    with pytest.raises(DataSourceError):
        datasets.open_dataset(tmp_path / "nowhere")
    with pytest.raises(DataSourceError, match="No path was given"):
        datasets.open_dataset("  ")
    assert datasets.known_datasets() == []


def test_a_damaged_list_is_started_anew(workspace: Path, demo_folder: Path) -> None:
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "recent_datasets.json").write_text('[{"pa')
    assert datasets.known_datasets() == []
    datasets.open_dataset(demo_folder)
    assert len(json.loads((workspace / "recent_datasets.json").read_text())) == 1


REMEMBERS = """
import sys
import pandas as pd
from skin_core.data.manifest import Manifest
from skin_core.services import datasets
frame = pd.DataFrame({"image_id": ["a"], "location": ["a.png"]})
manifest = Manifest.validated(frame, source="folder", root=sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(3):
    for _ in range(8):
        datasets.remember_dataset(path=f"{sys.argv[1]}/{number}", manifest=manifest)
        datasets.remember_dataset(path=sys.argv[1], manifest=manifest)
"""


def test_processes_that_open_sets_at_once_lose_none(workspace: Path, tmp_path: Path) -> None:
    places = [str(tmp_path / name) for name in "abc"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", REMEMBERS, place], **pipes) for place in places]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    listed = {entry["path"] for entry in json.loads((workspace / "recent_datasets.json").read_text())}
    assert listed == {place + part for place in places for part in ("", "/0", "/1", "/2")}


def test_sets_named_in_the_environment_are_offered(demo_folder, demo_ham10000, monkeypatch) -> None:
    monkeypatch.setenv("LESIONLAB_DATA", os.pathsep.join([str(demo_folder), str(demo_ham10000), "/no/such/folder"]))
    offered = datasets.known_datasets()
    assert [(known.path, known.kind) for known in offered] == [
        (str(demo_folder), "offered"),
        (str(demo_ham10000), "offered"),
    ]


def test_a_path_may_be_pasted_with_quotes_and_blanks(demo_folder: Path) -> None:
    assert datasets.absolute(f'  "{demo_folder}/" ') == str(demo_folder)


def test_demo_is_drawn_once(workspace: Path) -> None:
    told = []
    path = datasets.make_demo(layout="folder", n=40, progress=told.append)
    assert path == str(workspace / "demo" / "folder-40") and told[-1].done == told[-1].total
    again = []
    assert datasets.make_demo(layout="folder", n=40, progress=again.append) == path
    assert again == []
    assert [folder.name for folder in (workspace / "demo").iterdir()] == ["folder-40"]
    (known,) = datasets.known_datasets()
    assert known.kind == "demo" and known.title == "folder-40 (synthetic)"


def test_an_unknown_layout_is_told(workspace: Path) -> None:
    with pytest.raises(DataSourceError, match="There is no layout 'dicom'; there are ham10000, folder, isic2024"):
        datasets.make_demo(layout="dicom")


def test_stamp_changes_when_a_csv_does(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    before = datasets.stamp(tmp_path)
    os.utime(tmp_path / "a.csv", ns=(before + 10**9, before + 10**9))
    assert datasets.stamp(tmp_path) == before + 10**9
    assert datasets.stamp(tmp_path / "gone") == 0
