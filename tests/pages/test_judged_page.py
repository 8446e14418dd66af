"""The Runs page on a run that was really evaluated, and on a second one to compare it with."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from published import workspace_of

from skin_core.screening.bundle import read_info
from skin_core.services import background, judged, runs
from skin_core.services.referral import referral_of_run

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def evaluated(tiny_bundle: Path, tmp_path_factory) -> tuple[Path, str, str]:
    """A copy of the workspace of the tiny bundle, its run's id, and that of a copy of the run under another id."""
    home = tmp_path_factory.mktemp("judged") / "home"
    shutil.copytree(workspace_of(tiny_bundle), home)
    first = next(path.name for path in sorted((home / "runs").iterdir()) if not path.name.startswith("."))
    second = f"{first}-again"
    shutil.copytree(home / "runs" / first, home / "runs" / second)
    return home, first, second


@pytest.fixture(autouse=True)
def _there(evaluated, tiny_bundle: Path, monkeypatch) -> None:
    monkeypatch.setenv("LESIONLAB_HOME", str(evaluated[0]))
    monkeypatch.setenv("LESIONLAB_MODELS", os.fspath(tiny_bundle.parent))


def _part(open_page, run_id: str, part: str, split: str = "test"):
    app = open_page("pages/4_Runs.py", run=run_id)
    app.session_state[f"judged_part_{split}"] = part
    app.run()
    assert not app.exception and not app.error
    return app


def _says(app) -> str:
    return "\n".join(element.value for element in [*app.caption, *app.markdown, *app.info])


def test_headlines_with_intervals_and_how_often_the_split_was_read(open_page, evaluated) -> None:
    app = open_page("pages/4_Runs.py", run=evaluated[1])
    assert not app.exception and not app.error
    found = judged.judged(evaluated[1])
    table = app.table[0].value
    assert table["Figure"].tolist() == [found.row(name).title for name in judged.HEADLINES]
    assert table["Figure"].iloc[0].startswith("AUC, melanoma") and table["Figure"].iloc[-1] == "Accuracy"
    words = dict(zip(table["Figure"], table["In words"], strict=True))
    assert words["Specificity at the threshold"].endswith("of the benign are not referred")
    assert "always naming the largest class gives" in words["Accuracy"]
    assert table["n"].tolist() == [found.row(name).n for name in judged.HEADLINES]
    assert "was read once" in _says(app) and found.intervals in _says(app)


def test_the_clinic_tells_the_intervals_of_the_figures(evaluated) -> None:
    run_id = evaluated[1]
    found = judged.judged(run_id, "test")
    at = referral_of_run(run_id, "test", found.points[0].threshold, 0.1)
    assert at.sensitivity == found.row("malignancy_sensitivity").figure
    assert at.specificity == found.row("malignancy_specificity").figure


def test_the_clinics_prevalence_changes_what_a_decision_means(open_page, evaluated) -> None:
    run_id = evaluated[1]
    app = _part(open_page, run_id, "In your clinic")
    app.number_input(key=f"clinic_prevalence_{run_id}").set_value(2.0).run()
    assert not app.exception and not app.error
    assert "Of **1,000 lesions** like these, **20** would be malignant or premalignant" in _says(app)
    assert "is a risk of" in _says(app) and "at 2.0 in 100" in _says(app)
    few = _figure(app, "Positive predictive value")
    app.number_input(key=f"clinic_prevalence_{run_id}").set_value(50.0).run()
    assert _figure(app, "Positive predictive value") > few
    same = _figure(app, "Sensitivity")
    app.selectbox(key=f"clinic_point_{run_id}").set_value(2).run()
    assert not app.exception and _figure(app, "Specificity") >= 0.5 and _figure(app, "Sensitivity") <= same
    app.selectbox(key=f"clinic_point_{run_id}").set_value("By what a missed lesion costs").run()
    assert not app.exception and "the cheapest at a prevalence of 0.5" in _says(app)


def _figure(app, name: str) -> float:
    table = next(table.value for table in app.dataframe if "Of" in table.value and "Figure" in table.value)
    return float(table.set_index("Figure").loc[name, "Value (95 % interval)"].split()[0])


