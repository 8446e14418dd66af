"""``cross-validate`` as a whole process: what a script would see."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from crossed import command
from typer.testing import CliRunner

from skin_core.cli import app

pytestmark = pytest.mark.timeout(900)


def test_the_document_holds_pooled_figures_and_each_fold(crossed_run) -> None:
    home, told = crossed_run
    folder = home / "runs" / told["run"]
    folds = pd.read_csv(folder / "folds.csv")
    assert (told["status"], told["folds"], told["select"]) == ("finished", 2, "inner")
    assert told["n"] == len(folds) == sum(member["n"] for member in told["members"])
    assert [member["fold"] for member in told["members"]] == [1, 2]
    for name in ("malignancy_auc", "macro_auc", "balanced_accuracy", "accuracy"):
        entry = told["metrics"][name]
        if name != "balanced_accuracy" or entry["low"] is not None:
            # So small a network may name one class only: its balanced accuracy never varies and has no interval.
            assert entry["low"] <= entry["value"] <= entry["high"]
        values = told["spread"][name]["values"]
        assert values == [member["figures"][name] for member in told["members"]]
        assert told["spread"][name]["mean"] == pytest.approx(sum(values) / 2)
        assert told["spread"][name]["sd"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    # Accuracy is a share of images, so the pooled one is the mean weighted by the folds' images.
    weighted = sum(member["n"] * member["figures"]["accuracy"] for member in told["members"]) / told["n"]
    assert told["metrics"]["accuracy"]["value"] == pytest.approx(weighted)
    assert "malignancy_sensitivity" not in told["metrics"]
    assert any("no choice has seen the pictures" in note for note in told["notes"])


def test_a_finished_run_is_told_again_in_words(crossed_run) -> None:
    home, told = crossed_run
    done = command(home, "cross-validate", "--resume", told["run"])
    assert done.returncode == 0, done.stderr
    assert f"{told['n']} pictures" in done.stdout and "95 % intervals" in done.stdout
    assert "By fold (pictures held, learnt from, epoch kept):" in done.stdout
    assert f"folds {told['spread']['accuracy']['mean']:.3f} ± {told['spread']['accuracy']['sd']:.3f}" in done.stdout
    assert "Subgroups. " in done.stdout and "  sex, female: " in done.stdout
    assert f"Report: {told['report']}" in done.stdout
    listed = command(home, "runs", "--json")
    (entry,) = json.loads(listed.stdout)
    assert (entry["run"], entry["folds"], entry["fold"]) == (told["run"], 2, 2)


def test_subgroups_and_the_report_come_with_it(crossed_run, tmp_path: Path, monkeypatch) -> None:
    home, told = crossed_run
    by_sex = [level for level in told["subgroups"]["levels"] if level["attribute"] == "sex"]
    assert sum(level["n"] for level in by_sex) == told["n"]
    assert any(level["attribute"].startswith("skin tone") for level in told["subgroups"]["levels"])
    monkeypatch.setenv("LESIONLAB_HOME", str(home))
    done = CliRunner().invoke(
        app, ["cross-validate", "--resume", told["run"], "--report", str(tmp_path / "report.html"), "--json"]
    )
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    assert page == Path(told["report"]).read_text() and "All figures are out-of-fold" in page
    again = json.loads(done.stdout)
    assert (again["subgroups"], again["metrics"]) == (told["subgroups"], told["metrics"])
    # The tracking store has it as well.
    from mlflow import MlflowClient

    from skin_core.services import runs
    from skin_core.training.tracking import tracking_uri

    client, tracked = MlflowClient(tracking_uri()), runs.get_run(told["run"]).tracking_id
    assert {"report.html", "figures.csv", "report.json"} <= {entry.path for entry in client.list_artifacts(tracked)}
    logged = client.get_run(tracked).data.metrics
    assert logged["out_of_fold_accuracy"] == told["metrics"]["accuracy"]["value"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("evaluate", "RUN"), 1, "is a cross-validation"),
        (("publish", "RUN", "--name", "x"), 1, "train one run with the same settings and folds=0"),
        (("train", "--resume", "RUN"), 1, "is finished"),
        (("cross-validate", "DATA", "--family", "light_cnn", "--set", "cv_select=last"), 1, "set early_stopping to 0"),
        (("cross-validate", "DATA", "--family", "light_cnn", "--set", "folds=0"), 1, "folds must be at least 2"),
        (("cross-validate", "DATA", "--family", "light_cnn", "--folds", "1"), 2, "--folds"),
        (("cross-validate", "DATA"), 2, "--family"),
        (("cross-validate", "DATA", "--resume", "RUN"), 2, "--resume takes"),
        (("cross-validate", "--resume", "nosuchrun"), 1, "nosuchrun"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    crossed_run, demo_folder: Path, monkeypatch, words, code: int, says: str
) -> None:
    home, told = crossed_run
    monkeypatch.setenv("LESIONLAB_HOME", str(home))
    names = {"RUN": told["run"], "DATA": str(demo_folder)}
    # In this process: each of these ends before anything is loaded or started.
    done = CliRunner().invoke(app, [names.get(word, word) for word in words])
    assert done.exit_code == code, done.stderr
    assert says in done.stderr and done.stdout == "" and "Traceback" not in done.stderr
