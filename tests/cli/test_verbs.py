"""The command line as whole processes: what a script would see on standard output, on standard error and as exit code."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from published import DATA, NAME, N, report_of, told_of, workspace_of

ROOT = Path(__file__).resolve().parent.parent.parent
VERBS = [
    "demo-data",
    "audit",
    "recipes",
    "train",
    "cross-validate",
    "search",
    "runs",
    "evaluate",
    "publish",
    "screen",
    "predict",
    "evaluate-bundle",
    "ensemble",
    "evaluate-ensemble",
]


def call(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LESIONLAB_HOME": str(home), "LESIONLAB_MODELS": str(home / "models")}
    return subprocess.run(
        [sys.executable, "-m", "skin_core", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def document(*arguments: str, home: Path):
    """Runs a verb with --json and returns the one document on standard output."""
    result = call(*arguments, "--json", home=home)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_bundle: Path) -> Path:
    """A copy of the workspace in which the command line trained, evaluated and published (see `published`)."""
    place = tmp_path_factory.mktemp("cli") / "home"
    shutil.copytree(workspace_of(tiny_bundle), place)
    shutil.copytree(tiny_bundle, place / "models" / NAME)
    return place


@pytest.fixture(scope="module")
def demo(tiny_bundle: Path) -> Path:
    return tiny_bundle.parent.parent / DATA


@pytest.fixture(scope="module")
def told(tiny_bundle: Path) -> dict[str, dict]:
    return told_of(tiny_bundle)


@pytest.fixture(scope="module")
def run(told: dict[str, dict]) -> dict:
    return told["train"]


@pytest.fixture(scope="module")
def bundle(home: Path, told: dict[str, dict]) -> str:
    return told["publish"]["name"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, home: Path) -> None:
    result = call(verb, "--help", home=home)
    assert result.returncode == 0
    assert "--json" in result.stdout


def test_wrong_usage_is_exit_code_2(home: Path) -> None:
    assert call("no-such-verb", home=home).returncode == 2
    assert call("audit", home=home).returncode == 2
    assert call("train", "somewhere", home=home).returncode == 2
    both = call("train", "somewhere", "--family", "light_cnn", "--recipe", "light_cnn", home=home)
    assert both.returncode == 2 and "leave --family out" in both.stderr
    other = call("train", "somewhere", "--recipe", "light_cnn", "--set", "family=isic_cnn", home=home)
    assert other.returncode == 2
    assert call("search", "somewhere", home=home).returncode == 2
    assert call("search", "--resume", home=home).returncode == 2
    assert call("search", "somewhere", "--resume", "--study", "x", home=home).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("audit", "/no/such/folder"), "/no/such/folder"),
        (("train", "/no/such/folder", "--family", "light_cnn"), "/no/such/folder"),
        (("train", "/", "--family", "no_such_family"), "no_such_family"),
        (("train", "/", "--family", "light_cnn", "--set", "epochs.x=1"), "'epochs' has no parts"),
        (("train", "/", "--recipe", "cake"), "There is no recipe 'cake'; there are isic_nine, light_cnn, "),
        (("search", "/", "--family", "light_cnn", "--space", "seed=1,2"), "'seed' cannot be searched"),
        (("search", "/", "--family", "light_residual", "--set", "folds=5"), "set folds to 0"),
        (("search", "--resume", "--study", "nosuchsearch"), "nosuchsearch"),
        (("evaluate", "nosuchrun"), "nosuchrun"),
        (("publish", "nosuchrun", "--name", "x"), "nosuchrun"),
        (("screen", "no-such-bundle", "a.jpg"), "no-such-bundle"),
        (("predict", "no-such-bundle", "/", "--out", "/tmp/x.csv"), "no-such-bundle"),
        (("ensemble", "no-such-bundle", "starter", "--name", "x"), "no-such-bundle"),
        (("evaluate-ensemble", "no-such-bundle"), "no-such-bundle"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_1(arguments, says: str, home: Path) -> None:
    result = call(*arguments, home=home)
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    sentence = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(sentence) == 1 and says in sentence[0] and sentence[0].endswith(".")


def test_audit_names_its_findings_by_the_path_below_the_root(home: Path) -> None:
    out = home / "faulty"
    document(
        "demo-data", "--layout", "folder", "--out", out, "--n", "60", "--conflicts", "2", "--broken", "1", home=home
    )
    findings = document("audit", out, home=home)
    keys = ["source", "n_images", "classes", "unreadable", "identical", "near_duplicates", "across"]
    assert {*keys, "label_conflicts", "split_leaks", "missing"} <= set(findings)
    assert len(findings["label_conflicts"]) == 2
    assert len(findings["unreadable"]) == 1
    for group in findings["label_conflicts"]:
        assert all((out / name).is_file() for name in group)


def test_train_prints_the_run_and_runs_lists_it(home: Path, run: dict) -> None:
    assert run["status"] == "finished"
    assert run["epoch"] == run["epochs"] == 2
    assert (run["family"], run["tags"]) == ("light_cnn", {"recipe": "light_cnn"})
    listed = document("runs", home=home)
    assert [item["run"] for item in listed if item["run"] == run["run"]] == [run["run"]]


def test_recipes_are_listed_with_time_and_figure(home: Path) -> None:
    listed = document("recipes", home=home)
    (published,) = [one for one in listed if one["name"] == "published_light_cnn"]
    assert published["command"] == "python -m skin_core train DATA --recipe published_light_cnn"
    assert published["settings"]["monitor"] == "val_accuracy"
    assert published["takes"] and "0.143" in published["expect"]
    told = call("recipes", home=home).stdout
    for one in listed:
        for line in (f"{one['name']}: {one['title']}", f"  Time: {one['takes']}", f"  Figure: {one['expect']}"):
            assert line in told.splitlines()


def test_demo_data_draws_as_many_as_asked(demo: Path) -> None:
    assert len(list(demo.rglob("*.jpg"))) == N


def test_evaluate_reports_intervals_or_null(told: dict[str, dict], tiny_bundle: Path) -> None:
    result = told["evaluate"]
    assert "<svg" in report_of(tiny_bundle).read_text()
    assert result["n"] > 0 and result["count"] == 1
    for name in ("balanced_accuracy", "malignancy_auc", "accuracy", "ece"):
        entry = result["metrics"][name]
        assert set(entry) >= {"value", "low", "high"}
        if entry["value"] is not None and entry["low"] is not None:
            assert entry["low"] <= entry["value"] <= entry["high"]


def test_publish_names_the_bundle_and_its_threshold(told: dict[str, dict], tiny_bundle: Path) -> None:
    document = told["publish"]
    assert (document["name"], document["path"]) == (NAME, str(tiny_bundle))
    assert document["engine"]["kind"] == "float32"
    assert document["operating_point"]["chosen"].startswith("the highest with a sensitivity")


def test_screen_goes_on_after_a_bad_file(home: Path, bundle: str, demo: Path) -> None:
    good = next(demo.rglob("*.jpg"))
    bad = home / "notes.jpg"
    bad.write_text("this is text")
    maps = home / "maps"
    first, second, third = document("screen", bundle, bad, home / "absent.png", good, "--heatmaps", maps, home=home)
    assert first["file"] == str(bad) and first["error"].endswith(".")
    assert "absent.png" in second["error"]
    assert sum(third["classes"].values()) == pytest.approx(1, abs=1e-4)
    assert third["malignancy"] is None or 0 <= third["malignancy"] <= 1
    assert third["decision"]
    assert any("synthetic" in warning.lower() for warning in third["warnings"])
    if "heatmap" in third:
        with Image.open(third["heatmap"]) as overlay, Image.open(good) as original:
            assert overlay.size == original.size
        assert good.stem not in Path(third["heatmap"]).name


def test_screen_fails_only_if_no_file_could_be_screened(home: Path, bundle: str, demo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "notes.jpg"
    bad.write_text("this is text")
    result = call("screen", bundle, bad, tmp_path / "absent.png", "--json", home=home)
    assert result.returncode == 1
    assert [set(entry) for entry in json.loads(result.stdout)] == [{"file", "error"}] * 2
    assert "Error: None of the 2 files could be screened" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--age", "-3"), "Age must be between 0 and 120 years; got -3."),
        (("--age", "400"), "Age must be between 0 and 120 years; got 400."),
        (("--sex", "x"), "Sex must be female or male, or left out; got 'x'."),
        (("--site", "mars"), "got 'mars'."),
    ],
)
def test_screen_says_what_is_known_of_a_person(home: Path, bundle: str, demo: Path, option, says: str) -> None:
    result = call("screen", bundle, next(demo.rglob("*.jpg")), *option, home=home)
    assert result.returncode == 1
    assert says in result.stderr and "Traceback" not in result.stderr


def test_screen_tells_what_the_model_does_not_look_at(home: Path, bundle: str, demo: Path) -> None:
    (result,) = document("screen", bundle, next(demo.rglob("*.jpg")), "--age", "50", "--site", "Back", home=home)
    assert "This model does not look at age, site; what was given made no difference." in result["warnings"]


def test_screen_without_a_place_for_heat_maps_still_answers(
    home: Path, bundle: str, demo: Path, tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    pictures = sorted(demo.rglob("*.jpg"))[:20]
    results = document("screen", bundle, *pictures, "--heatmaps", occupied / "maps", home=home)
    judged = [result for result in results if result["classes"]]
    assert judged and all("The heat map is missing: " in result["warnings"][-1] for result in judged)


def test_screen_names_bytes_that_are_no_text_and_waits_for_no_pipe(
    home: Path, bundle: str, demo: Path, tmp_path: Path
) -> None:
    picture = os.path.join(os.fsencode(tmp_path), b"caf\xe9.jpg")
    shutil.copy(os.fsencode(next(demo.rglob("*.jpg"))), picture)
    os.mkfifo(tmp_path / "pipe.jpg")
    named, pipe = document("screen", bundle, os.fsdecode(picture), str(tmp_path / "pipe.jpg"), home=home)
    assert named["file"] == f"{tmp_path}/caf\ufffde9.jpg" and "error" not in named
    assert "no ordinary file" in pipe["error"]


def test_predict_writes_a_row_for_each_image(home: Path, bundle: str, demo: Path) -> None:
    out = home / "predictions.csv"
    result = document("predict", bundle, demo, "--out", out, home=home)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result["n"] == N
    assert {row["image_id"] for row in rows} == {path.stem for path in demo.rglob("*.jpg")}


def test_predict_writes_the_competition_form(home: Path, bundle: str) -> None:
    out = home / "isic2024"
    document("demo-data", "--layout", "isic2024", "--out", out, "--n", "40", home=home)
    result = document("predict", bundle, out / "test-metadata.csv", "--out", home / "p.csv", home=home)
    with Path(result["submission"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["isic_id", "target"]
    assert len(rows) == result["n"]
    assert all(0 <= float(row["target"]) <= 1 for row in rows)


def test_evaluate_bundle_leaves_out_what_it_was_trained_on(home: Path, bundle: str, demo: Path) -> None:
    result = document("evaluate-bundle", bundle, demo, home=home)
    assert 0 < result["n"] < N
    assert result["blind"] is True and result["mapping"]["mel"] == "mel"
    assert {"value", "low", "high"} == set(result["metrics"]["balanced_accuracy"])


def test_evaluate_bundle_maps_classes_by_hand_and_writes_a_report(home: Path, bundle: str, tmp_path: Path) -> None:
    document("demo-data", "--layout", "folder", "--out", tmp_path / "own", "--n", "40", "--seed", "8", home=home)
    report = tmp_path / "report.html"
    maps = ("--map", "malignant=mel", "--map", "benign=none")
    result = document("evaluate-bundle", bundle, tmp_path / "own", *maps, "--report", report, home=home)
    assert result["n"] == 40 and result["mapping"] == {"benign": None, "malignant": "mel"}
    assert "How the classes met" in report.read_text()
    for pair, says in (("malignant", "their class=our class"), ("malignant=melanoom", "no class 'melanoom'")):
        refused = call("evaluate-bundle", bundle, tmp_path / "own", "--map", pair, home=home)
        assert refused.returncode == 1 and says in refused.stderr and "Traceback" not in refused.stderr


def test_evaluate_bundle_tells_that_it_is_not_blind(home: Path, bundle: str, demo: Path) -> None:
    told = call("evaluate-bundle", bundle, demo, "--keep-seen", home=home)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"{N} images, not blind") and "Note: Not blind: " in told.stdout


def test_publish_takes_the_rule_of_the_threshold(home: Path, run: dict, bundle: str) -> None:
    result = document("publish", run["run"], "--name", "by-rule", "--rule", "specificity=0.8", home=home)
    assert result["operating_point"]["chosen"] == "the lowest with a specificity of at least 0.8"
    refused = call("publish", run["run"], "--name", "other", "--rule", "best", home=home)
    assert refused.returncode == 1 and "A rule reads youden, sensitivity=0.95" in refused.stderr