def test_curves_of_each_question(open_page, evaluated) -> None:
    app = _part(open_page, evaluated[1], "Curves")
    assert {
        "judged_roc",
        "judged_precision_recall",
        "judged_reliability",
        "judged_scores",
        "judged_decision",
    } <= _charts(app)
    app.selectbox(key="judged_endpoint_test").set_value("class:nv").run()
    assert not app.exception and "judged_decision" not in _charts(app)


def _charts(app) -> set[str]:
    return {chart.proto.id.rsplit("-", 1)[-1] for chart in app.get("plotly_chart")}


def test_the_images_of_a_cell(open_page, evaluated) -> None:
    app = _part(open_page, evaluated[1], "Mistakes")
    box = app.selectbox(key="judged_cell")
    for option in box.options:
        assert option.endswith(")")
    cell = next(key for key in _cells(app) if key.startswith("cell"))
    app.selectbox(key="judged_cell").set_value(cell).run()
    assert not app.exception
    assert "most confident" in _says(app)


def test_the_matrix_weighs_classes_alike_unless_the_likeliest_is_wanted(open_page, evaluated) -> None:
    from skin_core.services.judged_curves import cases_of

    found = judged.judged(evaluated[1])
    app = _part(open_page, evaluated[1], "Mistakes")
    assert "so that every class weighs alike" in _says(app)
    assert f"Accuracy, of the likeliest class: {found.row('accuracy').figure.in_words()}." in _says(app)
    app.session_state["judged_rule_test"] = "likeliest"
    app.run()
    assert not app.exception and "Each picture is given its likeliest class." in _says(app)
    alike, likeliest = (cases_of(evaluated[1], "test", rule) for rule in ("alike", "likeliest"))
    for cases, name in ((alike, "balanced_accuracy"), (likeliest, "balanced_accuracy_likeliest")):
        present = cases.counts.sum(axis=1) > 0
        recalls = np.diag(cases.counts)[present] / cases.counts.sum(axis=1)[present]
        assert recalls.mean() == pytest.approx(found.row(name).figure.value)


def test_the_rule_of_the_threshold_is_shown_before_it_is_published(
    open_page, evaluated, monkeypatch, tmp_path: Path
) -> None:
    from skin_core.services.referral import point_by_rule

    # The tiny bundle's own folder is shared by all tests.
    monkeypatch.setenv("LESIONLAB_MODELS", str(tmp_path / "models"))

    run_id = evaluated[1]
    app = open_page("pages/4_Runs.py", run=run_id)
    assert "a threshold of" in _says(app) and "the highest with a sensitivity of at least 0.95" in _says(app)
    app.selectbox(key=f"rule_{run_id}").set_value("specificity").run()
    app.number_input(key=f"rule_specificity_{run_id}").set_value(80.0).run()
    assert not app.exception and not app.error
    point = point_by_rule(run_id, "specificity=0.8")
    assert f"the lowest with a specificity of at least 0.8; a threshold of {point.threshold:.3f}" in _says(app)
    # Each benign picture of validation is left alone: they were counted, so that is all of them, not "over 99 in 100".
    app.number_input(key=f"rule_specificity_{run_id}").set_value(100.0).run()
    assert not app.exception and "leaves alone all of the benign ones" in _says(app)
    app.selectbox(key=f"rule_{run_id}").set_value("cost").run()
    app.number_input(key=f"rule_cost_prevalence_{run_id}").set_value(4.0).run()
    assert not app.exception and "the cheapest at a prevalence of 0.04" in _says(app)
    app.text_input(key=f"bundle_name_{run_id}").set_value("by-cost")
    app.selectbox(key=f"rule_{run_id}").set_value("youden")
    app.button(key="publish_run").click().run()
    background.wait(background.find(f"publish {run_id}"), 300)
    app.run()
    assert not app.exception and not app.error
    info = read_info("by-cost")
    assert info.operating_point.chosen == "the one with the highest sum of sensitivity and specificity"


def _cells(app) -> list[str]:
    from pages.ui.judged.cases import _cells as cells
    from skin_core.services.judged_curves import cases_of

    return list(cells(cases_of(app.session_state["runs_run"], "test")))


def test_subgroups_and_report_are_there_after_an_evaluation(open_page, evaluated) -> None:
    app = _part(open_page, evaluated[1], "Subgroups")
    assert "Skin tone is estimated" in _says(app)
    app = _part(open_page, evaluated[1], "Report")
    labels = [button.proto.label for button in app.get("download_button")]
    assert {"Report (HTML)", "Figures (csv)", "Everything (JSON)"} <= set(labels)


