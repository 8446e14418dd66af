"""The Runs and Train pages on a run that was really cross-validated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pages.ui.judged.folds import spread_chart
from skin_core.services import background, cross_validation, datasets, recorded, runs
from skin_core.services.figure_rows import Interval

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def copied(crossed_run, tmp_path_factory) -> tuple[Path, str, str]:
    """A copy of the workspace of the run, its id, and that of a copy of it under another id."""
    home = tmp_path_factory.mktemp("crossed") / "home"
    shutil.copytree(crossed_run[0], home)
    first = crossed_run[1]["run"]
    shutil.copytree(home / "runs" / first, home / "runs" / f"{first}-again")
    return home, first, f"{first}-again"


@pytest.fixture(autouse=True)
def _there(copied, monkeypatch) -> None:
    monkeypatch.setenv("LESIONLAB_HOME", str(copied[0]))


def _part(open_page, run_id: str, part: str):
    app = open_page("pages/4_Runs.py", run=run_id)
    app.session_state["judged_part_out_of_fold"] = part
    app.run()
    assert not app.exception and not app.error
    return app


def _says(app) -> str:
    return "\n".join(element.value for element in [*app.caption, *app.markdown, *app.info, *app.success])


def _charts(app) -> set[str]:
    return {chart.proto.id.rsplit("-", 1)[-1] for chart in app.get("plotly_chart")}


def test_the_pooled_figures_come_first_and_the_test_split_has_no_button(open_page, copied) -> None:
    app = open_page("pages/4_Runs.py", run=copied[1])
    assert not app.exception and not app.error
    pooled = cross_validation.cross_validated(run_id=copied[1]).pooled
    table = app.table[0].value.set_index("Figure")["Value (95 % interval)"]
    row = pooled.row("malignancy_auc")
    assert table[row.title].replace("\u00a0", " ") == row.figure.in_words()
    assert not any("at the threshold" in title for title in table.index)
    assert "no choice has seen the pictures that these figures are of" in _says(app)
    assert "evaluate_run" not in {button.key for button in app.button}
    assert "publish_run" not in {button.key for button in app.button}
    assert "none of them to use" in _says(app)
    listed = app.dataframe[0].value
    assert set(listed["Epochs"]) == {"2 folds"}
    # The list, the page's head and the table say the same.
    assert listed["Malignancy AUC"].iloc[0] == pytest.approx(row.figure.value)


def test_two_runs_of_one_title_and_second_have_labels_of_their_own(open_page, copied) -> None:
    _, first, second = copied
    app = open_page("pages/4_Runs.py", run=first)
    labels = app.selectbox(key="runs_run").options
    assert len(labels) == len(set(labels)) == 2
    assert {label[-5:-1] for label in labels} == {first[-4:], second[-4:]}
    for run_id in (second, first):
        app.selectbox(key="runs_run").set_value(run_id).run()
        assert any(caption.value.startswith(f"{run_id};") for caption in app.caption)


def test_the_spread_over_the_folds(open_page, copied) -> None:
    app = _part(open_page, copied[1], "Folds")
    told = cross_validation.cross_validated(run_id=copied[1])
    assert "judged_spread" in _charts(app)
    table = next(frame.value for frame in app.dataframe if "Mean of the folds" in frame.value)
    over = told.over_folds("macro_auc")
    row = table.set_index("Figure").loc["AUC, mean over classes"]
    assert (row["Mean of the folds"], row["Standard deviation"]) == (f"{over.mean:.3f}", f"{over.sd:.3f}")
    assert row["All together (95 % interval)"] == over.pooled.in_words()
    members = next(frame.value for frame in app.dataframe if "Images held" in frame.value)
    assert members["Images held"].tolist() == [member.n for member in told.members]
    assert "Out-of-fold predictions (csv)" in [button.proto.label for button in app.get("download_button")]


def test_curves_and_mistakes_are_of_the_out_of_fold_predictions(open_page, copied) -> None:
    app = _part(open_page, copied[1], "Curves")
    assert {"judged_roc", "judged_reliability", "judged_decision"} <= _charts(app)
    app = _part(open_page, copied[1], "Mistakes")
    assert "judged_cells_out_of_fold" in _charts(app)


def test_subgroups_have_n_and_the_auc_alone(open_page, copied) -> None:
    app = _part(open_page, copied[1], "Subgroups")
    known = recorded.recorded_subgroups(copied[1], "out_of_fold")
    assert known["sentence"] in _says(app)
    assert not any(control.key == "judged_subgroup_figure" for control in app.segmented_control)
    table = next(frame.value for frame in app.dataframe if "Level" in frame.value)
    assert table.columns.tolist() == ["Level", "AUC", "Images", "Positive"]
    assert table["Level"].iloc[0] == "sex: female" and table["Level"].str.startswith("skin tone: ").any()
    assert table["Images"].tolist() == [level["n"] for level in known["levels"]]
    assert set(table["AUC"][[level["too_small"] for level in known["levels"]]]) <= {"too few"}


def test_subgroups_are_worked_out_on_asking(open_page, copied) -> None:
    home, _, run_id = copied
    (home / "runs" / run_id / "artifacts" / "subgroups.json").unlink()
    app = _part(open_page, run_id, "Subgroups")
    app.button(key="judged_subgroups").click().run()
    job = background.wait(background.find(f"subgroups out_of_fold {run_id}"), 300)
    assert job.state == "done", job.error
    assert recorded.recorded_subgroups(run_id, "out_of_fold")["sentence"] in _says(
        _part(open_page, run_id, "Subgroups")
    )


def test_the_report_is_there_to_take_away(open_page, copied) -> None:
    app = _part(open_page, copied[1], "Report")
    labels = [button.proto.label for button in app.get("download_button")]
    assert {"Report (HTML)", "Figures (csv)", "Everything (JSON)"} <= {*labels}


@pytest.mark.parametrize("part", ["History", "Validation", "Data", "Settings"])
def test_the_other_parts(open_page, copied, part: str) -> None:
    app = open_page("pages/4_Runs.py", run=copied[1])
    app.session_state["run_part"] = part
    app.run()
    assert not app.exception and not app.error
    if part == "History":
        app.segmented_control(key="history_fold").set_value(1).run()
        history = next(frame.value for frame in app.dataframe if "val_loss" in frame.value)
        assert history["val_loss"].tolist() == runs.epoch_history(copied[1], 1)["val_loss"].tolist()
    if part == "Validation":
        report = next(frame.value for frame in app.dataframe if "recall" in frame.value)
        assert report["support"].iloc[-1] == cross_validation.cross_validated(run_id=copied[1]).pooled.n
    if part == "Data":
        table = next(frame.value for frame in app.dataframe if "fold 1" in frame.value)
        assert table.columns.tolist() == ["fold 1", "fold 2"]


def test_two_are_compared_on_the_same_folds(open_page, copied) -> None:
    _, first, second = copied
    app = open_page("pages/4_Runs.py", run=first)
    app.selectbox(key="runs_other").set_value(second).run()
    assert not app.exception and "Out of fold, picture by picture" in _says(app)
    # Recall in the report is not the balanced accuracy above it, and the page says why.
    assert "matrix and report are of the likeliest class as the networks gave it" in _says(app)
    assert "**Figures out of fold**" in _says(app) and "**Confusion matrix, out of fold**" in _says(app)
    figures = next(
        frame.value for frame in app.dataframe if "best epoch" in frame.value.get("Figure", pd.Series()).tolist()
    )
    assert set(figures.set_index("Figure").loc["best epoch"]) == {"one a fold"}
    app.button(key="compare_differences").click().run()
    job = next(job for key, job in background._jobs.items() if key.startswith(f"differences {first}"))
    background.wait(job, 300)
    assert job.state == "done", job.error
    app.run()
    assert not app.exception and not app.error
    table = next(frame.value for frame in app.dataframe if "p" in frame.value)
    assert set(table["In words"]) <= {"may be chance", "cannot be told"}


def test_the_train_page_shows_the_folds(open_page, copied) -> None:
    app = open_page("pages/3_Train.py", run=copied[1])
    assert not app.exception and not app.error
    assert "All 2 folds are done: out-of-fold balanced accuracy" in app.success[0].value
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Fold"] == "2 of 2" and metrics["Epoch of this fold"] == "2 of 2"
    table = next(frame.value for frame in app.dataframe if "Epoch kept" in frame.value)
    assert table["State"].tolist() == ["done", "done"]


def test_a_fold_under_way_is_told(open_page, copied) -> None:
    home, _, run_id = copied
    folder = home / "runs" / run_id
    before = {name: (folder / name).read_bytes() for name in ("state.json", "folds/2/state.json")}
    try:
        member = json.loads(before["folds/2/state.json"])
        (folder / "folds/2/state.json").write_text(json.dumps({**member, "status": "running", "epoch": 1}))
        state = json.loads(before["state.json"])
        (folder / "state.json").write_text(
            json.dumps({**state, "status": "stopped", "fold": 2, "epoch": 1, "best": {}})
        )
        app = open_page("pages/3_Train.py", run=run_id)
        assert not app.exception and not app.error
        assert "Stopped in fold 2 of 2, after epoch 1 of 2" in app.info[0].value
        table = next(frame.value for frame in app.dataframe if "Epoch kept" in frame.value)
        assert table["State"].tolist() == ["done", "under way"]
    finally:
        for name, data in before.items():
            (folder / name).write_bytes(data)


def test_the_form_offers_folds_and_says_what_they_cost(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.selectbox(key="train_data").set_value(str(demo_ham10000)).run()
    app.selectbox(key="train_family").set_value("light_cnn").run()
    app.number_input(key="run.light_cnn.folds").set_value(5).run()
    assert not app.exception and not app.error
    # 84 images, 85 % of them in folds, four of five folds, 85 % of those: 49 in batches of 32.
    told = next(text.value for text in app.markdown if text.value.startswith("About "))
    assert told.startswith("About 49 training images in 7 classes, 2 steps an epoch, 30 epochs at most, 5 times")
    app.selectbox(key="run.light_cnn.cv_select").set_value("last").run()
    assert "set early_stopping to 0" in app.error[0].value


def test_the_final_run_starts_from_the_page_with_the_same_settings(open_page, copied) -> None:
    app = open_page("pages/4_Runs.py", run=copied[1])
    before = {run.run_id for run in runs.list_runs()}
    app.button(key="train_final").click().run()
    assert not app.exception
    (started,) = (run for run in runs.list_runs() if run.run_id not in before)
    try:
        crossed = runs.get_run(copied[1]).config
        assert started.config == crossed.model_copy(update={"folds": 0})
    finally:
        if runs.get_run(started.run_id).at_work:
            runs.stop_run(started.run_id)


def test_points_of_the_spread_lie_where_the_figures_are() -> None:
    entries = [
        cross_validation.spread_of("macro_auc", [0.8, 0.9, float("nan")], Interval(0.82, 0.7, 0.9)),
        cross_validation.spread_of("accuracy", [0.4, 0.5, 0.6], Interval(0.5)),
    ]
    figure = spread_chart(entries)
    mean, points, pooled = figure.data[:3]
    assert list(points.x) == [0.8, 0.9] and list(points.text) == ["1", "2"]
    assert mean.x[0] == pytest.approx(0.85) and pooled.x[0] == 0.82
    assert pooled.error_x.array[0] == pytest.approx(0.08) and pooled.error_x.arrayminus[0] == pytest.approx(0.12)
    # The least figure decides where the axis begins, and an interval that is not known has no whiskers.
    assert figure.layout.xaxis.range[0] == 0.4
    assert figure.data[5].error_x.array[0] == 0
