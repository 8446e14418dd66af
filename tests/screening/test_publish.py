"""From a real small run to a bundle: evaluated once, published, judged on a set, predicting a set, explained."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from skin_core.errors import BundleError, RunError
from skin_core.explain.deeper import METHODS, SIGNED
from skin_core.imaging.decode import decode, fit
from skin_core.overrides import apply_overrides
from skin_core.services import external, publishing, screening


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("publish")


@pytest.fixture(autouse=True)
def one_workspace(workspace: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests build on one another's results."""
    monkeypatch.setenv("LESIONLAB_HOME", str(home / "workspace"))
    monkeypatch.setenv("LESIONLAB_MODELS", str(home / "models"))


@pytest.fixture(scope="module")
def data(home: Path) -> Path:
    from skin_core.data.demo import write_demo

    return write_demo(home / "data", layout="ham10000", n=110, seed=5)


@pytest.fixture
def run_id(home: Path, data: Path) -> str:
    """One run of two epochs, in white light, trained at the first call."""
    known = home / "run"
    if known.exists():
        return known.read_text()
    from skin_core.config import RunConfig
    from skin_core.models.registry import default_config
    from skin_core.services import runs

    base = default_config("light_cnn", str(data)).model_dump()
    settings = ["epochs=2", "image_size=48", "batch_size=16", "early_stopping=0", "monitor=val_loss"]
    settings.append("color_constancy=shades_of_grey")
    run = runs.create_run(RunConfig.parse(apply_overrides(base, settings)))
    view = runs.run_in_foreground(run)
    assert view.status == "finished", view.error
    known.write_text(run)
    return run


def test_the_test_split_is_read_once_and_recorded(run_id: str, home: Path) -> None:
    first = publishing.evaluate_run(run_id)
    assert first["n"] > 5 and first["count"] == 1 and first["fingerprint"]
    assert np.sum(first["confusion"]) == first["n"]
    for name in ("balanced_accuracy", "accuracy", "malignancy_auc", "melanoma_auc", "ece"):
        assert set(first["metrics"][name]) == {"value", "low", "high"}
    maps = first["heat_maps"]
    assert maps["sentence"].startswith(f"On {maps['n']} validation pictures, hiding what the map marks")
    assert maps["n"] > 5 and 0 <= maps["figures"]["deletion_map"]["value"] <= 1
    assert -1 <= maps["agreement"]["value"] <= 1 and 0 < maps["n_agreement"] <= maps["n"]
    record = home / "workspace" / "runs" / run_id / "evaluation.json"
    assert json.loads(record.read_text()) == first
    assert publishing.evaluate_run(run_id) == first


def test_publish_writes_a_bundle_that_screens(run_id: str, home: Path, data: Path) -> None:
    info = publishing.publish_run(run_id, "fresh")
    assert info.path == home / "models" / "fresh" and screening.is_trusted(info)
    # "served": what screening says of validation pictures from their files against what the run said, light and all.
    assert info.parity["probabilities"] < 1e-3 and info.parity["maps"] < 1e-3 and info.parity["served"] < 1e-4
    assert info.color_constancy == "shades_of_grey" and info.schema_version == 4
    assert info.synthetic and info.validation.n > 5
    assert info.test is not None and info.test.split == "test"
    assert info.endpoint == ("akiec", "bcc", "mel")
    assert info.unseen == ("Squamous cell carcinoma",)
    assert info.operating_point.sensitivity >= 0.95
    card = (info.path / "MODEL_CARD.md").read_text()
    assert "color constancy: shades of grey" in card
    assert "not a medical device" in card and "locked test split" in card
    # What was measured of the maps at the evaluation goes with the bundle.
    recorded = publishing.evaluate_run(run_id)["heat_maps"]
    assert info.map_check.model_dump() == {name: value for name, value in recorded.items() if name != "sentence"}
    assert info.map_check.sentence() == recorded["sentence"] in card
    names = {path.name for path in info.path.iterdir()}
    assert names == {"screen.tflite", "model.keras", "gate.npz", "signatures.npz", "MODEL_CARD.md", "bundle.json"}
    everything = b"".join(path.read_bytes() for path in info.path.iterdir())
    picture = next(iter(sorted(data.rglob("*.jpg"))))
    assert picture.stem.encode() not in everything and str(home).encode() not in everything
    prediction = screening.screen_image(screening.load_bundle("fresh"), picture.read_bytes())
    assert prediction.decision in ("refer", "no referral", "refused")
    from skin_core.services.runs import get_run

    assert get_run(run_id).bundles == ("fresh",)


