"""Reports as tables for a terminal and for the README, and as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from bench.harness import ROOT, Ratio, Report

RESULTS = ROOT / "bench" / "results"
_PACKAGES = (
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "streamlit",
    "tf-keras-vis",
    "torch",
    "jax",
    "numpy",
    "pillow",
    "pandas",
)


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    model = "unknown"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        model = platform.processor() or model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def write(name: str, report: Report, where: dict[str, object]) -> Path:
    """Writes ``bench/results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    record = {
        "bench": name,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": where,
        **asdict(report),
    }
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return target


def as_text(name: str, report: Report) -> str:
    """The report for a terminal."""
    lines = [f"{name}: {report.title}", "  " + ", ".join(f"{key} {value}" for key, value in report.settings.items())]
    width = max((len(key) for key in (*report.seconds, *report.figures)), default=0)
    for key, seconds in report.seconds.items():
        lines.append(f"  {key:<{width}}  {_time(float(np.median(seconds)))}  (of {len(seconds)})")
    lines += [f"  {key:<{width}}  {_figure(value)}" for key, value in report.figures.items()]
    lines += [f"  {_ratio_words(found)}" for found in report.ratios]
    return "\n".join([*lines, *(f"  note: {note}" for note in report.notes)])


def table() -> str:
    """The README's table, from the results on disk."""
    lines = ["| what was compared | ratio (smallest to largest) | target |", "| --- | --- | --- |"]
    for path in sorted(RESULTS.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        for entry in found["ratios"]:
            ratio = Ratio(**entry)
            span = f"{ratio.value:.3g} ({ratio.low:.3g} to {ratio.high:.3g})"
            lines.append(f"| {found['title']}: {ratio.what} | {span} | {_target(ratio)} |")
    return "\n".join(lines)


def _ratio_words(ratio: Ratio) -> str:
    return f"{ratio.what}: {ratio.value:.3g}× ({ratio.low:.3g} to {ratio.high:.3g})  {_target(ratio)}".rstrip()


def _target(ratio: Ratio) -> str:
    if ratio.reached is None:
        return ""
    asked = f"≥ {ratio.at_least:g}" if ratio.at_least is not None else f"≤ {ratio.at_most:g}"
    return f"{asked}: {'reached' if ratio.reached else 'missed'}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "undefined" if value is None else str(value)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
