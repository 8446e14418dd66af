"""Every bench runs, at a small size, as a person would run it; and its arithmetic."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from bench import report
from bench.__main__ import names
from bench.harness import ROOT, Report, in_turn, ratio, whole_process


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", names())
def test_bench_runs_small(name: str) -> None:
    command = [sys.executable, "-m", "bench", name, "--quick"]
    # Benches screen with the shipped model, not with a test's.
    environment = {key: value for key, value in os.environ.items() if key != "LESIONLAB_MODELS"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(f"{name}: ")
    assert "×" in done.stdout


def test_contestants_take_turns_and_warm_ups_do_not_count() -> None:
    calls: list[str] = []
    found = in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2, warmups=1)
    assert "".join(calls) == "ababab"
    assert [len(found[name]) for name in "ab"] == [2, 2]


def test_a_ratio_is_the_median_of_pairs() -> None:
    found = ratio("a over b", [2.0, 9.0, 4.0], [1.0, 3.0, 4.0], at_least=2)
    assert (found.value, found.low, found.high, found.reached) == (2.0, 1.0, 3.0, True)
    assert ratio("a over b", [3.0], [2.0], at_most=1.2).reached is False
    assert ratio("a over b", [3.0], [2.0]).reached is None


def test_a_process_is_measured_from_outside() -> None:
    own = np.ones(400_000_000, np.uint8)  # What the measuring process holds is not counted.
    code = "import time; block = b'x' * 200_000_000; time.sleep(0.3); print(len(block))"
    found = whole_process([sys.executable, "-c", code])
    assert found.output.strip() == "200000000"
    assert found.seconds >= 0.3
    assert 200 < found.peak_mb < 300 < own.nbytes / 1e6
    with pytest.raises(RuntimeError, match="ended with 3: sorry"):
        whole_process([sys.executable, "-c", "print('sorry'); raise SystemExit(3)"])


def test_the_table_is_made_of_what_was_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    found = Report("Pipeline", ratios=[ratio("loop over ours", [4.0], [2.0], at_least=1.5)])
    written = report.write("pipeline", found, report.machine())
    assert json.loads(written.read_text())["machine"]["cores"] >= 1
    assert report.table().splitlines()[-1] == "| Pipeline: loop over ours | 2 (2 to 2) | ≥ 1.5: reached |"
