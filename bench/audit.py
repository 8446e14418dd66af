"""The audit of a set, from its folder to the report, against decoding its pictures once and against imagehash.

imagehash as its documentation shows it: a perceptual hash a picture, and ``hash - other`` for every pair. imagededup,
which would bring a PyTorch of its own, runs in another environment where LESIONLAB_BENCH_IMAGEDEDUP names its
interpreter.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from bench.harness import ROOT, Ratio, Report, in_turn, ratio, whole_process
from bench.images import real_set
from bench.many import blended_set, planted
from skin_core.data.audit import AuditReport, audit
from skin_core.data.manifest import Manifest
from skin_core.data.sources import read_manifest
from skin_core.paths import cache_dir

_IMAGEDEDUP = "LESIONLAB_BENCH_IMAGEDEDUP"
# imagehash's pairs are timed for so many pictures against all others.
_SAMPLED = 50


def run(quick: bool) -> Report:
    """See the module."""
    small, large = (400, 1600) if quick else (10_000, 100_000)
    many = read_manifest(blended_set(large, bases=40 if quick else 300))
    few = many.with_frame(many.frame.sort_values("image_id").head(small))
    real = None if quick else real_set("ham10000")
    first = read_manifest(real) if real else few

    times = in_turn(
        {"decoding alone": lambda: _decode(first), "LesionLab": lambda: _audited(lambda: _read(real, first))},
        repeats=1 if quick else 3,
        warmups=0 if quick else 1,
    )
    hashing, pairs = _imagehash(first)
    times["imagehash, every pair"] = [hashing + pairs]
    grown = in_turn({"small": lambda: _audited(lambda: few)}, repeats=1 if quick else 3, warmups=0)["small"]
    reports: list[AuditReport] = []
    last = in_turn(
        {"decode": lambda: _decode(many), "audit": lambda: reports.append(_audited(lambda: many))},
        repeats=1,
        warmups=0,
    )
    times |= {
        f"LesionLab, {small:,} made": grown,
        f"LesionLab, {large:,} made": last["audit"],
        f"decoding {large:,} made": last["decode"],
    }
    exponent = math.log(last["audit"][0] / np.median(grown)) / math.log(large / small)
    ours = float(np.median(times["LesionLab"]))
    report = Report(
        f"audit of {len(first):,} pictures",
        settings={"set": "HAM10000" if real else "made of drawn lesions", "pictures": len(first), "grown to": large},
        seconds=times,
        ratios=[
            ratio("LesionLab over decoding alone", times["LesionLab"], times["decoding alone"], at_most=2),
            ratio(f"the same, {large:,} pictures", last["audit"], last["decode"], at_most=2),
            ratio("imagehash with every pair over LesionLab", times["imagehash, every pair"], [ours]),
            Ratio(f"growth exponent, {small:,} to {large:,} pictures", exponent, exponent, exponent, at_most=1.1),
        ],
        figures={
            "imagehash: hashes, s": hashing,
            "imagehash: pairs, s": pairs,
            "planted twins found, share": _found(reports[0], large),
            "other pairs found": len(reports[0].near_duplicates) - _hits(reports[0]),
        },
        notes=[
            f"imagehash's pairs: {_SAMPLED} pictures against all others, scaled to every pair; it looks for neither "
            "mirrored nor cropped copies.",
            "LesionLab: from the folder to the report, nothing cached; decoding alone: Pillow in a thread a core.",
        ],
    )
    if not quick:
        _add_imagededup(report, first.root, ours)
    return report


def _read(place: Path | None, known: Manifest) -> Manifest:
    return read_manifest(place) if place else known


def _audited(read: Callable[[], Manifest]) -> AuditReport:
    for kept in ("signatures", "audits"):
        shutil.rmtree(cache_dir() / kept, ignore_errors=True)
    return audit(read())


def _decode(manifest: Manifest) -> None:
    paths = [manifest.root / location for location in manifest.frame["location"]]

    def decode(start: int) -> None:
        for path in paths[start : start + 64]:
            with Image.open(path) as picture:
                picture.convert("RGB")

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        list(threads.map(decode, range(0, len(paths), 64)))


def _imagehash(manifest: Manifest) -> tuple[float, float]:
    """Seconds for the hashes, and for every pair of them."""
    import imagehash

    begun = time.perf_counter()
    hashes = []
    for location in manifest.frame["location"]:
        with Image.open(manifest.root / location) as picture:
            hashes.append(imagehash.phash(picture))
    hashed = time.perf_counter()
    compared = 0
    for one in hashes[:_SAMPLED]:
        for other in hashes:
            compared += (one - other) >= 0
    pairs = len(hashes) * (len(hashes) - 1) / 2
    return hashed - begun, (time.perf_counter() - hashed) / compared * pairs


def _add_imagededup(report: Report, root: Path, ours: float) -> None:
    python = os.environ.get(_IMAGEDEDUP)
    if not python:
        report.notes.append(f"imagededup was left out: {_IMAGEDEDUP} names no interpreter that has it.")
        return
    script = ROOT / "bench" / "alternatives" / "imagededup_search.py"
    seconds = float(whole_process([python, str(script), str(root)]).output.split()[-1])
    report.seconds["imagededup, PHash"] = [seconds]
    report.ratios.append(ratio("imagededup over LesionLab", [seconds], [ours]))


def _hits(report: AuditReport) -> int:
    pairs = {tuple(sorted((int(Path(a).stem), int(Path(b).stem)))) for a, b, _ in report.near_duplicates}
    return sum(1 for a, b in pairs if b == a + 1 and planted(b))


def _found(report: AuditReport, n: int) -> float:
    return _hits(report) / sum(planted(number) for number in range(n))
