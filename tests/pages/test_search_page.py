"""The Search page: its form, a search started and stopped from it, and what it shows of one that has trials."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.search.charts import curves_chart, history_chart, importance_chart, parallel_chart
from pages.ui.search.words import dimension_words, value_words
from skin_core.models.registry import all_families, default_config
from skin_core.search.folder import Importance, SearchFolder, Trial
from skin_core.services import datasets, runs, searches
from skin_core.services.searches import SearchView

PAGE = "pages/6_Search.py"
TRIALS = (
    Trial(
        1, "finished", 0.70, {"learning_rate": 2e-3, "balance": "class_weights"}, "run-1", ((1, 0.6), (2, 0.7)), 60.0
    ),
    Trial(
        2,
        "pruned",
        0.50,
        {"learning_rate": 1e-4, "balance": "none"},
        "run-2",
        ((1, 0.5),),
        20.0,
        "Behind after epoch 1.",
    ),
    Trial(3, "finished", 0.80, {"learning_rate": 5e-3, "balance": "none"}, "run-3", ((1, 0.7), (2, 0.8)), 60.0),
    Trial(
        4,
        "failed",
        None,
        {"learning_rate": 1e-2, "balance": "none"},
        "run-4",
        (),
        5.0,
        "The loss is no number any more.",
    ),
)


def _made(data: Path, *, status: str = "finished", importance: Importance | None = None) -> SearchView:
    """A search as its process would have left it."""
    config = searches.propose(
        default_config("light_residual", str(data)),
        space=["learning_rate=1e-4:1e-2:log", "balance=none,class_weights"],
    )
    folder = SearchFolder.of(searches.create_search(config, name="mine", trials=4))
    folder.write_trials(TRIALS)
    if importance is not None:
        folder.write_importance(importance)
    folder.update_state(status=status)
    return searches.get_search("mine")


def _until(condition, seconds: float = 500) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def _metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_without_data_the_page_says_what_to_do(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "A run needs data" in app.info[0].value


def test_the_form_offers_the_familys_own_space(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page(PAGE)
    app.selectbox(key="search_family").set_value("light_residual").run()
    assert not app.exception and not app.error
    space = all_families()["light_residual"].space
    assert app.multiselect(key="space.run.light_residual").value == list(space)
    for key, raw in space.items():
        assert app.text_input(key=f"space.run.light_residual.{key}").value == raw
    # A search refuses folds, so they are not asked for.
    assert "search.run.light_residual.epochs" in {box.key for box in app.number_input}
    assert not [box.key for box in app.number_input if box.key.endswith(".folds")]
    told = [caption.value for caption in app.caption]
    assert "from 0.0001 to 0.01, by its logarithm" in told
    assert "one of 16, 32, 64" in told


def test_a_recipe_brings_its_family_and_settings(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page(PAGE)
    app.selectbox(key="search_recipe").set_value("starter").run()
    assert not app.exception and not app.error
    assert app.number_input(key="search.recipe.starter.epochs").value == 24
    # Its adjusted logits balance the classes themselves, so balance is not among what is tried.
    whole = list(all_families()["mobilenet_v2"].space)
    assert app.multiselect(key="space.recipe.starter").value == [key for key in whole if key != "balance"] != whole


def test_a_wrong_range_is_one_sentence_and_starts_nothing(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page(PAGE)
    app.text_input(key="space.run.light_cnn.learning_rate").set_value("0.1:0.01").run()
    assert not app.exception
    assert "the lower end of 'learning_rate' first" in app.error[0].value
    assert "start_search" not in {button.key for button in app.button}


def test_an_unknown_search_in_the_address_is_told(open_page) -> None:
    app = open_page(PAGE, search="nothing")
    assert not app.exception
    assert "There is no search 'nothing'" in app.warning[0].value


def test_a_finished_search_shows_the_best_and_what_it_is_worth(open_page, demo_ham10000: Path) -> None:
    _made(demo_ham10000, importance=Importance(5, {"learning_rate": 0.75, "balance": 0.25}))
    app = open_page(PAGE)
    assert not app.exception and not app.error
    assert app.subheader[0].value == "mine"
    assert _metrics(app) == {
        "Best balanced accuracy": "0.800",
        "Settings as they were": "0.700",
        "Trials ended": "4 of 4",
        "Given up early": "1",
        "Failed": "1",
    }
    assert any("Best so far: trial 3" in text.value for text in app.markdown)
    told = " ".join(caption.value for caption in app.caption)
    assert "flattered" in told and "The test split was not touched" in told
    assert "Functional ANOVA over 5 finished trials. So few say little more than chance." in told
    settings = app.dataframe[0].value
    assert settings.to_dict("list") == {
        "Setting": ["Learning rate", "Balance"],
        "Best trial": ["0.005", "none"],
        "As it was": ["0.002", "class weights"],
    }
    command = app.code[0].value
    assert "train" in command and "--set learning_rate=0.005 --set 'balance=\"none\"'" in command
    assert app.query_params["search"] == "mine"
    # Nothing is at work: more trials are offered instead of a stop.
    assert "more_trials" in {button.key for button in app.button}
    table = app.dataframe[1].value
    assert list(table["Trial"]) == [4, 3, 2, 1]
    assert list(table["State"]) == ["Failed", "Finished", "Given up", "Finished"]


@pytest.mark.parametrize(
    ("trials", "says"), [(2, "finished trials on; there are 2."), (5, "All 5 finished trials came to the same figure")]
)
def test_what_keeps_the_importance_from_being_told(open_page, demo_ham10000: Path, trials: int, says: str) -> None:
    _made(demo_ham10000, importance=Importance(trials, {}))
    app = open_page(PAGE)
    assert not app.exception
    assert any(says in caption.value for caption in app.caption)


def test_the_best_settings_are_trained_from_the_page(open_page, demo_ham10000: Path) -> None:
    search = _made(demo_ham10000)
    app = open_page(PAGE)
    epochs = next(box for box in app.number_input if box.key == "best_epochs_mine_3")
    assert epochs.value == search.config.run.epochs
    epochs.set_value(7)
    app.button(key="train_best").click().run()
    assert not app.exception and not app.error
    (started,) = runs.list_runs()
    try:
        best = searches.trial_config(search, search.best)
        assert (best.learning_rate, best.balance) == (5e-3, "none")
        assert started.config == best.model_copy(update={"epochs": 7, "title": "mine, settings of trial 3"})
        # It is a run of its own, no trial of the search.
        assert "search" not in started.tags
    finally:
        if runs.get_run(started.run_id).at_work:
            runs.stop_run(started.run_id)


@pytest.mark.parametrize(
    ("status", "says"), [("stopped", "Resume goes on from there"), ("failed", "its log may tell why")]
)
def test_a_search_at_rest_says_why(open_page, demo_ham10000: Path, status: str, says: str) -> None:
    _made(demo_ham10000, status=status)
    app = open_page(PAGE)
    assert not app.exception
    assert any(says in box.value for box in (*app.info, *app.error))
    assert "resume_search" in {button.key for button in app.button}


def test_the_charts_show_each_trial_once_and_the_best(demo_ham10000: Path) -> None:
    search = _made(demo_ham10000)
    history = history_chart(search)
    line, finished, pruned = history.data
    assert (list(line.x), list(line.y)) == ([1, 3], [0.70, 0.80])
    assert (list(finished.x), list(finished.y)) == ([1, 3], [0.70, 0.80])
    assert (list(pruned.x), list(pruned.y)) == ([2], [0.50])
    assert history.layout.yaxis.title.text == "Balanced accuracy"

    curves = curves_chart(search)
    assert {trace.name: list(trace.y) for trace in curves.data} == {
        "trial 1": [0.6, 0.7],
        "trial 2": [0.5],
        "trial 3": [0.7, 0.8],
    }
    # The best is drawn last, on top, and named.
    assert curves.data[-1].name == "trial 3"
    assert [note.text for note in curves.layout.annotations] == ["trial 3, best"]


def test_parallel_axes_are_logarithmic_and_categorical(demo_ham10000: Path) -> None:
    search = _made(demo_ham10000)
    rate, balance, value = parallel_chart(search, search.config.dimensions).data[0].dimensions
    assert list(rate.values) == pytest.approx([-2.69897, -4, -2.30103])
    assert list(rate.range) == [-4, -2]
    assert list(rate.ticktext) == ["0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01"]
    assert (list(balance.values), list(balance.ticktext)) == ([1, 0, 0], ["none", "class weights"])
    assert (value.label, list(value.values)) == ("Balanced accuracy", [0.70, 0.50, 0.80])


def test_where_all_trials_say_the_same_no_axis_goes_below_zero(demo_ham10000: Path) -> None:
    search = _made(demo_ham10000)
    # What few epochs on seven classes give: each trial says one class, and all have a seventh.
    same = [replace(trial, value=1 / 7, curve=((1, 1 / 7), (2, 1 / 7))) for trial in TRIALS[:3]]
    SearchFolder.of("mine").write_trials(same)
    equal = searches.get_search("mine")
    around = pytest.approx([1 / 7 - 0.05, 1 / 7 + 0.05])
    assert list(history_chart(equal).layout.yaxis.range) == around
    assert list(curves_chart(equal).layout.yaxis.range) == around
    lines = parallel_chart(equal, equal.config.dimensions).data[0]
    assert list(lines.dimensions[-1].range) == [lines.line.cmin, lines.line.cmax] == around
    # Where they differ, Plotly finds the ends.
    assert history_chart(search).layout.yaxis.range is None
    assert parallel_chart(search, search.config.dimensions).data[0].line.cmin is None


def test_the_largest_share_stands_on_top() -> None:
    bars = importance_chart(Importance(20, {"learning_rate": 0.7, "augmentation.zoom": 0.3})).data[0]
    assert (list(bars.y), list(bars.text)) == (["Zoom", "Learning rate"], ["0.30", "0.70"])


def test_settings_in_words(demo_ham10000: Path) -> None:
    assert [value_words(value) for value in (0.00123456, 32, "class_weights", True)] == [
        "0.00123",
        "32",
        "class weights",
        "yes",
    ]
    assert [dimension_words(item) for item in _made(demo_ham10000).config.dimensions] == [
        "from 0.0001 to 0.01, by its logarithm",
        "one of none, class weights",
    ]


@pytest.mark.timeout(1200)
def test_start_and_stop(open_page, demo_ham10000: Path) -> None:
    datasets.open_dataset(demo_ham10000)
    app = open_page(PAGE)
    app.selectbox(key="search_family").set_value("light_residual").run()
    app.number_input(key="search.run.light_residual.image_size").set_value(32)
    app.number_input(key="search_trials").set_value(2)
    app.text_input(key="search_name").set_value("from-the-page").run()
    app.button(key="start_search").click().run()
    assert not app.exception and not app.error
    try:
        assert app.subheader[0].value == "from-the-page"
        assert app.query_params["search"] == "from-the-page"
        assert searches.get_search("from-the-page").at_work
        # A second browser, without an address, finds it.
        assert open_page(PAGE).subheader[0].value == "from-the-page"
        _until(lambda: runs.list_runs() != [])
        app.run()
        app.button(key="stop_search").click().run()
        assert not app.exception
    finally:
        if searches.get_search("from-the-page").at_work:
            searches.stop_search("from-the-page")
        _until(lambda: not searches.get_search("from-the-page").at_work)
    (run,) = runs.list_runs()
    assert run.status == "stopped"
    assert run.tags == {"search": "from-the-page", "trial": "1"}
    app.run()
    assert any("Stopped after 0 trials of 2" in info.value for info in app.info)
    assert "resume_search" in {button.key for button in app.button}
    # Each run says whose it is.
    shown = open_page("pages/4_Runs.py", run=run.run_id)
    assert any("Trial 1 of the search from-the-page." in caption.value for caption in shown.caption)