def test_the_network_sees_white_light_and_the_reader_the_picture_as_it_is(run_id: str, data: Path, home: Path) -> None:
    bundle = screening.load_bundle("fresh")
    told = {row["image_id"]: row for row in _predicted(bundle.info.name, data, home)}
    differences = []
    for picture in sorted(data.rglob("*.jpg"))[:4]:
        pixels = decode(picture.read_bytes())
        squares = [fit(pixels, 48, bundle.info.crop, how) for how in ("shades_of_grey", "none")]
        white, plain = (bundle.malignancy(bundle.engine.run(square[np.newaxis]).logits)[0] for square in squares)
        prediction = screening.screen_image(bundle, picture.read_bytes())
        np.testing.assert_array_equal(prediction.pixels, pixels)
        if prediction.in_distribution:
            assert prediction.malignancy == pytest.approx(white, abs=1e-6)
            assert float(told[picture.stem]["malignancy"]) == pytest.approx(white, abs=1e-5)
            differences.append(abs(white - plain))
    # Without it the network would have said something else.
    assert max(differences) > 1e-4


def _predicted(name: str, data: Path, home: Path) -> list[dict[str, str]]:
    out = home / "white.csv"
    publishing.predict_set(name, data, out)
    with out.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_what_cannot_be_published_is_told(run_id: str) -> None:
    with pytest.raises(BundleError, match="already a bundle 'fresh'"):
        publishing.publish_run(run_id, "fresh")
    for name in ("", "Bad Name", "../up", "ä"):
        with pytest.raises(BundleError, match="lower-case letters"):
            publishing.publish_run(run_id, name)
    with pytest.raises(RunError, match="no run 'nosuch'"):
        publishing.publish_run("nosuch", "x")
    with pytest.raises(RunError, match="no run 'nosuch'"):
        publishing.evaluate_run("nosuch")


def test_overwrite_replaces(run_id: str) -> None:
    before = screening.load_bundle("fresh").info.created
    after = publishing.publish_run(run_id, "fresh", overwrite=True, engine="float16")
    assert after.created >= before
    assert screening.load_bundle("fresh").info.parity["probabilities"] < 1e-3


def test_a_smaller_engine_tells_what_it_costs(run_id: str) -> None:
    with pytest.raises(RunError, match=r"with --prune 0\.3"):
        publishing.publish_run(run_id, "small", engine="dynamic", prune=0.3)
    info = publishing.publish_run(run_id, "small", engine="dynamic", prune=0.3, without_test=True)
    record = info.engine
    assert (record.kind, record.pruned, info.precision) == ("dynamic", 0.3, "dynamic")
    assert record.size == (info.path / "screen.tflite").stat().st_size < record.full_size
    assert set(record.loss) == {"balanced_accuracy", "malignancy_auc"}
    assert info.parity["probabilities"] <= record.tolerance["probabilities"]
    card = (info.path / "MODEL_CARD.md").read_text()
    assert "Engine: dynamic" in card and "Lost on validation against float32" in card
    assert not (info.path / "full.tflite").exists()
    with pytest.raises(BundleError, match="no engine 'int4'"):
        publishing.publish_run(run_id, "smaller", engine="int4")


def test_a_run_without_a_model_is_not_evaluated(run_id: str, data: Path) -> None:
    from skin_core.models.registry import default_config
    from skin_core.services import runs

    empty = runs.create_run(default_config("light_cnn", str(data)))
    with pytest.raises(RunError):
        publishing.evaluate_run(empty)
    with pytest.raises(RunError, match="cannot be published"):
        publishing.publish_run(empty, "empty")


def test_a_bundle_is_judged_without_its_own_pictures(run_id: str, data: Path, home: Path) -> None:
    import pandas as pd

    found = external.evaluate_bundle("fresh", data)
    split = pd.read_csv(home / "workspace" / "runs" / run_id / "split.csv")
    assert found["n"] == (split["split"] == "test").sum()
    assert found["n"] + found["left_out"] == 110
    assert found["unmapped"] == []


def test_foreign_classes_count_for_the_malignancy(run_id: str, demo_folder: Path) -> None:
    found = external.evaluate_bundle("fresh", demo_folder)
    assert found["unmapped"] == ["benign", "malignant"]
    assert found["metrics"]["balanced_accuracy"]["value"] is None
    assert found["metrics"]["malignancy_auc"]["value"] is not None
    assert found["metrics"]["melanoma_auc"]["value"] is None


