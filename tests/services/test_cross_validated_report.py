"""Subgroups and the report of a cross-validated run, from predictions made by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handmade_folds import IDS, N, keep, scored
from sklearn.metrics import roc_auc_score

from skin_core.errors import RunError
from skin_core.services import recorded, reporting
from skin_core.services.judged import HEADLINES, judged
from skin_core.services.subgroups import SKIN_TONE, figures_told
from skin_core.training.folder import RunFolder

# Lesions in fours: benign and melanoma, of women and of men.
LABELS = np.arange(N) // 2 % 2
FEMALE = np.arange(N) // 4 % 2 == 0
PEOPLE = pd.DataFrame(
    {
        "sex": np.where(FEMALE, "female", "male"),
        "age": np.array([25.0, 40.0, 65.0, 80.0])[np.arange(N) // 8 % 4],
        "site": np.where(np.arange(N) < 24, "lower extremity", "anterior torso"),
    }
)


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    """Women are told apart without a mistake, of men nothing is told: an AUC of 1 and one of a half."""
    risk = np.where(FEMALE, 0.2 + 0.6 * LABELS, 0.5)
    (tmp_path / "our clinic").mkdir()
    return keep(tmp_path / "our clinic", scored(risk, LABELS), people=PEOPLE)


def test_each_level_has_its_images_and_its_auc(run_id: str) -> None:
    assert recorded.recorded_subgroups(run_id, "out_of_fold") is None
    found = recorded.record_subgroups(run_id, split="out_of_fold", skin_tone=False)
    assert recorded.recorded_subgroups(run_id, "out_of_fold") == found
    levels = {(level["attribute"], level["name"]): level for level in found["levels"]}
    female, male = levels["sex", "female"], levels["sex", "male"]
    assert (female["n"], female["n_positive"], male["n"], male["n_positive"]) == (100, 50, 100, 50)
    assert (female["figures"]["auc"]["value"], male["figures"]["auc"]["value"]) == (1, 0.5)
    assert {name for attribute, name in levels if attribute == "age"} == {
        "under 30",
        "30 to 49",
        "50 to 69",
        "70 and over",
    }
    young = (PEOPLE["age"] == 25).to_numpy()
    ids, truth = judged_predictions(run_id)
    assert ids.tolist() == IDS.tolist()
    expected = roc_auc_score(LABELS[young], truth.risk[young])
    assert levels["age", "under 30"]["figures"]["auc"]["value"] == pytest.approx(expected)
    site = levels["site", "lower extremity"]
    assert (site["n"], site["n_positive"], site["too_small"]) == (24, 12, False)


def judged_predictions(run_id: str):
    from skin_core.services.judged import predictions_of

    return predictions_of(run_id, "out_of_fold")


def test_the_largest_gap_is_named_and_no_threshold_is_invented(run_id: str) -> None:
    found = recorded.record_subgroups(run_id, split="out_of_fold", skin_tone=False)
    gap = found["gap"]
    assert (gap["attribute"], gap["figure"], gap["best"], gap["worst"], gap["difference"]) == (
        "sex",
        "auc",
        "female",
        "male",
        0.5,
    )
    # No resample can change either figure, so its spread is not known.
    assert found["sentence"].startswith("Largest gap: AUC by sex, female above male by 0.500 (interval not known).")
    assert figures_told(found) == ("auc",)
    assert any("The networks share no threshold" in note for note in found["notes"])


def test_what_was_not_looked_at_is_told(run_id: str) -> None:
    without = recorded.record_subgroups(run_id, split="out_of_fold", skin_tone=False)
    assert not without["skin_tone"] and "Skin tone was not estimated." in without["notes"]
    # The pictures are gone: nothing of their skin is known, and that is said.
    with_it = recorded.record_subgroups(run_id, split="out_of_fold", skin_tone=True)
    assert with_it["skin_tone"] and any(f"{N} pictures show too little" in note for note in with_it["notes"])
    assert not any(level["attribute"] == SKIN_TONE for level in with_it["levels"])


def test_the_report_says_whose_figures_it_holds(run_id: str, tmp_path: Path) -> None:
    assert recorded.report_files(run_id, "out_of_fold") == ()
    reporting.copy_report(run_id, tmp_path / "copy.html", split="out_of_fold")
    page, table, document = (path.read_text() for path in recorded.report_files(run_id, "out_of_fold"))
    assert (tmp_path / "copy.html").read_text() == page
    assert "All figures are out-of-fold" in page and "The locked test split was not touched" in page
    assert "Evaluation of" not in page and "200 images of training and validation, 100 lesions, dealt whole" in page
    assert "at the threshold" not in page and "Thresholds" not in page and "Sensitivity</th>" not in subgroups_of(page)
    # No place of this machine and no picture's name.
    assert str(tmp_path) not in page + document and not any(name in page for name in IDS)
    assert "our clinic" in page and "own.weights.h5" in page and "others" in page
    found, told = judged(run_id, "out_of_fold"), json.loads(document)
    rows = {cells["name"]: cells for cells in csv.DictReader(io.StringIO(table)) if not cells["class"]}
    for name in HEADLINES:
        row = found.row(name)
        if row is not None:
            assert row.figure.in_words() in page
            assert float(rows[name]["value"]) == row.figure.value and int(rows[name]["n"]) == row.n
            assert next(entry for entry in told["evaluation"]["rows"] if entry["name"] == name)["n"] == row.n
    assert told["subgroups"]["gap"]["difference"] == 0.5 and told["heat_maps"] is None


def subgroups_of(page: str) -> str:
    return page[page.index("<h2>Subgroups</h2>") : page.index("<h2>How the run was made</h2>")]


def test_the_report_tells_the_folds(run_id: str) -> None:
    page = Path(reporting.write_report(run_id, split="out_of_fold")).read_text()
    folds = page[page.index("<h2>Fold by fold</h2>") : page.index("<h2>Malignant or premalignant</h2>")]
    # 0.8, 0.9 and 0.7, and a fold in which it is undefined: mean 0.8, deviations 0, 0.1 and -0.1 over n - 1 = 2.
    assert "0.800 ± 0.100" in folds and "0.700 to 0.900" in folds and folds.count("undefined") > 1
    assert 'aria-label="Figures over the folds' in folds
    document = json.loads((RunFolder.of(run_id).artifacts / "report.json").read_text())["cross_validation"]
    assert (document["folds"], document["select"]) == (4, "inner")
    assert document["spread"]["macro_auc"]["mean"] == pytest.approx(0.8)
    assert [member["figures"]["macro_auc"] for member in document["members"]] == [0.8, 0.9, None, 0.7]


def test_classes_without_malignancy_have_a_report_without_subgroups(tmp_path: Path) -> None:
    truth = replace(scored(np.full(N, 0.5), LABELS), risk=None, levels=np.full(N, -1))
    run_id = keep(tmp_path, truth)
    page = Path(reporting.write_report(run_id, split="out_of_fold")).read_text()
    assert "Subgroups" not in page and "Fold by fold" in page
    with pytest.raises(RunError, match="know no malignancy"):
        recorded.record_subgroups(run_id, split="out_of_fold")


def test_a_run_whose_folds_are_not_done_has_no_report(run_id: str) -> None:
    folder = RunFolder.of(run_id)
    folder.cross_validation.unlink()
    folder.out_of_fold.unlink()
    for work in (reporting.write_report, recorded.record_subgroups):
        with pytest.raises(RunError, match="when its last fold is done"):
            work(run_id, split="out_of_fold")
