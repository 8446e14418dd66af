"""A training step of ``light_cnn``: LesionLab, the same network in PyTorch, our own light family, the arithmetic."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np

from bench.harness import ROOT, Answering, Report, in_turn, ratio

_TORCH = ROOT / "bench" / "alternatives" / "light_cnn_step_torch.py"


def run(quick: bool) -> Report:
    """Each contestant is a process of its own, so that the thread pools of two libraries do not get in each other's way.

    The floor is the step's multiplications over what a large matrix product reaches here.
    """
    side, batch, steps, repeats = (32, 8, 2, 3) if quick else (128, 32, 4, 9)
    sizes = [str(side), str(batch), str(steps)]
    commands = {
        name: [sys.executable, "-m", "bench.training_step", name, *sizes] for name in ("light_cnn", "light_residual")
    }
    report = Report(
        "Training step of light_cnn",
        settings={
            "side": side,
            "batch": batch,
            "steps a repeat": steps,
            "repeats": repeats,
            "data": "one batch in memory",
        },
    )
    if python := _python_with_torch():
        commands["light_cnn in PyTorch"] = [python, str(_TORCH), *sizes]
    else:
        report.notes.append("PyTorch is not installed (make bench installs it): left out")
    with ExitStack() as stack:
        processes = {name: stack.enter_context(Answering(command)) for name, command in commands.items()}
        in_turn({name: process.ask for name, process in processes.items()}, repeats=1)
        # Each tells its own seconds: what the pipe costs is not counted.
        rounds = [{name: float(process.ask()) / steps for name, process in processes.items()} for _ in range(repeats)]
    report.seconds = {name: [taken[name] for taken in rounds] for name in commands}
    _compare(report, batch, 3 * 2 * batch * _multiplications(side) / _matrix_product(512 if quick else 3072))
    return report


def _compare(report: Report, batch: int, floor: float) -> None:
    seconds = report.seconds
    ours, theirs = seconds["light_cnn"], seconds.get("light_cnn in PyTorch")
    if theirs:
        report.ratios.append(ratio("PyTorch over ours", theirs, ours, at_least=1.2))
    report.ratios.append(ratio("light_cnn over light_residual", ours, seconds["light_residual"], at_least=5))
    report.ratios.append(ratio("ours over the arithmetic alone", ours, [floor] * len(ours)))
    for name, taken in seconds.items():
        report.figures[f"{name}, images a second"] = batch / float(np.median(taken))


def _python_with_torch() -> str | None:
    for python in (str(ROOT / ".venv-torch" / "bin" / "python"), sys.executable):
        try:
            found = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
        except FileNotFoundError:
            continue
        if found.returncode == 0:
            return python
    return None


def _multiplications(side: int) -> float:
    """Of one image's forward pass through ``light_cnn``; backward takes twice as many."""
    total = side**2 * 9 * 3 * 32
    width, area = 32, side**2
    for filters in (64, 128, 256):
        total += area * (9 * width + width * filters)
        width, area = filters, area // 4
    return float(total + 256 * 256 + 256 * 7)


def _matrix_product(side: int) -> float:
    """Floating-point operations a second that a square matrix product reaches here."""
    matrix = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    matrix @ matrix
    fastest = math.inf
    for _ in range(5):
        begun = time.perf_counter()
        matrix @ matrix
        fastest = min(fastest, time.perf_counter() - begun)
    return 2 * side**3 / fastest