def test_predict_writes_one_row_an_image(run_id: str, demo_faulty: Path, home: Path) -> None:
    out = home / "predictions.csv"
    result = publishing.predict_set("fresh", demo_faulty, out)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result["n"]
    assert result["unreadable"] == sum(row["error"] != "" for row in rows) == 3
    assert result["refused"] == sum(row["decision"] == "refused" for row in rows)
    for row in rows:
        given = [float(value) for name, value in row.items() if name.startswith("p_") and value]
        assert (row["decision"] in ("refer", "no referral")) == bool(given)
        assert not given or sum(given) == pytest.approx(1, abs=1e-4)
    assert result["submission"] is None


def test_a_name_that_a_spreadsheet_would_run_is_made_text(run_id: str, lesions, tmp_path: Path) -> None:
    names = ["=1+1.jpg", "+2.jpg", "-3.jpg", "@SUM(A1).jpg", "plain.jpg"]
    for name in names:
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"" if name == "+2.jpg" else lesions[0])
    result = publishing.predict_set("fresh", tmp_path / "set", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["image_id"] for row in rows} == {"'=1+1.jpg", "'+2.jpg", "'-3.jpg", "'@SUM(A1).jpg", "plain.jpg"}
    assert [row["error"][:1] for row in rows if row["error"]] == ["'"]
    assert (
        "4 names that a spreadsheet would take for a formula stand in out.csv with ' in front of them."
        in result["notes"]
    )


def test_predict_fills_the_competition_form(run_id: str, demo_isic2024: Path, home: Path) -> None:
    result = publishing.predict_set("fresh", demo_isic2024 / "test-metadata.csv", home / "p" / "p.csv")
    with Path(result["submission"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["isic_id", "target"] and len(rows) == result["n"] == 6
    assert all(0 <= float(row["target"]) <= 1 for row in rows)


@pytest.mark.parametrize("method", METHODS)
def test_each_deeper_map_fits_its_picture(run_id: str, data: Path, method: str) -> None:
    bundle = screening.load_bundle("fresh")
    for picture in sorted(data.rglob("*.jpg")):
        prediction = screening.screen_image(bundle, picture.read_bytes())
        if prediction.in_distribution:
            break
    assert screening.explains_at_once(bundle, method) == (method != "smoothgrad")
    heat = screening.deeper_explanation(bundle, prediction, method, "mel")
    assert heat.shape == prediction.pixels.shape[:2]
    assert np.nanmin(heat) >= (-1 if method in SIGNED else 0) and np.nanmax(np.abs(heat)) == pytest.approx(1, abs=0.05)


def test_the_evaluation_says_how_it_was_made_and_keeps_its_predictions(run_id: str, home: Path) -> None:
    from skin_core.screening.predictions import load_predictions
    from skin_core.services.comparison import compare_runs

    found = publishing.evaluate_run(run_id)
    assert found["groups"]["word"] == "lesions" and "lesions anew 2,000 times" in found["intervals"]
    assert found["risk_calibration"] in ("logistic", "temperature", "isotonic")
    assert found["operating_point"]["chosen"].startswith("the highest with a sensitivity")
    ids, kept = load_predictions(home / "workspace" / "runs" / run_id / "predictions_test.npz")
    assert len(ids) == found["n"] and kept.confusion().tolist() == found["confusion"]
    info = publishing.publish_run(run_id, "own-risk")
    assert info.prevalence == pytest.approx(info.risk_calibration.n_positive / info.risk_calibration.n)
    assert {point.chosen.split(" with ")[0] for point in info.further_points} >= {"the highest", "the lowest"}
    same = compare_runs(run_id, run_id, resamples=50)
    assert same["n"] == found["n"] and same["differences"]["accuracy"]["p"] == 1


def test_subgroups_come_from_what_the_evaluation_kept(run_id: str) -> None:
    from skin_core.services.subgroups import SKIN_TONE, subgroups_of_run

    found = subgroups_of_run(run_id, resamples=20)
    by_attribute = {level["attribute"] for level in found["levels"]}
    assert {"sex", "age", "site", SKIN_TONE} <= by_attribute
    for attribute in by_attribute:
        assert sum(level["n"] for level in found["levels"] if level["attribute"] == attribute) == found["n"]
    # A test split of some 15 pictures: every level is too small, and that is said.
    assert all(level["too_small"] for level in found["levels"]) and found["gap"] is None
    assert "Too small to say anything" in found["notes"][-1] and "estimated" in found["notes"][0]
