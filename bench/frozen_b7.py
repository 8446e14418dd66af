"""Five epochs on a frozen EfficientNetB7 from a cold cache: features once, against the backbone in every epoch.

All contestants are whole processes, from the start of the interpreter to the last epoch's figures. The tutorial's way
and the floor are in ``bench/alternatives/frozen_b7_keras.py``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from bench.harness import Finished, Ratio, Report, ratio, whole_process
from bench.images import drawn_set, real_set
from skin_core.augmentation import Augmentation
from skin_core.errors import WeightsError
from skin_core.models.families.mobilenet_v2 import IMAGENET
from skin_core.models.registry import default_config, family
from skin_core.models.weights import find
from skin_core.paths import cache_dir
from skin_core.services.runs import create_run, epoch_history, get_run
from skin_core.training import queue

_VIEWS = 2
# A quick run takes the smaller of the families that freeze a backbone under one sigmoid, on the same way.
_FAMILY, _SMALL = "efficientnet_b7", "mobilenet_v2"


def run(quick: bool) -> Report:
    """See the module."""
    real = None if quick else real_set("malignant-benign")
    data = real or drawn_set("folder", 32 if quick else 800)
    # The set's own test folder takes a fifth; training and validation together are what is asked for.
    n, size, epochs = (20, 32, 1) if quick else (500, 224, 5)
    settings = {
        "family": _SMALL if quick else _FAMILY,
        **{"image_size": size, "epochs": epochs, "max_images": n * 5 // 4, "schedule": "constant"},
    }
    run_id, ours = _trained(data, settings)
    floor, floor_said = _alternative("floor", run_id)
    seconds = {"LesionLab": [ours.seconds], "floor": [floor.seconds]}
    history = epoch_history(run_id)
    report = Report(
        f"frozen {family(settings['family']).title}, {size} pixels, {epochs} epochs on {floor_said['images']} pictures, cold cache",
        settings={"set": "malignant-benign" if real else "drawn", "weights": "random", "batch": 32},
        seconds=seconds,
        ratios=[ratio("LesionLab over floor", seconds["LesionLab"], seconds["floor"], at_most=1.05)],
        figures={
            "floor: start, network and pictures, s": floor_said["ready"],
            "floor: one forward pass, s": floor_said["features"] - floor_said["ready"],
            "floor: training the head, s": floor_said["end"] - floor_said["features"],
            "LesionLab: epochs, s": float(history["seconds"].sum()),
            "LesionLab: validation AUC, last epoch": float(history["val_auc"].iloc[-1]),
        },
        notes=[
            "Random weights: the arithmetic is that of ImageNet's, the accuracy means nothing.",
            "Floor: the same start, one compiled forward pass, and the head trained on features in memory.",
        ],
    )
    if quick:
        return report
    tutorial, said = _alternative("tutorial", run_id)
    seconds["tutorial"] = [tutorial.seconds]
    difference = max(abs(one - other) for one, other in zip(said["val_auc"], history["val_auc"], strict=True))
    changed = {**settings, "augmentation": Augmentation(flip="both", rotation=0.1), "cached_views": _VIEWS}
    seconds[f"LesionLab, augmented, {_VIEWS} views"] = [_trained(data, changed)[1].seconds]
    report.ratios += [
        ratio("tutorial over LesionLab", seconds["tutorial"], seconds["LesionLab"], at_least=4),
        Ratio("largest difference of validation AUC to the tutorial", *[difference] * 3, at_most=1e-3),
        ratio(
            f"tutorial over LesionLab augmented ({_VIEWS} cached views)",
            seconds["tutorial"],
            seconds[f"LesionLab, augmented, {_VIEWS} views"],
            at_least=2,
        ),
    ]
    report.notes.append("The tutorial's time is without augmentation, which would cost it a little more.")
    _same_with_pretrained(data, settings, report)
    return report


def _same_with_pretrained(data: Path, settings: dict, report: Report) -> None:
    """Whether both ways end at the same figures on features that mean something: with ImageNet weights that are here."""
    try:
        find("imagenet", IMAGENET)
    except WeightsError:
        report.notes.append("MobileNetV2's ImageNet weights are not here: the way was not compared on real features.")
        return
    # Losses and optimizer as the tutorial has them: no weighting of classes.
    changed = {**settings, "family": "mobilenet_v2", "balance": "none", "freeze_backbone": True, "weights": "imagenet"}
    run_id, _ = _trained(data, changed)
    _, said = _alternative("tutorial", run_id)
    history = epoch_history(run_id)
    difference = max(abs(one - other) for one, other in zip(said["val_auc"], history["val_auc"], strict=True))
    report.figures["MobileNetV2, ImageNet weights: validation AUC, last epoch"] = float(history["val_auc"].iloc[-1])
    title = "MobileNetV2 with ImageNet weights: largest difference of validation AUC to the tutorial"
    report.ratios.append(Ratio(title, *[difference] * 3, at_most=1e-3))


def _trained(data: Path, settings: dict) -> tuple[str, Finished]:
    for kept in ("features", "pixels", "signatures", "audits"):
        shutil.rmtree(cache_dir() / kept, ignore_errors=True)
    config = default_config(_FAMILY, str(data)).model_copy(update={"weights": "random", **settings})
    run_id = create_run(config)
    queue.take_ticket(run_id)
    finished = whole_process([sys.executable, "-m", "skin_core.training.worker", run_id])
    view = get_run(run_id)
    if view.status != "finished":
        raise RuntimeError(f"the run is {view.status}: {view.error}")
    return run_id, finished


def _alternative(mode: str, run_id: str) -> tuple[Finished, dict]:
    finished = whole_process([sys.executable, "-m", "bench.alternatives.frozen_b7_keras", mode, run_id])
    return finished, json.loads(finished.output.splitlines()[-1])
