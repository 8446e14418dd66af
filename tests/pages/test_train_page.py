"""The Train page: its form, and a run started, stopped and taken up again from it."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pages.ui.live_view import seconds_left
from pages.ui.run_status import choice_words, titles_of
from pages.ui.words import plain
from skin_core.config import RunConfig
from skin_core.models.registry import all_families, default_config
from skin_core.progress import Progress
from skin_core.recipes import all_recipes
from skin_core.services import datasets, runs
from skin_core.training.folder import RunFolder


def _until(condition, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_without_data_the_page_says_what_to_do(open_page) -> None:
    app = open_page("pages/3_Train.py")
    assert not app.exception
    assert "A run needs data" in app.info[0].value
    assert app.button(key="train_demo_make")


def test_the_form_has_every_field_of_the_configuration(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.selectbox(key="train_family").set_value("tbp_fusion").run()
    assert not app.exception and not app.error
    kinds = (app.number_input, app.selectbox, app.toggle, app.text_input, app.multiselect)
    keys = {widget.key for kind in kinds for widget in kind}
    for name in RunConfig.model_fields:
        if name in ("data", "family", "risk_levels"):
            continue
        assert any(key.startswith(f"run.tbp_fusion.{name}") for key in keys if key), name
    # A seed of its own for the split is asked for as a number, and is none unless given.
    assert app.number_input(key="run.tbp_fusion.split_seed").value is None
    app.number_input(key="run.tbp_fusion.split_seed").set_value(7).run()
    assert not app.exception and app.number_input(key="run.tbp_fusion.split_seed").value == 7


@pytest.mark.parametrize("name", sorted(all_families()))
def test_the_form_starts_from_the_familys_defaults(open_page, demo_ham10000: Path, name: str) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.selectbox(key="train_family").set_value(name).run()
    assert not app.exception and not app.error
    defaults = default_config(name, str(demo_ham10000))
    assert app.number_input(key=f"run.{name}.epochs").value == defaults.epochs
    assert app.number_input(key=f"run.{name}.learning_rate").value == defaults.learning_rate
    assert app.selectbox(key=f"run.{name}.balance").value == defaults.balance
    assert app.selectbox(key=f"run.{name}.augmentation.flip").value == defaults.augmentation.flip
    if all_families()[name].tabular:
        assert app.multiselect(key=f"run.{name}.features").value == list(defaults.features)


@pytest.mark.parametrize("name", sorted(all_recipes()))
def test_a_recipe_fills_the_form_in(open_page, demo_ham10000: Path, name: str) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.selectbox(key="train_recipe").set_value(name).run()
    assert not app.exception and not app.error
    recipe = all_recipes()[name]
    config = recipe.config(str(demo_ham10000))
    form = f"recipe.{name}"
    assert app.number_input(key=f"{form}.epochs").value == config.epochs
    assert app.number_input(key=f"{form}.image_size").value == config.image_size
    assert app.number_input(key=f"{form}.recalibration_images").value == config.recalibration_images
    assert app.selectbox(key=f"{form}.monitor").value == config.monitor
    assert app.selectbox(key=f"{form}.balance").value == config.balance
    assert app.number_input(key=f"{form}.augmentation.rotation").value == config.augmentation.rotation
    # What it is, how long it takes and which figure to expect stand above the form; the family follows.
    told = " ".join([*(text.value for text in app.markdown), *(caption.value for caption in app.caption)])
    for part in (recipe.paragraph, recipe.takes, recipe.expect):
        assert plain(part) in told
    assert app.text_input(key=f"train_family_of_{name}").value == all_families()[recipe.family].title
    assert "train_family" not in {box.key for box in app.selectbox}


def test_the_second_part_of_a_recipe_is_offered_the_run_of_the_first(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.selectbox(key="train_recipe").set_value("starter_finer").run()
    assert not app.exception
    assert any("It goes on from a run of “The starter model” on the same data" in told.value for told in app.info)
    assert app.selectbox(key="recipe.starter_finer.start_from").value == ""
    app.button(key="start_run").click().run()
    assert any("train that one first, then name it as start_from" in told.value for told in app.error)
    first = runs.create_run(all_recipes()["starter"].config(str(demo_ham10000)), recipe="starter")
    RunFolder.of(first).update_state(status="stopped", best_epoch=3)
    app = open_page("pages/3_Train.py")
    app.selectbox(key="train_recipe").set_value("starter_finer").run()
    assert not app.exception and not app.error and not app.info
    assert app.selectbox(key="recipe.starter_finer.start_from").value == first


def test_a_set_with_one_class_cannot_be_started(open_page, demo_ham10000: Path, tmp_path: Path) -> None:
    (tmp_path / "set" / "nevus").mkdir(parents=True)
    for picture in sorted(demo_ham10000.rglob("*.jpg"))[:12]:
        shutil.copy(picture, tmp_path / "set" / "nevus")
    datasets.open_dataset(tmp_path / "set")
    app = open_page("pages/3_Train.py")
    assert not app.exception and not app.error
    assert app.button(key="start_run").disabled
    assert any(
        "A classifier needs at least two: choose a set with more classes." in text.value for text in app.markdown
    )


def test_a_run_to_choose_is_told_in_words_that_stay_true(demo_ham10000: Path) -> None:
    run_id = runs.create_run(default_config("light_cnn", str(demo_ham10000)).model_copy(update={"title": "Mine"}))
    view = runs.get_run(run_id)
    for status in ("queued", "preparing", "running", "stopping"):
        assert choice_words([replace(view, status=status)])[run_id] == f"Mine, at work ({run_id[:15]})"
    assert choice_words([replace(view, status="finished")])[run_id] == f"Mine, finished ({run_id[:15]})"
    # Two of one title and second are told apart by the end of the id, while one of them is still at work, too.
    twin = replace(view, run_id=f"{run_id[:-4]}zzzz", status="finished")
    words = choice_words([view, twin])
    assert words[run_id] == f"Mine, at work ({run_id[:15]}, {run_id[-4:]})"
    assert words[twin.run_id] == f"Mine, finished ({run_id[:15]}, zzzz)"
    assert titles_of([view, twin]) == [f"Mine ({run_id[-4:]})", "Mine (zzzz)"] and titles_of([view]) == ["Mine"]


def test_the_time_left_is_the_bars(demo_ham10000: Path) -> None:
    run = runs.get_run(runs.create_run(default_config("light_residual", str(demo_ham10000))))
    assert seconds_left(run) is None
    for what, left in (("Training", 13.0), ("Fold 2 of 3: training", 13.0), ("Decoding images", None)):
        assert seconds_left(replace(run, progress=Progress(what, 13, 112, 13.0))) == left


def test_a_picture_in_the_address_is_not_fetched(open_page, demo_ham10000: Path) -> None:
    app = open_page("pages/3_Train.py", run="![x](http://example.org/x.png)")
    assert r"'!\[x\](http\://example.org/x.png)'" in app.warning[0].value


def test_an_unknown_run_in_the_address_is_told(open_page) -> None:
    app = open_page("pages/3_Train.py", run="nothing")
    assert not app.exception
    assert "There is no run 'nothing'" in app.warning[0].value


def test_values_that_do_not_go_together_are_one_sentence(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.number_input(key="run.light_cnn.validation_fraction").set_value(0.6)
    app.number_input(key="run.light_cnn.test_fraction").set_value(0.6).run()
    assert not app.exception
    assert "must leave something to train on" in app.error[0].value
    assert runs.list_runs() == []


@pytest.mark.timeout(900)
def test_start_stop_and_resume(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page("pages/3_Train.py")
    app.number_input(key="run.light_cnn.epochs").set_value(1000)
    app.number_input(key="run.light_cnn.image_size").set_value(32)
    app.number_input(key="run.light_cnn.early_stopping").set_value(0)
    app.text_input(key="run.light_cnn.title").set_value("From the page")
    app.button(key="start_run").click().run()
    assert not app.exception and not app.error
    (run,) = runs.list_runs()
    assert app.query_params["run"] == run.run_id
    assert (run.title, run.config.image_size, run.config.epochs) == ("From the page", 32, 1000)
    assert app.subheader[0].value == "From the page"
    try:
        _until(lambda: runs.get_run(run.run_id).epoch >= 1)
        # A second browser, without an address, finds the run that is at work.
        other = open_page("pages/3_Train.py")
        assert other.subheader[0].value == "From the page"
        app.run()
        app.button(key=f"stop_{run.run_id}").click().run()
        assert not app.exception
    finally:
        if runs.get_run(run.run_id).at_work:
            runs.stop_run(run.run_id)
        _until(lambda: not runs.get_run(run.run_id).at_work)
    stopped = runs.get_run(run.run_id)
    assert stopped.status == "stopped" and 1 <= stopped.epoch < 1000
    app.run()
    assert any("Resume goes on from there" in info.value for info in app.info)
    try:
        app.button(key=f"resume_{run.run_id}").click().run()
        assert not app.exception
        assert runs.get_run(run.run_id).at_work
        _until(lambda: runs.get_run(run.run_id).epoch > stopped.epoch)
    finally:
        runs.stop_run(run.run_id)
        _until(lambda: not runs.get_run(run.run_id).at_work)


def test_only_a_run_that_is_done_is_offered_as_a_teacher(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    done, waiting = (
        runs.create_run(default_config("light_residual", str(demo_ham10000)).model_copy(update={"title": title}))
        for title in ("Taught", "Waits")
    )
    RunFolder.of(done).update_state(status="stopped", best_epoch=3)
    app = open_page("pages/3_Train.py")
    form = f"run.{app.selectbox(key='train_family').value}"
    teachers = app.multiselect(key=f"{form}.distill_from")
    assert teachers.options == [f"Taught ({done})"] and waiting not in str(teachers.options)
    assert app.selectbox(key=f"{form}.color_constancy").options == ["none", "shades of grey"]
    # A strength of 0 is one sentence, not a run that changes nothing.
    app.number_input(key=f"{form}.augmentation.rand_augment").set_value(2).run()
    assert "picks changes whose strength is 0; set rand_magnitude above 0" in app.error[0].value
    app.number_input(key=f"{form}.augmentation.rand_magnitude").set_value(0.3).run()
    assert not app.error and not app.exception