def test_validation_is_told_apart(open_page, evaluated) -> None:
    app = open_page("pages/4_Runs.py", run=evaluated[1])
    app.session_state[f"judged_split_{evaluated[1]}"] = "validation"
    app.run()
    assert not app.exception and not app.error
    assert "its figures flatter the model" in _says(app) and "was read once" not in _says(app)


def test_a_model_that_trained_on_is_to_be_evaluated_again(open_page, evaluated) -> None:
    record = evaluated[0] / "runs" / evaluated[2] / "evaluation.json"
    before = record.read_text()
    record.write_text(json.dumps({**json.loads(before), "best_epoch": 99}))
    try:
        app = open_page("pages/4_Runs.py", run=evaluated[2])
        assert not app.exception and "trained further since its evaluation" in _says(app)
        assert app.button(key="evaluate_run")
    finally:
        record.write_text(before)


def test_a_run_is_compared_with_another_on_the_same_pictures(open_page, evaluated) -> None:
    _, first, second = evaluated
    app = open_page("pages/4_Runs.py", run=first)
    app.selectbox(key="runs_other").set_value(second).run()
    app.button(key="compare_differences").click().run()
    job = next(job for key, job in background._jobs.items() if key.startswith(f"differences {first}"))
    background.wait(job, 300)
    assert job.state == "done", job.error
    app.run()
    assert not app.exception and not app.error
    table = next(table.value for table in app.dataframe if "p" in table.value)
    assert set(table["In words"]) <= {"may be chance", "cannot be told"}
    assert runs.get_run(second).title == runs.get_run(first).title


def test_validations_curves_agree_with_its_figures(evaluated) -> None:
    from skin_core.services.judged_curves import curves_of

    found = judged.judged(evaluated[1], "validation")
    drawn = curves_of(evaluated[1], "validation", resamples=10)
    assert drawn.auc == found.row("malignancy_auc").figure.value


def test_heat_maps_with_their_curves_and_figures(open_page, evaluated) -> None:
    from skin_core.services.heat_maps import recorded_heat_maps

    kept = recorded_heat_maps(evaluated[1])
    app = _part(open_page, evaluated[1], "Heat maps")
    assert f"**{kept.check.sentence()}**" in _says(app)
    assert {"judged_deletion", "judged_insertion"} <= _charts(app)
    table = next(
        table.value for table in app.dataframe if table.value.columns[0] == "Figure" and len(table.value) == 11
    )
    gain = kept.check.figures["deletion_gain_over_random"]
    assert table["Value (95 % interval)"].iloc[0] == f"{gain.value:.3f} ({gain.low:.3f} to {gain.high:.3f})"
    figure = json.loads(next(c for c in app.get("plotly_chart") if c.proto.id.endswith("judged_deletion")).proto.spec)
    named = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert set(named) == {"what the map marks", "random pixels", "middle of the picture"}
    assert named["what the map marks"]["y"] == pytest.approx(kept.curves["deletion"]["map"].y)
    # All three begin with the whole picture and end with none of it.
    assert len({trace["y"][0] for trace in named.values()}) == len({trace["y"][-1] for trace in named.values()}) == 1


def test_maps_of_a_run_judged_by_an_older_version_are_checked_on_demand(open_page, evaluated) -> None:
    from skin_core.screening.map_record import CheckedMaps

    home, run_id, _ = evaluated
    (path,) = (home / "runs" / run_id).rglob("map_check.json")
    text = path.read_text()
    before = CheckedMaps.model_validate_json(text)
    path.unlink()
    try:
        app = _part(open_page, run_id, "Heat maps")
        assert "was not measured yet" in _says(app)
        app.button(key="judged_heat_maps").click().run()
        job = background.wait(background.find(f"heat maps {run_id}"), 600)
        assert job.state == "done", job.error
        app.run()
        assert not app.exception and not app.error
        again = CheckedMaps.model_validate_json(path.read_text())
    finally:
        path.write_text(text)
    # The same pictures, the same network, the same random weights.
    assert again.curves == before.curves and again.check.figures == before.check.figures
    assert again.check.agreement.value == pytest.approx(before.check.agreement.value, abs=0.02)
