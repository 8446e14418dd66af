"""Memory of the training worker and of ``predict`` as sets grow tenfold: it has to stay flat.

Told is anonymous resident memory (RssAnon), looked at twenty times a second: what the process has taken for itself.
Pages of memory-mapped pixel caches are the system's; they count in the resident total (VmHWM), which is told beside it,
and go as soon as anybody needs them.

The pictures are small: what has to stay flat hangs on how many there are. Takes ten minutes on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.harness import ROOT, Report, ratio
from bench.many import blended_set
from skin_core.models.registry import default_config
from skin_core.paths import workspace
from skin_core.services.runs import create_run, get_run
from skin_core.training import queue

_BUNDLE = "bench-memory"
_SECONDS_BETWEEN = 0.05
_PICTURE = (80, 60)


def run(quick: bool) -> Report:
    """See the module."""
    sizes = (60, 120) if quick else (5_000, 20_000, 50_000)
    whole = blended_set(sizes[-1], bases=12 if quick else 120, size=_PICTURE)
    report = Report(
        "peak memory of training and of prediction as a set grows",
        settings={"pictures": ", ".join(f"{n:,}" for n in sizes), "family": "light_cnn at 32 pixels, one epoch"},
        notes=[__doc__.split("\n\n")[1].strip().replace("\n", " ")],
    )
    parts = [_part(whole, n) for n in sizes]
    peaks = {"training": [_trained(data) for data in (parts[:1] if quick else parts)]}
    # Publishing takes as long as all the rest of a small run: that one predicts with the bundle that is there.
    bundle = "starter" if quick else _published(peaks["training"][0].run_id)
    peaks["predict"] = [
        _watched(_command("predict", bundle, str(data), "--out", str(workspace() / "out.csv"))) for data in parts
    ]
    for what, found in peaks.items():
        for n, peak in zip(sizes, found, strict=False):
            report.figures |= {f"{what}, {n:,}: own MB": peak.own_mb, f"{what}, {n:,}: with maps MB": peak.total_mb}
        growth = f"{what}: own memory, {sizes[0]:,} to {sizes[-1]:,} pictures"
        report.ratios.append(ratio(growth, [found[-1].own_mb], [found[0].own_mb], at_most=1.25))
    if not quick:
        streamed = _trained(parts[-1], {"LESIONLAB_CACHE_GB": "0.00001"})
        report.figures[f"training without a pixel cache, {sizes[-1]:,}: own MB"] = streamed.own_mb
    return report


@dataclass(frozen=True)
class _Peak:
    own_mb: float
    total_mb: float
    run_id: str = ""


def _published(run_id: str) -> str:
    os.environ["LESIONLAB_MODELS"] = str(workspace() / "models")
    if not (workspace() / "models" / _BUNDLE).exists():
        command = _command("publish", run_id, "--name", _BUNDLE, "--without-test")
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return _BUNDLE


def _part(whole: Path, n: int) -> Path:
    """The first pictures of a set, as hard links."""
    place = workspace() / f"part-{n}"
    for path in sorted(whole.rglob("*.jpg"), key=lambda path: path.name)[:n]:
        link = place / path.relative_to(whole)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.link(path, link)
    return place


def _trained(data: Path, environment: Mapping[str, str] | None = None) -> _Peak:
    config = default_config("light_cnn", str(data))
    run_id = create_run(config.model_copy(update={"epochs": 1, "image_size": 32, "batch_size": 256}))
    queue.take_ticket(run_id)
    peak = _watched([sys.executable, "-m", "skin_core.training.worker", run_id], environment)
    view = get_run(run_id)
    if view.status != "finished":
        raise RuntimeError(f"the run is {view.status}: {view.error}")
    return replace(peak, run_id=run_id)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "skin_core", *words]


def _watched(command: Sequence[str], environment: Mapping[str, str] | None = None) -> _Peak:
    """Runs a command to its end: its largest anonymous and its largest resident memory, in 10⁶ bytes."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    own = total = 0.0
    while process.poll() is None:
        found = _memory(process.pid)
        own, total = max(own, found.get("RssAnon", 0.0)), max(total, found.get("VmHWM", 0.0))
        time.sleep(_SECONDS_BETWEEN)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return _Peak(own, total)


def _memory(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    fields = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(value) * 1024 / 1e6 for name, value, _ in fields}
