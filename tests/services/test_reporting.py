"""The report: self-contained, escaped, the same figures in all three files, and in the tracking store."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from published import workspace_of

from skin_core.errors import RunError, WorkspaceError
from skin_core.services import recorded, report_page, report_pictures, reporting, runs
from skin_core.services.heat_maps import NOT_MEASURED, CheckedMaps, recorded_heat_maps
from skin_core.services.judged import HEADLINES, Interval, judged
from skin_core.training.folder import RunFolder

pytestmark = pytest.mark.timeout(900)
EVIL = '<script>alert(1)</script> & "$x^2$" \\frac'


class _Reader(HTMLParser):
    """Which tags, and which addresses, a page has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]


@pytest.fixture
def run_id(tiny_bundle: Path, workspace: Path) -> str:
    """The evaluated run of the tiny bundle, in this test's workspace."""
    shutil.copytree(workspace_of(tiny_bundle), workspace)
    return runs.list_runs()[0].run_id


def test_an_evaluation_leaves_three_files_with_the_same_figures(run_id: str) -> None:
    page, table, document = (path.read_text() for path in recorded.report_files(run_id))
    found = judged(run_id)
    rows = list(csv.DictReader(io.StringIO(table)))
    told = json.loads(document)
    for name in HEADLINES:
        row = found.row(name)
        assert row.figure.in_words() in page
        cells = next(cells for cells in rows if cells["name"] == name)
        assert float(cells["value"]) == row.figure.value and int(cells["n"]) == row.n
        assert next(entry for entry in told["evaluation"]["rows"] if entry["name"] == name)["n"] == row.n
    assert next(cells["name"] for cells in rows) == "melanoma_auc"
    assert len(told["curves"]["risk"]["roc"]["x"]) == 101 and told["subgroups"]["n"] <= found.n
    assert len(told["operating_points"]) == len(found.points)
    maps = recorded_heat_maps(run_id)
    assert html.escape(maps.check.sentence()) in page and told["heat_maps"] == json.loads(maps.model_dump_json())
    assert 'aria-label="Probability of the class while pixels are hidden"' in page


def test_a_report_without_checked_maps_says_so(run_id: str) -> None:
    (path,) = RunFolder.of(run_id).path.rglob(CheckedMaps.FILE)
    path.unlink()
    page = Path(reporting.write_report(run_id)).read_text()
    assert html.escape(NOT_MEASURED) in page and "while pixels are hidden" not in page


def test_the_page_needs_nothing_and_runs_nothing(run_id: str) -> None:
    page = recorded.report_files(run_id)[0].read_text()
    reader = _Reader(page)
    assert "svg" in reader.tags and not reader.tags & {"script", "link", "img", "iframe", "object"}
    assert all(address.startswith("#") for address in reader.addresses)
    assert page.count('role="img" aria-label="') >= 10
    assert "default-src 'none'" in page and "not a medical device" in page
    # No place of this machine and no picture's name.
    manifest = RunFolder.of(run_id)
    import pandas as pd

    ids = pd.read_parquet(manifest.manifest, columns=["image_id"])["image_id"]
    assert str(manifest.path) not in page and not any(image_id in page for image_id in ids)


def test_no_note_that_names_files_is_on_the_page(run_id: str) -> None:
    note = "1 folder may not be read and was left out: /home/mary/wards/7."
    folder = RunFolder.of(run_id)
    facts = json.loads(folder.prepared.read_text())
    folder.prepared.write_text(json.dumps(facts | {"manifest_notes": [note], "notes": [note, "A note of the split."]}))
    folder.update_state(notes=(note, "A note of the split."))
    reporting.write_report(run_id)
    page = recorded.report_files(run_id)[0].read_text()
    assert "mary" not in page and "A note of the split." in page and "LesionLab shows it on its pages" in page


def test_foreign_words_stay_words() -> None:
    svg = report_pictures.confusion(np.array([[1, 0], [2, 3]]), [EVIL, "nv"])
    made = report_page.page(
        EVIL,
        [report_page.table([EVIL], [[EVIL]]), report_page.bullets([EVIL]), report_page.pictures([(EVIL, svg)])],
    )
    assert "script" not in _Reader(made).tags and "alert(1)" in made
    assert "$x^2$" in re.sub(r"&quot;", '"', made)


@pytest.mark.parametrize("name", ["a $x^2$ b", "a $\\bad$ b", "US$", r"\$"])
def test_a_class_between_dollar_signs_is_no_formula(name: str) -> None:
    svg = report_pictures.confusion(np.array([[1, 0], [2, 3]]), [name, "nv"])
    assert svg.count(f">{name}</text>") == 2
    assert f">sex: {name} (3)</text>" in report_pictures.forest([(f"sex: {name}", 3, 0.5, 0.4, 0.6)], 0.5, "AUC")


def test_undefined_is_said() -> None:
    assert Interval().in_words() == "undefined"
    assert Interval(0.5).in_words() == "0.500 (interval not known)"


def test_the_report_is_copied_where_it_is_wanted(run_id: str, tmp_path: Path) -> None:
    target = tmp_path / "to" / "report.html"
    reporting.copy_report(run_id, target)
    assert target.read_text() == recorded.report_files(run_id)[0].read_text()
    with pytest.raises(WorkspaceError, match="no ordinary file"):
        reporting.copy_report(run_id, tmp_path)


def test_subgroups_of_another_evaluation_are_not_shown(run_id: str) -> None:
    assert recorded.recorded_subgroups(run_id)["levels"]
    folder = RunFolder.of(run_id)
    record = json.loads(folder.evaluation.read_text())
    folder.evaluation.write_text(json.dumps({**record, "time": "2030-01-01T00:00:00+00:00"}))
    assert recorded.recorded_subgroups(run_id) is None


def test_the_tracking_store_holds_the_report(run_id: str, tiny_bundle: Path, monkeypatch) -> None:
    from mlflow import MlflowClient

    from skin_core.training.tracking import tracking_uri

    # Artifacts lie where the run was made.
    monkeypatch.setenv("LESIONLAB_HOME", str(workspace_of(tiny_bundle)))
    client, tracked = MlflowClient(tracking_uri()), runs.get_run(run_id).tracking_id
    assert {"report.html", "figures.csv", "report.json"} <= {entry.path for entry in client.list_artifacts(tracked)}
    logged = client.get_run(tracked)
    assert logged.data.metrics["test_accuracy"] == judged(run_id).row("accuracy").figure.value
    assert logged.info.status == "FINISHED"


def test_a_run_that_was_not_evaluated_has_no_report(run_id: str) -> None:
    RunFolder.of(run_id).test_predictions.unlink()
    with pytest.raises(RunError, match="evaluate it"):
        reporting.write_report(run_id)
