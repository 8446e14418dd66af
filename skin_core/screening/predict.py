"""Predicts a whole set into a csv, a few pictures at a time."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_core.data.images import ImageReader
from skin_core.errors import SkinCoreError
from skin_core.imaging.decode import to_input
from skin_core.paths import atomic_path
from skin_core.progress import ProgressCallback, tracked
from skin_core.screening.bundle import Bundle
from skin_core.screening.screen import decide
from skin_core.screening.spreadsheet import without_formula

if TYPE_CHECKING:
    from skin_core.data.manifest import Manifest

_CHUNK = 64
# What a picture that cannot be read gets in the competition's form, which has no room for "not known".
_NO_OPINION = 0.5


def predict_manifest(bundle: Bundle, manifest: Manifest, out: Path, progress: ProgressCallback) -> dict[str, Any]:
    """See `services.publishing.predict_set`."""
    info = bundle.info
    is_form = manifest.source == "isic2024" and bool(manifest.frame["label"].isna().all())
    form = out.with_name("submission.csv") if is_form and info.has_risk and out.name != "submission.csv" else None
    counts = {"unreadable": 0, "refused": 0}
    formulas = 0
    with ExitStack() as files:
        table = _writer(files, out)
        table.writerow(
            ["image_id", "malignancy", "decision", "distance", *(f"p_{name}" for name in info.class_names), "error"]
        )
        submission = _writer(files, form) if form else None
        if submission:
            submission.writerow(["isic_id", "target"])
        rows = _predicted(bundle, manifest)
        for image_id, values, target, kind in tracked(rows, "Predicting", len(manifest), progress):
            cell = without_formula(image_id)
            formulas += cell is not image_id
            table.writerow([cell, *values[:-1], without_formula(values[-1])])
            if kind in counts:
                counts[kind] += 1
            if submission:
                # A program compares it, by exact id.
                submission.writerow([image_id, f"{target:.8g}"])
    notes = list(manifest.notes)
    if formulas:
        notes.append(
            f"{formulas} names that a spreadsheet would take for a formula stand in {out.name} with ' in front of them."
        )
    if counts["unreadable"]:
        notes.append(f"{counts['unreadable']} pictures could not be read; their rows say why.")
    if counts["refused"]:
        notes.append(f"{counts['refused']} pictures are unlike the training pictures and got no risk.")
    if form and counts["unreadable"]:
        notes.append(f"In {form.name} an unreadable picture has the target {_NO_OPINION}.")
    return {"n": len(manifest), "out": str(out), "submission": str(form) if form else None, **counts, "notes": notes}


def _writer(files: ExitStack, target: Path):
    temporary = files.enter_context(atomic_path(target.absolute()))
    # The file is closed, and so complete, before atomic_path renames it: the stack unwinds backwards.
    return csv.writer(files.enter_context(open(temporary, "w", newline="", encoding="utf-8")))


def _predicted(bundle: Bundle, manifest: Manifest) -> Iterator[tuple[str, list[Any], float, str]]:
    """(image id, cells after it, target, "ok" or "refused" or "unreadable") in the manifest's order."""
    info = bundle.info
    reader = ImageReader(manifest.root)
    empty = [""] * (3 + len(info.class_names))

    def pixels(location: str) -> np.ndarray | str:
        try:
            return to_input(reader.bytes(location), info.image_size, info.crop, info.color_constancy, name=location)
        except SkinCoreError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count() or 2) as threads:
        for start in range(0, len(manifest), _CHUNK):
            frame = manifest.frame.iloc[start : start + _CHUNK]
            found = list(threads.map(pixels, frame["location"].tolist()))
            good = [index for index, value in enumerate(found) if not isinstance(value, str)]
            scores = iter(())
            if good:
                tabular = bundle.encoder.encode(frame.iloc[good]) if bundle.encoder else None
                scores = iter(_scores(bundle, np.stack([found[index] for index in good]), tabular))
            for image_id, value in zip(frame["image_id"].tolist(), found, strict=True):
                if isinstance(value, str):
                    yield image_id, [*empty, value], _NO_OPINION, "unreadable"
                else:
                    cells, target, kind = next(scores)
                    yield image_id, cells, target, kind


def _scores(bundle: Bundle, images: np.ndarray, tabular: np.ndarray | None) -> Iterator[tuple[list[Any], float, str]]:
    output = bundle.engine.run(images, tabular)
    distances = bundle.gate.score(output.features, images)
    probabilities = bundle.calibrated(output.logits)
    risks = bundle.malignancy(output.logits)
    for index, distance in enumerate(distances):
        risk = None if risks is None else float(risks[index])
        target = _NO_OPINION if risk is None else risk
        if not distance <= 1:
            blank = [""] * len(bundle.info.class_names)
            yield ["", "refused", f"{distance:.4g}", *blank, ""], target, "refused"
            continue
        told = "" if risk is None else f"{risk:.6g}"
        classes = [f"{value:.6g}" for value in probabilities[index]]
        yield [told, decide(bundle.info, risk)[0], f"{distance:.4g}", *classes, ""], target, "ok"
