"""The rule by which a published bundle decides: chosen by its publisher, fitted on validation, told on the card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from published import workspace_of

from skin_core.errors import ConfigError
from skin_core.evaluation.operating_point import Rule, fit_point
from skin_core.evaluation.scored import UNKNOWN, Scored
from skin_core.screening.predictions import load_predictions
from skin_core.services import publishing, runs
from skin_core.training.folder import RunFolder

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def folder(tiny_bundle: Path, workspace: Path) -> RunFolder:
    """The folder of the tiny bundle's run, in this test's workspace."""
    shutil.copytree(workspace_of(tiny_bundle), workspace)
    return RunFolder.of(runs.list_runs()[0].run_id)


def _validation(folder: RunFolder) -> Scored:
    """What the engine said of validation; kept with the draft."""
    return load_predictions(next((folder.path / "export").glob("*/predictions_validation.npz")))[1]


def _fitted(truth: Scored, rule: Rule):
    known = truth.levels != UNKNOWN
    return fit_point(truth.risk[known], truth.levels[known] > 0, rule)


def test_the_rule_is_fitted_on_validation_and_told(folder: RunFolder) -> None:
    usual = publishing.publish_run(folder.run_id, "usual")
    info = publishing.publish_run(folder.run_id, "youden", rule="youden")
    point = info.operating_point
    assert point.chosen == "the one with the highest sum of sensitivity and specificity"
    assert point.threshold == _fitted(_validation(folder), Rule("youden")).threshold
    # The usual point can still be chosen, and none is told twice.
    told = [other.chosen for other in info.further_points]
    assert usual.operating_point.chosen in told and point.chosen not in told and len(set(told)) == len(told)
    # Figures at the threshold are of this threshold; all others stay as they were recorded.
    for measured, before in ((info.validation, usual.validation), (info.test, usual.test)):
        assert measured.metrics["malignancy_auc"] == before.metrics["malignancy_auc"]
        assert measured.metrics["balanced_accuracy"] == before.metrics["balanced_accuracy"]
        assert (measured.n, measured.intervals, measured.class_rule) == (before.n, before.intervals, "alike")
    assert info.validation.metrics["malignancy_sensitivity"].value == pytest.approx(point.sensitivity)
    assert info.validation.metrics["malignancy_specificity"].value == pytest.approx(point.specificity)
    _, tested = load_predictions(folder.test_predictions)
    caught = (tested.risk >= point.threshold)[tested.levels > 0].mean()
    assert info.test.metrics["malignancy_sensitivity"].value == pytest.approx(caught)
    card = (info.path / "MODEL_CARD.md").read_text()
    assert f"chosen on validation as {point.chosen}" in card and "every class weighs alike" in card


def test_a_clinics_costs_and_prevalence_are_a_rule(folder: RunFolder) -> None:
    info = publishing.publish_run(folder.run_id, "costly", rule="cost=20@0.04")
    chosen = _fitted(_validation(folder), Rule("cost", cost_ratio=20, prevalence=0.04))
    assert info.operating_point.threshold == chosen.threshold
    assert "at a prevalence of 0.04 if a missed lesion costs as much as 20 needless" in info.operating_point.chosen


@pytest.mark.parametrize(
    ("rule", "says"), [("best", "A rule reads youden"), ("sensitivity=95", "at most 1"), ("prevalence=2", "below 1")]
)
def test_what_is_no_rule_publishes_nothing(folder: RunFolder, rule: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        publishing.publish_run(folder.run_id, "none", rule=rule)


def test_test_figures_of_another_engine_are_of_its_own_threshold_or_left_out(folder: RunFolder) -> None:
    # As if the run had been judged with an engine whose draft is gone: its threshold can no longer be known.
    record = json.loads(folder.evaluation.read_text())
    judged = f"{record['model']}-float16"
    folder.evaluation.write_text(json.dumps({**record, "model": judged}))
    info = publishing.publish_run(folder.run_id, "other", rule="specificity=0.8")
    assert "malignancy_sensitivity" not in info.test.metrics and "malignancy_auc" in info.test.metrics
    # With its draft, whose risks are half of the published engine's, the rule gives half of the threshold.
    shutil.copytree(folder.path / "export" / record["model"], folder.path / "export" / judged)
    halved = folder.path / "export" / judged / "predictions_validation.npz"
    for path in (halved, folder.test_predictions):
        with np.load(path) as kept:
            arrays = dict(kept)
        np.savez(path, **{**arrays, "risk": arrays["risk"] / 2})
    found = publishing.publish_run(folder.run_id, "halved", rule="specificity=0.8")
    _, tested = load_predictions(folder.test_predictions)
    caught = (tested.risk >= found.operating_point.threshold / 2)[tested.levels > 0].mean()
    assert found.test.metrics["malignancy_sensitivity"].value == pytest.approx(caught)
