"""Runs seen from outside: made, refused, queued, alive or not, without a worker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from skin_core import locks
from skin_core.config import RunConfig
from skin_core.errors import ConfigError, DataSourceError, RunError
from skin_core.recipes import recipe
from skin_core.services import runs
from skin_core.training import publishable, queue, store
from skin_core.training.folder import BATCH_COLUMNS, RunFolder, append_rows
from skin_core.training.liveness import is_alive, record_worker
from skin_core.training.process import sentence_of


def make(data, **values) -> str:
    return runs.create_run(RunConfig.parse({"data": str(data), "family": "light_cnn", "weights": "random", **values}))


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_new_run_is_queued_and_empty(tmp_path):
    run_id = make(tmp_path, title="first")
    view = runs.get_run(run_id)
    assert (view.status, view.title, view.epoch, view.best_epoch) == ("queued", "first", 0, None)
    assert not view.publishable
    assert runs.epoch_history(run_id).empty
    assert runs.batch_history(run_id).empty
    assert runs.log_tail(run_id) == ""


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"family": "no_such"}, ConfigError, "light_cnn"),
        ({"features": ["age"]}, ConfigError, "no columns"),
        ({"freeze_backbone": True}, ConfigError, "no pretrained backbone"),
        ({"family": "mobilenet_v2", "freeze_backbone": True, "augmentation": {"mixup": 0.2}}, ConfigError, "MixUp"),
        ({"start_from": "no-such-run"}, RunError, "no run 'no-such-run'"),
        ({"data": "/no/such/folder"}, DataSourceError, "does not exist"),
    ],
)
def test_what_cannot_work_is_refused_at_once(tmp_path, changes, error, said):
    before = len(runs.list_runs())
    with pytest.raises(error, match=said):
        make(**{"data": tmp_path, **changes})
    assert len(runs.list_runs()) == before


def test_a_run_that_has_no_weights_yet_cannot_be_started_from(tmp_path):
    with pytest.raises(RunError, match="no weights"):
        make(tmp_path, start_from=make(tmp_path))


def test_the_second_part_of_a_recipe_needs_the_run_of_the_first(tmp_path):
    """Without it the part would train from other weights and give itself out for what it is not."""
    second = recipe("starter_finer")
    data = str(tmp_path / "set")
    (tmp_path / "set").mkdir()
    with pytest.raises(RunError, match="train that one first, then name it as start_from"):
        runs.create_run(second.config(data), recipe="starter_finer")
    first = runs.create_run(recipe("starter").config(data), recipe="starter")
    assert runs.to_go_on_from("starter_finer", data) == "", "it has no epoch yet"
    RunFolder.of(first).update_state(status="stopped", best_epoch=3)
    assert runs.to_go_on_from("starter_finer", data) == first
    assert runs.to_go_on_from("starter_finer", str(tmp_path)) == "", "it was trained on other data"
    assert runs.to_go_on_from("starter", data) == "", "it goes on from nothing"
    RunFolder.of(first).model.write_bytes(b"")
    assert runs.get_run(runs.create_run(second.config(data, first), recipe="starter_finer")).config.start_from == first


@pytest.mark.parametrize("name", ["nothing", "../escape", "", "UPPER"])
def test_an_unknown_run_is_a_sentence(name):
    with pytest.raises(RunError, match="There is no run"):
        runs.get_run(name)


def test_a_worker_that_is_gone_shows_as_interrupted(tmp_path, sleeper):
    run_id = make(tmp_path)
    folder = RunFolder.of(run_id)
    record_worker(folder, sleeper.pid)
    folder.update_state(status="running")
    assert runs.get_run(run_id).status == "running"
    sleeper.kill()
    # Not waited for: the dead child is a zombie, and a zombie trains nothing.
    end = time.monotonic() + 5
    while runs.get_run(run_id).status == "running" and time.monotonic() < end:
        time.sleep(0.02)
    assert runs.get_run(run_id).status == "interrupted"


def test_another_process_under_the_same_number_is_no_worker(tmp_path, sleeper):
    folder = RunFolder.of(make(tmp_path))
    record_worker(folder, sleeper.pid)
    assert is_alive(folder)
    identity = json.loads(folder.worker.read_text())
    folder.worker.write_text(json.dumps({**identity, "created": identity["created"] - 1000}))
    assert not is_alive(folder)


def test_elsewhere_only_the_heartbeat_counts(tmp_path, sleeper):
    folder = RunFolder.of(make(tmp_path))
    record_worker(folder, sleeper.pid)
    identity = json.loads(folder.worker.read_text())
    folder.worker.write_text(json.dumps({**identity, "host": "another"}))
    assert not is_alive(folder)
    folder.heartbeat.write_text("now")
    assert is_alive(folder)
    os.utime(folder.heartbeat, (time.time() - 60, time.time() - 60))
    assert not is_alive(folder)


def test_stop_is_a_request(tmp_path, sleeper):
    run_id = make(tmp_path)
    folder = RunFolder.of(run_id)
    record_worker(folder, sleeper.pid)
    folder.update_state(status="running")
    runs.stop_run(run_id)
    assert runs.get_run(run_id).status == "stopping"
    with pytest.raises(RunError, match="already"):
        runs.resume_run(run_id)
    with pytest.raises(RunError, match="at work"):
        runs.delete_run(run_id)


def test_the_queue_is_in_order_of_start_and_skips_the_dead(tmp_path, sleeper):
    first, second, third = (make(tmp_path) for _ in range(3))
    for run_id in (second, first, third):
        queue.take_ticket(run_id)
        record_worker(RunFolder.of(run_id), sleeper.pid)
    assert [queue.runs_ahead(run_id) for run_id in (second, first, third)] == [0, 1, 2]
    sleeper.kill()
    sleeper.wait()
    assert queue.runs_ahead(third) == 0
    for run_id in (first, second, third):
        queue.leave(run_id)


def test_one_run_has_the_device(tmp_path, sleeper):
    first, second = make(tmp_path), make(tmp_path)
    looks = []

    class EnoughError(Exception):
        pass

    def look(ahead: int) -> None:
        looks.append(ahead)
        if len(looks) == 2:
            raise EnoughError

    queue.take_ticket(first)
    queue.take_ticket(second)
    with queue.device_turn(first, look):
        with pytest.raises(EnoughError), queue.device_turn(second, look):
            pass
        assert looks == [1, 1]
    with queue.device_turn(second, look):
        assert len(looks) == 2


HOLDS = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_whoever_waits_in_vain_for_a_run_is_told_in_a_sentence(tmp_path, monkeypatch):
    run_id = make(tmp_path)
    folder = RunFolder.of(run_id)
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.1)
    command = [sys.executable, "-c", HOLDS, str(folder.lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        said = f"Run {run_id} is being started or changed by another process, .* after 0.1 seconds; let it end"
        for wanted in (store.start, runs.delete_run, lambda run: publishable.record_published(run, "name")):
            with pytest.raises(RunError, match=said):
                wanted(run_id)
        holder.communicate()
    publishable.record_published(run_id, "name")
    assert publishable.published(folder) == ("name",)


def test_a_run_that_is_deleted_is_gone(tmp_path):
    run_id = make(tmp_path)
    folder = RunFolder.of(run_id)
    folder.update_state(status="stopped")
    runs.delete_run(run_id)
    with pytest.raises(RunError):
        runs.get_run(run_id)
    assert not folder.path.exists()


def test_a_damaged_run_does_not_hide_the_others(tmp_path):
    good, bad = make(tmp_path), make(tmp_path)
    RunFolder.of(bad).state.write_text("{")
    assert good in [run.run_id for run in runs.list_runs()]
    with pytest.raises(RunError, match="cannot be read"):
        runs.get_run(bad)
    shutil.rmtree(RunFolder.of(bad).path)


def test_published_names_are_kept(tmp_path):
    run_id = make(tmp_path)
    store.record_published(run_id, "b")
    store.record_published(run_id, "a")
    store.record_published(run_id, "b")
    assert runs.get_run(run_id).bundles == ("a", "b")


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    run_id = make(tmp_path)
    target = RunFolder.of(run_id).batches
    append_rows(target, BATCH_COLUMNS, [{"step": 1, "epoch": 1, "loss": 0.5}, {"step": 9, "epoch": 2, "loss": 0.25}])
    with open(target, "a") as stream:
        stream.write("17,3,0.1")
    assert runs.batch_history(run_id).to_dict("list") == {"step": [1, 9], "epoch": [1, 2], "loss": [0.5, 0.25]}


def test_the_log_is_told_by_its_end(tmp_path):
    run_id = make(tmp_path)
    RunFolder.of(run_id).log.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert runs.log_tail(run_id, 2) == "line 998\nline 999"


def test_errors_become_sentences():
    assert "out of memory" in sentence_of(MemoryError())
    assert "No space" in sentence_of(OSError(28, "No space left on device"))
    unexpected = sentence_of(ValueError("odd\nsecond line"))
    assert unexpected == "Training stopped because of an unexpected error (ValueError: odd); the log has the details."
    assert sentence_of(MemoryError(), "The search").startswith("The search ran out of memory;")


def test_the_service_loads_no_heavy_library():
    code = (
        "import sys, skin_core.services.runs; "
        "print([name for name in ('tensorflow', 'keras', 'mlflow', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
