"""The Train and Runs pages on two runs that were really made: without and with balancing."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from published import told_of, workspace_of

from skin_core.services import runs

# A run in a process of its own, on a machine that may be busy with other tests.
pytestmark = pytest.mark.timeout(900)


def _ended(run_id: str, seconds: float = 420) -> None:
    end = time.monotonic() + seconds
    while runs.get_run(run_id).at_work:
        assert time.monotonic() < end, runs.log_tail(run_id)
        time.sleep(0.1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_bundle: Path):
    """A copy of the tiny bundle's workspace with its run, and the same run again with balancing; the new one first."""
    home = tmp_path_factory.mktemp("trained")
    shutil.copytree(workspace_of(tiny_bundle), home / "workspace")
    known = told_of(tiny_bundle)["train"]["run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(home / "workspace"))
        patch.setenv("LESIONLAB_MODELS", str(home / "models"))
        changes = {"balance": "oversample", "title": "Balance oversample"}
        run_id = runs.start_run(runs.get_run(known).config.model_copy(update=changes))
        _ended(run_id)
    return home, [run_id, known]


@pytest.fixture(autouse=True)
def _in_that_workspace(trained, monkeypatch) -> None:
    monkeypatch.setenv("LESIONLAB_HOME", str(trained[0] / "workspace"))
    monkeypatch.setenv("LESIONLAB_MODELS", str(trained[0] / "models"))


def _tables(app) -> list[pd.DataFrame]:
    return [table.value for table in app.dataframe]


def test_list_shows_each_run_with_its_best_epoch(open_page, trained) -> None:
    app = open_page("pages/4_Runs.py")
    assert not app.exception and not app.error
    table = _tables(app)[0]
    assert table["Run"].tolist() == ["Balance oversample", "Tiny network"]
    assert table["State"].tolist() == ["Finished", "Finished"]
    for row in table.itertuples():
        view = runs.get_run(row.Id)
        assert pytest.approx(view.best["val_auc"]) == row.AUC
        assert row.Epochs == "2 of 2"


def test_filter_narrows_the_list(open_page, trained) -> None:
    app = open_page("pages/4_Runs.py")
    app.text_input(key="runs_text").set_value("tiny NET").run()
    assert _tables(app)[0]["Run"].tolist() == ["Tiny network"]
    app.text_input(key="runs_text").set_value("no such run").run()
    assert not app.exception
    assert app.info[0].value == "No run fits the filter."


def test_one_run_shows_its_history_and_offers_it_as_csv(open_page, trained) -> None:
    first = trained[1][0]
    app = open_page("pages/4_Runs.py", run=first)
    assert not app.exception
    assert app.subheader[0].value == "Balance oversample"
    history = next(table for table in _tables(app) if "val_loss" in table)
    assert history["epoch"].tolist() == [1, 2]
    assert history["val_loss"].tolist() == runs.epoch_history(first)["val_loss"].tolist()
    assert app.get("download_button")


def test_an_unknown_run_in_the_address_is_told(open_page, trained) -> None:
    app = open_page("pages/4_Runs.py", run="nothing")
    assert not app.exception
    assert "There is no run 'nothing'" in app.warning[0].value


@pytest.mark.parametrize("part", ["Validation", "Data", "Settings"])
def test_the_other_parts_of_a_run(open_page, trained, part: str) -> None:
    first = trained[1][0]
    app = open_page("pages/4_Runs.py", run=first)
    app.session_state["run_part"] = part
    app.run()
    assert not app.exception and not app.error
    directory = runs.get_run(first).directory
    if part == "Validation":
        report = next(table for table in _tables(app) if "recall" in table)
        saved = pd.read_csv(directory / "artifacts" / "classification_report.csv", index_col=0)
        assert report["support"].tolist() == saved["support"].tolist()
    if part == "Data":
        split = next(table for table in _tables(app) if "train" in table)
        assert split.to_numpy().sum() == len(pd.read_csv(directory / "split.csv"))


def test_two_runs_side_by_side_tell_what_differs(open_page, trained) -> None:
    first, second = trained[1]
    app = open_page("pages/4_Runs.py", run=first)
    app.selectbox(key="runs_other").set_value(second).run()
    assert not app.exception
    differing = next(table for table in _tables(app) if "Setting" in table)
    assert differing.to_numpy().tolist() == [["balance", "oversample", "none"]]
    figures = next(table for table in _tables(app) if "Figure" in table)
    assert figures.columns.tolist() == ["Figure", "Balance oversample", "Tiny network"]


def test_a_name_that_cannot_be_a_bundles_is_refused(open_page, trained) -> None:
    first = trained[1][0]
    app = open_page("pages/4_Runs.py", run=first)
    assert app.selectbox(key=f"engine_{first}").value == "float32"
    assert app.selectbox(key=f"views_{first}").value == app.selectbox(key=f"judged_views_{first}").value == 1
    app.text_input(key=f"bundle_name_{first}").set_value("../Mein Modell")
    app.button(key="publish_run").click().run()
    assert not app.exception
    assert "lower-case letters" in app.error[0].value
    assert runs.get_run(first).bundles == ()


def test_an_ensemble_is_offered_of_two_bundles_and_refused_of_one_network(open_page, install_bundle, trained) -> None:
    assert "Ensembles" not in [part.value for part in open_page("pages/4_Runs.py").subheader]
    install_bundle("first")
    install_bundle("second")
    app = open_page("pages/4_Runs.py")
    assert not app.exception and "Ensembles" in [part.value for part in app.subheader]
    for names, says in ((["first"], "two bundles or more; got 1."), (["first", "second"], "are the same network")):
        app.multiselect(key="ensemble_members").set_value(names)
        app.text_input(key="ensemble_name").set_value("both")
        app.button(key="make_ensemble").click().run()
        assert not app.exception
        assert says in app.error[0].value


def test_train_page_shows_the_run_of_the_address(open_page, trained) -> None:
    first = trained[1][0]
    app = open_page("pages/3_Train.py", run=first)
    assert not app.exception and not app.error
    assert app.subheader[0].value == "Balance oversample"
    assert "Finished after 2 epochs" in app.success[0].value
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Epoch"] == "2 of 2"
    assert len(app.get("bidi_component")) == 4  # plotly.js itself, and three charts


def test_train_page_lays_two_runs_over_each_other(open_page, trained) -> None:
    app = open_page("pages/3_Train.py", run=trained[1][0])
    app.multiselect(key="watched").set_value(trained[1]).run()
    assert not app.exception and not app.error
    assert sorted(app.query_params["run"]) == sorted(trained[1])


def test_an_estimate_is_taken_from_an_earlier_run(open_page, trained, demo_ham10000: Path) -> None:
    from skin_core.services import datasets

    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    assert not app.exception
    told = next(text.value for text in app.markdown if text.value.startswith("About "))
    # 84 images, 70 % of them to train on: 59, in batches of 32.
    assert told.startswith("About 59 training images in 7 classes, 2 steps an epoch, 30 epochs at most. At the pace of")
