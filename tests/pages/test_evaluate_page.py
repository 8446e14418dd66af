"""The Evaluate page: a model on pictures that it was not made for, from the choice to the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from published import DATA

from skin_core.data.demo import write_demo
from skin_core.services import background, external, external_folder
from skin_core.services.judged import judged

pytestmark = pytest.mark.timeout(900)
PAGE = "pages/5_Evaluate.py"


def _says(app) -> str:
    return "\n".join(element.value for element in [*app.caption, *app.markdown, *app.info, *app.warning])


def _wait(prefix: str) -> background.Job:
    job = next(job for key, job in background._jobs.items() if key.startswith(prefix))
    background.wait(job, 300)
    assert job.state == "done", job.error
    return job


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures, benign and malignant, that the tiny bundle never saw."""
    return write_demo(tmp_path_factory.mktemp("strangers") / "folder", layout="folder", n=60, seed=8)


@pytest.fixture(autouse=True)
def _no_jobs():
    background._jobs.clear()


def test_without_a_model_the_way_to_one_is_shown(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "No model is installed yet" in app.info[0].value
    assert app.button(key="evaluate_train")


def test_without_pictures_they_are_asked_for(open_page, install_bundle) -> None:
    install_bundle("mine")
    app = open_page(PAGE)
    assert not app.exception and app.selectbox(key="evaluate_bundle").value == "mine"
    assert app.text_input(key="typed_path") is not None


def test_a_model_from_elsewhere_is_asked_about(open_page, install_bundle, strangers: Path) -> None:
    install_bundle("foreign", trusted=False)
    app = open_page(PAGE, data=str(strangers))
    assert not app.exception and app.button(key="trust_bundle")
    app.button(key="trust_bundle").click().run()
    assert not app.exception and app.button(key="evaluate_check")


def test_from_the_mapping_over_the_overlap_to_the_figures(open_page, install_bundle, strangers: Path) -> None:
    install_bundle("mine")
    app = open_page(PAGE, data=str(strangers))
    assert not app.exception and not app.error
    boxes = {box.label: box for box in app.selectbox if box.label.startswith("The model's class for")}
    assert {label: box.value for label, box in boxes.items()} == {
        "The model's class for benign": "none",
        "The model's class for malignant": "none",
    }
    assert "None of the model's classes: malignant, benign (60 images)" in _says(app) or (
        "None of the model's classes: benign, malignant (60 images)" in _says(app)
    )
    boxes["The model's class for malignant"].set_value("mel").run()
    boxes = {box.label: box for box in app.selectbox}
    boxes["The model's class for benign"].set_value("nv").run()
    assert "Each of the 2 classes is one of the model's" in _says(app)

    app.button(key="evaluate_check").click().run()
    _wait("overlap")
    app.run()
    assert not app.exception and not app.error
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["To judge on"] == "60" and metrics["The model's own, left out"] == "0"

    app.button(key="evaluate_start").click().run()
    name = _wait("external").result["id"]
    app.run()
    assert not app.exception and not app.error
    assert app.query_params["evaluation"] == [name] or app.query_params["evaluation"] == name
    found = judged(name, "external")
    table = app.table[0].value
    assert table["Figure"].iloc[0].startswith("AUC, melanoma") and table["Figure"].iloc[-1] == "Accuracy"
    told = {metric.label: metric.value for metric in app.metric}
    area = found.row("malignancy_auc").figure
    assert told["AUC, malignant or premalignant"] == f"{area.value:.2f}" and area.in_words(2) in _says(app)
    assert "chosen on its validation as the highest with a sensitivity of at least 0.95" in _says(app)
    mapping = next(table.value for table in app.dataframe if "The model's class" in table.value)
    assert dict(zip(mapping["Class in the set"], mapping["The model's class"], strict=True)) == {
        "benign": "nv",
        "malignant": "mel",
    }
    # A new browser, later: the same evaluation is there.
    again = open_page(PAGE)
    assert not again.exception and again.selectbox(key="evaluate_chosen").value == name
    for part in ("In your clinic", "Curves", "Mistakes", "Subgroups", "Report"):
        again.session_state["judged_part_external"] = part
        again.run()
        assert not again.exception and not again.error, part
    assert {"Report (HTML)", "Figures (csv)", "Everything (JSON)"} <= {
        button.proto.label for button in again.get("download_button")
    }


def test_the_models_own_pictures_are_left_out_or_told_as_not_blind(
    open_page, install_bundle, tiny_bundle: Path, workspace: Path
) -> None:
    info = install_bundle("mine")
    own = str(tiny_bundle.parent.parent / DATA)
    app = open_page(PAGE, data=own)
    app.button(key="evaluate_check").click().run()
    _wait("overlap")
    app.run()
    before = {metric.label: int(metric.value) for metric in app.metric}
    assert before["To judge on"] + before["The model's own, left out"] == 210
    app.toggle(key=f"keep_seen_external {info.digest} {own}").set_value(True).run()
    after = {metric.label: int(metric.value) for metric in app.metric}
    assert after["To judge on"] == 210 and "Not blind: " in _says(app)

    kept = external.evaluate_bundle("mine", own, keep_seen=True)
    app = open_page(PAGE, evaluation=kept["id"])
    assert not app.exception and "Not blind: pictures that the model was made with were kept in" in _says(app)
    app.button(key="evaluate_delete").click().run()
    assert not app.exception and external_folder.listed() == []


def test_an_unknown_evaluation_in_the_address_is_told(open_page, install_bundle, strangers: Path) -> None:
    install_bundle("mine")
    kept = external.evaluate_bundle("mine", strangers)
    app = open_page(PAGE, evaluation="nothing")
    assert not app.exception and "no evaluation 'nothing'" in _says(app)
    assert app.selectbox(key="evaluate_chosen").value == kept["id"]
