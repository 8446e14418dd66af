"""A training step under each of Keras' backends: the same code, the same networks, one process each."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench.harness import ROOT, Answering, Report, ratio

_PYTHONS = {
    "tensorflow": Path(sys.executable),
    "jax": ROOT / ".venv-jax" / "bin" / "python",
    "torch": ROOT / ".venv-torch" / "bin" / "python",
}
# Family and side of the image, the larger network first.
_NETWORKS = {"mobilenet_v2": 160, "light_residual": 128}
_SMALL = {"isic_cnn": 32, "light_residual": 32}


def run(quick: bool) -> Report:
    """All weights are trained, from random ones.

    Each backend uses the threads that it takes by itself. JAX compiles at the first step, which is not timed.
    """
    batch, steps, repeats = (4, 1, 2) if quick else (32, 2, 5)
    report = Report(
        "Training step under Keras' backends",
        settings={"batch": batch, "steps a repeat": steps, "repeats": repeats, "data": "one batch in memory"},
    )
    there = [name for name in _PYTHONS if _has(name)]
    report.notes += [
        f"{name} is not installed (make bench installs it): left out" for name in _PYTHONS if name not in there
    ]
    networks = _SMALL if quick else _NETWORKS
    for network, side in networks.items():
        _measure(report, network, side, batch, steps, repeats, there)
    large, small = (report.seconds[_title(network, side, there[0])] for network, side in networks.items())
    report.ratios.append(ratio(f"{' over '.join(networks)}, {there[0]}", large, small))
    return report


def _measure(
    report: Report, network: str, side: int, batch: int, steps: int, repeats: int, backends: list[str]
) -> None:
    names = {backend: _title(network, side, backend) for backend in backends}
    with ExitStack() as stack:
        processes = {
            names[backend]: stack.enter_context(
                Answering(
                    [
                        *("env", f"KERAS_BACKEND={backend}", str(_PYTHONS[backend]), "-m", "bench.training_step"),
                        *(network, str(side), str(batch), str(steps)),
                    ]
                )
            )
            for backend in backends
        }
        for process in processes.values():
            process.ask()
        # In turn, so that a machine that slows down slows all of them; each tells its own seconds.
        rounds = [{name: float(process.ask()) / steps for name, process in processes.items()} for _ in range(repeats)]
    for name in processes:
        report.seconds[name] = [taken[name] for taken in rounds]
        report.figures[f"{name}, images a second"] = batch / float(np.median(report.seconds[name]))
    for backend in backends[1:]:
        over, under = report.seconds[names[backend]], report.seconds[names[backends[0]]]
        report.ratios.append(ratio(f"{network}: {backend} over {backends[0]}", over, under))


def _title(network: str, side: int, backend: str) -> str:
    return f"{network} at {side} px, {backend}"


def _has(backend: str) -> bool:
    try:
        # Asked for only, not loaded, which takes seconds: a broken one is told by its first step.
        code = f"from importlib.util import find_spec; assert find_spec('{backend}') and find_spec('keras')"
        found = subprocess.run([str(_PYTHONS[backend]), "-c", code], env={}, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return found.returncode == 0
