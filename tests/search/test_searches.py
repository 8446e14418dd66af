"""A real search with real processes: killed with -9, resumed, a trial given up, stopped, resumed by the command line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from skin_core.config import RunConfig
from skin_core.errors import ConfigError, DataSourceError, SearchError
from skin_core.models.registry import default_config
from skin_core.overrides import apply_overrides
from skin_core.search.driver import Search, seconds_left
from skin_core.search.folder import SearchFolder
from skin_core.services import runs, searches
from skin_core.services.searches import SearchView

pytestmark = [pytest.mark.timeout(1500)]

ROOT = Path(__file__).resolve().parents[2]
# At this rate Adam throws each weight about by a half: no validation figure survives that.
GOOD, BAD = 2e-3, 0.5
# The bad rate has so many epochs that its run is never through before it is given up, on however quick a machine.
FEW, MANY = 5, 300
# With this seed the second trial draws the bad rate and many epochs, the third the good one and few.
SEED = 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    """One workspace for all tests of this file: a trial costs seconds of loading TensorFlow."""
    place = tmp_path_factory.mktemp("searches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(place / "workspace"))
        patch.setenv("LESIONLAB_MODELS", str(place / "models"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield place
        # A test that failed half way must not leave processes behind that outlive the suite.
        for search in searches.list_searches():
            if search.at_work:
                searches.stop_search(search.name)
        for run in runs.list_runs():
            if run.at_work:
                runs.stop_run(run.run_id)


@pytest.fixture(autouse=True)
def workspace(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LESIONLAB_HOME", str(home / "workspace"))
    monkeypatch.setenv("LESIONLAB_MODELS", str(home / "models"))
    return home / "workspace"


def run_config(data: Path, **changes) -> RunConfig:
    small = {"image_size": 32, "epochs": FEW, "batch_size": 16, "monitor": "val_loss"}
    return RunConfig.parse({**default_config("light_residual", str(data)).model_dump(), **small, **changes})


def wait_for(name: str, condition: Callable[[SearchView], bool], what: str, seconds: float = 600) -> SearchView:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        view = searches.get_search(name)
        if condition(view):
            return view
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}; {view}\n{searches.log_tail(name)}")


def process_of(name: str) -> int:
    return json.loads(SearchFolder.of(name).worker.read_text())["pid"]


@pytest.fixture(scope="module")
def story(home: Path, demo_ham10000: Path) -> dict:
    """Three trials: the good rate, the bad one, and one more; see the comments for what befalls each."""
    config = searches.propose(
        run_config(demo_ham10000, learning_rate=GOOD),
        space=[f"learning_rate={GOOD},{BAD}", f"epochs={FEW},{MANY}"],
        startup_trials=1,
        warmup_epochs=1,
        seed=SEED,
    )
    name = searches.start_search(config, name="story", trials=3)
    with pytest.raises(SearchError, match="already"):
        searches.resume_search(name)

    # The search is killed in the middle of its first trial; the trial's own worker goes on.
    view = wait_for(name, lambda view: bool(view.trials and view.trials[0].curve), "the first trial's first epoch")
    run = view.trials[0].run
    os.kill(process_of(name), signal.SIGKILL)
    killed = wait_for(name, lambda view: view.status == "interrupted", "the kill to show", seconds=5)
    alive = runs.get_run(run).status
    searches.resume_search(name)

    # The second trial falls behind and is given up; the third is stopped together with the search.
    view = wait_for(name, lambda view: len(view.trials) == 3 and bool(view.trials[2].run), "the third trial")
    searches.stop_search(name)
    stopped = wait_for(name, lambda view: not view.at_work, "the stop")
    rested = runs.get_run(stopped.trials[2].run).status

    done = subprocess.run(
        [sys.executable, "-m", "skin_core", "search", "--resume", "--study", name, "--json"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {
        "name": name,
        "killed": killed,
        "alive": alive,
        "stopped": stopped,
        "rested": rested,
        "document": json.loads(done.stdout),
        "told": done.stderr,
        "first_run": run,
    }


def test_a_killed_search_is_seen_and_its_trial_goes_on(story: dict) -> None:
    assert "resume it to go on" in story["killed"].error
    assert story["killed"].resumable
    # Its run did not notice.
    assert story["alive"] in ("running", "finished")


def test_the_trial_left_open_was_picked_up_with_its_run(story: dict) -> None:
    view = searches.get_search(story["name"])
    assert view.trials[0].run == story["first_run"]
    assert view.baseline == view.trials[0]
    assert view.trials[0].settings == {"learning_rate": GOOD, "epochs": FEW}
    # Nothing was trained twice, and each run is one trial's.
    mine = [run for run in runs.list_runs() if run.tags.get("search") == story["name"]]
    assert sorted(run.tags["trial"] for run in mine) == ["1", "2", "3"]
    for trial in view.trials:
        run = runs.get_run(trial.run)
        assert run.tags == {"search": "story", "trial": str(trial.number)}
        assert run.title == f"story, trial {trial.number}"
        assert run.config.learning_rate == trial.settings["learning_rate"]
        history = runs.epoch_history(trial.run)
        assert list(history["epoch"]) == list(range(1, run.epoch + 1))


def test_a_finished_trial_has_its_runs_figure_and_curve(story: dict) -> None:
    trial = searches.get_search(story["name"]).trials[0]
    run = runs.get_run(trial.run)
    assert (trial.state, run.status) == ("finished", "finished")
    assert trial.value == run.best["val_loss"]
    history = runs.epoch_history(trial.run)
    assert trial.curve == tuple(zip(history["epoch"], history["val_loss"], strict=True))
    assert trial.seconds > 0


def test_a_trial_that_falls_behind_is_given_up_and_its_run_stopped_cleanly(story: dict) -> None:
    view = searches.get_search(story["name"])
    trial = view.trials[1]
    assert trial.settings == {"learning_rate": BAD, "epochs": MANY}
    assert trial.state == "pruned"
    run = runs.get_run(trial.run)
    assert run.status == "stopped"
    assert run.epoch < MANY
    # Judged at its own epoch: worse there than the first trial was.
    behind = max(epoch for epoch, _ in trial.curve)
    assert trial.why == f"Behind after epoch {behind}."
    assert min(value for _, value in trial.curve) > dict(view.trials[0].curve)[behind]
    # A stopped run is whole: its report is there, and it could go on.
    assert run.resumable and (run.directory / "artifacts" / "confusion_matrix.png").is_file()


def test_a_stop_stops_the_run_too_and_both_go_on(story: dict) -> None:
    stopped = story["stopped"]
    assert stopped.status == "stopped"
    assert [trial.state for trial in stopped.trials] == ["finished", "pruned", "running"]
    # It was asked while it was still loading, and did not train an epoch first.
    assert (story["rested"], stopped.trials[2].curve) == ("stopped", ())
    view = searches.get_search(story["name"])
    assert view.status == "finished"
    assert view.trials[2].run == stopped.trials[2].run
    assert view.trials[2].state == "finished"
    assert len(view.trials[2].curve) == FEW


def test_the_command_line_tells_the_trials_and_the_best(story: dict) -> None:
    document, view = story["document"], searches.get_search(story["name"])
    assert document["status"] == "finished"
    assert [trial["run"] for trial in document["trials"]] == [trial.run for trial in view.trials]
    finished = [trial for trial in view.trials if trial.state == "finished"]
    best = min(finished, key=lambda trial: trial.value)
    assert (document["best"]["run"], document["best"]["value"]) == (best.run, best.value)
    assert "flattered" in document["caution"] and "test split was not touched" in document["caution"]
    assert f"Trial 3 of 3: {view.trials[2].value:.4f}" in story["told"]
    assert f"best so far {best.value:.4f} (trial {best.number})" in story["told"]


def test_the_command_trains_with_the_best_settings(story: dict) -> None:
    words = shlex.split(story["document"]["best"]["command"])
    assert words[:4] == ["python", "-m", "skin_core", "train"]
    data, family = words[4], words[words.index("--family") + 1]
    overrides = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
    again = RunConfig.parse(apply_overrides(default_config(family, data).model_dump(), overrides))
    best = runs.get_run(story["document"]["best"]["run"]).config
    assert again == best.model_copy(update={"title": ""})


def test_the_tracking_store_knows_where_a_run_comes_from(story: dict) -> None:
    from mlflow import MlflowClient

    from skin_core.training.tracking import tracking_uri

    client = MlflowClient(tracking_uri())
    for trial in searches.get_search(story["name"]).trials:
        tags = client.get_run(runs.get_run(trial.run).tracking_id).data.tags
        assert (tags["lesionlab.search"], tags["lesionlab.trial"]) == ("story", str(trial.number))


def test_no_trial_read_the_test_split(story: dict) -> None:
    for trial in searches.get_search(story["name"]).trials:
        files = {path.name for path in runs.get_run(trial.run).directory.iterdir()}
        assert "predictions_validation.npz" in files
        assert not {"evaluation.json", "predictions_test.npz"} & files


def test_a_finished_search_goes_on_only_with_more_trials(story: dict) -> None:
    with pytest.raises(SearchError, match="has had its 3 trials; give a larger number"):
        searches.resume_search(story["name"])
    with pytest.raises(SearchError, match="not at work"):
        searches.stop_search(story["name"])


def test_a_name_is_taken_once(story: dict, demo_ham10000: Path) -> None:
    config = searches.propose(run_config(demo_ham10000), space=["batch_size=8,16"])
    with pytest.raises(SearchError, match="There is a search 'story' already"):
        searches.create_search(config, name="story")
    assert [search.name for search in searches.list_searches()].count("story") == 1


@pytest.mark.parametrize("name", ["../story", "Upper", ".hidden", "a b", "x" * 81])
def test_a_name_that_is_none_is_told(name: str, demo_ham10000: Path) -> None:
    config = searches.propose(run_config(demo_ham10000), space=["batch_size=8,16"])
    with pytest.raises(SearchError, match="lower-case letters"):
        searches.create_search(config, name=name)
    with pytest.raises(SearchError, match="There is no search"):
        searches.get_search(name)


def test_what_its_runs_would_refuse_is_refused_at_once(tmp_path: Path, demo_ham10000: Path) -> None:
    with pytest.raises(DataSourceError, match="does not exist"):
        searches.create_search(searches.propose(run_config(tmp_path / "gone"), space=["batch_size=8,16"]))
    frozen = run_config(demo_ham10000, freeze_backbone=True)
    with pytest.raises(ConfigError, match="no pretrained backbone"):
        searches.create_search(searches.propose(frozen, space=["batch_size=8,16"]))
    before = [search.name for search in searches.list_searches()]
    with pytest.raises(
        ConfigError, match="4 folds would train as many networks a trial; set folds to 0, and cross-val"
    ):
        searches.start_search(searches.propose(run_config(demo_ham10000, folds=4), space=["batch_size=8,16"]))
    assert [search.name for search in searches.list_searches()] == before
    with pytest.raises(ConfigError, match="'batch_size' is both set and searched"):
        searches.propose(run_config(demo_ham10000), space=["batch_size=8,16"], fixed=["batch_size"])
    with pytest.raises(ConfigError, match="names 'batch_size' twice"):
        searches.propose(run_config(demo_ham10000), space=["batch_size=8,16", "batch_size=8,32"])
    with pytest.raises(ConfigError, match="startup_trials"):
        searches.propose(run_config(demo_ham10000), space=["batch_size=8,16"], startup_trials=0)


def test_one_failure_after_the_other_ends_the_search(demo_ham10000: Path) -> None:
    """Each trial asks for what a frozen backbone cannot do, so that no run is ever made."""
    config = default_config("mobilenet_v2", str(demo_ham10000))
    proposed = searches.propose(config, space=["augmentation.mixup=0.2,0.3"])
    folder = SearchFolder.of(searches.create_search(proposed, name="hopeless", trials=5))
    with pytest.raises(SearchError, match=r"3 trials in a row failed, .* MixUp and CutMix"):
        Search(folder, lambda: False).run()
    trials = folder.read_trials()
    assert [(trial.state, trial.run) for trial in trials] == [("failed", None)] * 3
    assert all("frozen backbone sees each image once" in trial.why for trial in trials)


def test_the_time_left_is_told_from_what_trials_took() -> None:
    # Nothing is known before the first run knows its own time.
    assert seconds_left([], 5, None, 4) is None
    # 5 s spent and 15 s to go make 20 s a trial; three more follow.
    assert seconds_left([], 5, 15, 4) == 15 + 3 * 20
    # Two took 10 s and 20 s, so the usual is 15 s; this one's run says 4 s; one more follows.
    assert seconds_left([10, 20], 3, 4, 4) == 4 + 15
    # The run cannot tell yet: what is left of the usual.
    assert seconds_left([10, 20], 6, None, 3) == 9
    assert seconds_left([10, 20], 60, None, 3) == 0


def test_the_service_loads_no_heavy_library() -> None:
    code = (
        "import sys, skin_core.services.searches; "
        "print([name for name in ('optuna', 'sqlalchemy', 'tensorflow', 'mlflow', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
