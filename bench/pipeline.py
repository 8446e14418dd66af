"""First and later epochs of the pipeline on HAM10000 at 128 px, against a Pillow loop that decodes in every epoch.

An epoch is every picture once, shuffled, as uint8 batches of 32 with targets: both hand bytes to the network's step,
which casts them. The floor is the decoding
and resizing alone, on all cores, with nothing made of the pixels.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from bench.harness import Report, in_turn, ratio
from bench.images import drawn_set, real_set
from skin_core.data.batches import training_batches
from skin_core.data.cache import open_pixels
from skin_core.data.manifest import Manifest
from skin_core.data.sources import read_manifest
from skin_core.paths import cache_dir

SIZE, BATCH = 128, 32


def run(quick: bool) -> Report:
    """Three rounds of: the floor, the Pillow loop, a first epoch from a cold cache, a second one from the warm cache."""
    place = None if quick else real_set("ham10000")
    manifest = read_manifest(place or drawn_set("ham10000", 64))
    paths = [str(manifest.root / location) for location in manifest.frame["location"]]
    targets = np.unique(manifest.frame["label"].to_numpy(dtype=object), return_inverse=True)[1].astype(np.int32)
    _import_tensorflow()
    epochs = iter(range(1_000_000))
    # A run opens its pixels once, in its first epoch.
    opened: list[np.ndarray] = []
    rounds = 1 if quick else 3
    seconds = in_turn(
        {
            "decode and resize alone": lambda: _floor(paths),
            "Pillow loop, one epoch": lambda: _loop(paths, targets, next(epochs)),
            "LesionLab, first epoch": lambda: opened.append(_first(manifest, targets)),
            "LesionLab, later epoch": lambda: _epoch(opened[-1], targets, next(epochs)),
        },
        repeats=rounds,
        warmups=1,
    )
    floor, loop, first, later = seconds.values()
    report = Report(
        "Pipeline: first and later epochs",
        settings={"images": len(paths), "size": SIZE, "batch": BATCH, "set": "HAM10000" if place else "drawn"},
        seconds=seconds,
        ratios=[
            ratio("floor over LesionLab's first epoch", floor, first, at_least=0.9),
            ratio("Pillow loop over LesionLab's later epochs", loop, later, at_least=20),
            ratio("Pillow loop over LesionLab's first epoch", loop, first),
        ],
        figures={
            "first epoch, images/s": len(paths) / float(np.median(first)),
            "later epochs, images/s": len(paths) / float(np.median(later)),
            "cached pixels, MB": len(paths) * SIZE * SIZE * 3 / 1e6,
        },
    )
    with Image.open(paths[0]) as picture:
        report.notes.append(f"The pictures have {picture.width} × {picture.height} pixels; HAM10000 is published at "
                            "600 × 450, where decoding takes longer and the ratio for later epochs is larger.")  # fmt: skip
    return report


def _import_tensorflow() -> None:
    # Its start is another bench's; the loop needs none.
    import tensorflow as tf

    tf.data.Dataset.range(1)


def _decode(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _floor(paths: list[str]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in threads.map(_decode, paths):
            pass


def _loop(paths: list[str], targets: np.ndarray, epoch: int) -> None:
    """What a data loader written by hand does: threads decode, the main thread makes batches of what comes."""
    order = np.random.default_rng(epoch).permutation(len(paths))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            images = np.stack(list(threads.map(_decode, [paths[row] for row in rows])))
            _used(images, targets[rows])


def _first(manifest: Manifest, targets: np.ndarray) -> np.ndarray:
    shutil.rmtree(cache_dir() / "pixels", ignore_errors=True)
    pixels = open_pixels(manifest, size=SIZE, crop="squash").pixels
    _epoch(pixels, targets, 0)
    return pixels


def _epoch(pixels: np.ndarray, targets: np.ndarray, epoch: int) -> None:
    rows = np.arange(len(targets))
    seen = 0
    for inputs, target, _ in training_batches(pixels, rows, targets, batch_size=BATCH, seed=0, epoch=epoch):
        seen += _used(inputs["image"], target)
    assert seen == len(targets)


def _used(images, targets) -> int:
    assert images.shape[1:] == (SIZE, SIZE, 3) and len(images) == len(targets)
    return len(images)
