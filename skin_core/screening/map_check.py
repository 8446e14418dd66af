"""Checks a run's heat maps by numbers, on validation: kept beside its draft bundle, and carried into what is published.

The maps are those that a reader is shown: Grad-CAM of the class that the Screen page opens with, on pictures that the
gate lets through. Everything runs on the engine that is published; only the network with random weights is made by
TensorFlow, in a process of its own, while the engine works.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skin_core.evaluation.bootstrap import with_intervals
from skin_core.evaluation.curves import Curve
from skin_core.evaluation.faithfulness import KINDS, MAPS, STEPS, check_maps, map_agreement
from skin_core.evaluation.metrics import mean_of
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import child
from skin_core.screening.bundle import Bundle
from skin_core.screening.draft import Draft, groups_of, usable_rows
from skin_core.screening.engine import Engine
from skin_core.screening.gate import Gate
from skin_core.screening.map_record import Band, CheckedMaps, MapCheck, Measured, read_checked
from skin_core.screening.screen import shown_first
from skin_core.screening.truth import group_word
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

# Pictures, and the processor time in seconds of a pass up to which so many are looked at: at most about a minute on two
# cores, but for networks that take a tenth of a second and whose evaluation takes an hour anyway. Processor time and
# not the clock's, so that what else a machine does hardly changes how many they are.
SAMPLES = ((64, 0.03), (32, 0.06), (16, float("inf")))
_TIMED = 5
# The random network's normalisation needs no more: each picture has thousands of places.
_FOR_STATISTICS = 16


@dataclass(frozen=True)
class _Looked:
    """The sample: N pictures with what the engine says of them.

    Attributes:
        rows: int (N,), of the run's pixel cache. squares: uint8 (N, S, S, 3). tabular: float32 (N, F) or None.
        columns: int (N,), the class whose map a reader is shown. maps: float32 (N, h, w), of that class.
        likeliest: float32 (N, h, w), map of the class that the network itself finds likeliest.
    """

    rows: np.ndarray
    squares: np.ndarray
    tabular: np.ndarray | None
    columns: np.ndarray
    maps: np.ndarray
    likeliest: np.ndarray

    def beside(self, index: int, n: int) -> np.ndarray | None:
        """The columns beside one picture, for n pictures made of it."""
        return None if self.tabular is None else np.repeat(self.tabular[index : index + 1], n, axis=0)


def checked_maps(folder: RunFolder, made: Draft, progress: ProgressCallback = ignore_progress) -> CheckedMaps:
    """What a run's maps show, measured at the first call.

    Args:
        folder: of the run. made: its draft, on whose engine everything is measured.
        progress: told what is done.

    Raises:
        BundleError: if the network with random weights cannot be made.
    """
    path = made.path / CheckedMaps.FILE
    known = read_checked(path)
    if known is not None:
        return known
    from skin_core.data.cache import open_pixels

    prepared = load_prepared(folder)
    info, seed = made.info, folder.read_config().seed
    cache = open_pixels(
        prepared.manifest, size=info.image_size, crop=info.crop, constancy=info.color_constancy, progress=progress
    )
    groups = groups_of(folder, prepared)
    bundle = Bundle(info, made.engine(), Gate.from_bytes((made.path / "gate.npz").read_bytes()))
    progress(Progress("Choosing pictures to check the heat maps on", 0, 0))
    rows = one_of_each_group(usable_rows(cache, prepared, "validation"), groups, seed)
    looked = _look(bundle, cache.pixels, rows, prepared.tabular)
    kept = CheckedMaps() if looked is None else _measured(folder, bundle, looked, groups, seed, progress)
    kept = kept.model_copy(
        update={"check": kept.check.model_copy(update={"group_word": group_word(prepared.manifest)})}
    )
    write_text(path, kept.model_dump_json(indent=1) + "\n")
    return kept


def one_of_each_group(rows: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """One row of each group, groups and rows in an order drawn by the seed.

    Args:
        rows: int (N,), rows of the run's manifest. groups: (M,), of all its rows.
    """
    drawn = rows[np.random.default_rng(seed).permutation(len(rows))]
    _, first = np.unique(np.asarray(groups)[drawn].astype(str), return_index=True)
    return drawn[np.sort(first)]


def _look(bundle: Bundle, pixels: np.ndarray, rows: np.ndarray, tabular: np.ndarray | None) -> _Looked | None:
    """Goes through the rows until enough pictures have passed the gate; how many is said by the pace."""
    kept: list[tuple[int, np.ndarray, int, np.ndarray, np.ndarray]] = []
    paces: list[float] = []
    wanted = SAMPLES[0][0]
    for row in rows:
        if len(kept) >= wanted:
            break
        square = np.asarray(pixels[row : row + 1])
        beside = None if tabular is None else tabular[row : row + 1]
        began = time.process_time()
        output = bundle.engine.run(square, beside)
        paces.append(time.process_time() - began)
        if len(paces) == _TIMED:
            wanted = next(n for n, up_to in SAMPLES if min(paces) <= up_to)
        if bundle.gate.score(output.features, square)[0] > 1:
            continue
        risk = bundle.malignancy(output.logits)
        column = shown_first(bundle.info, bundle.calibrated(output.logits)[0], None if risk is None else risk[0])
        likeliest = int(output.logits[0].argmax())
        kept.append((row, square[0], column, output.maps[0, column], output.maps[0, likeliest]))
    if not kept:
        return None
    chosen, squares, columns, maps, likeliest = zip(*kept, strict=True)
    return _Looked(
        rows=np.array(chosen),
        squares=np.stack(squares),
        tabular=None if tabular is None else tabular[list(chosen)],
        columns=np.array(columns),
        maps=np.stack(maps),
        likeliest=np.stack(likeliest),
    )


def _measured(
    folder: RunFolder, bundle: Bundle, looked: _Looked, groups: np.ndarray, seed: int, progress: ProgressCallback
) -> CheckedMaps:
    def score(pictures: np.ndarray, index: int) -> np.ndarray:
        output = bundle.engine.run(pictures, looked.beside(index, len(pictures)))
        return bundle.calibrated(output.logits)[:, looked.columns[index]]

    with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory(prefix="lesionlab-random-") as place:
        graph = pool.submit(_random_graph, folder, looked, Path(place), seed)
        own = groups[looked.rows]
        found = check_maps(score, looked.squares, looked.maps, own, seed=seed, progress=progress)
        progress(Progress("Comparing with a network of random weights", 0, 0))
        random = Engine(graph.result())
    agreement = map_agreement(looked.likeliest, _likeliest_maps(random, looked))
    defined = ~np.isnan(agreement)
    mean = with_intervals(lambda weights: {"": mean_of(weights, agreement[defined])}, own[defined], seed=seed)[""]
    curves = {kind: {name: _band(found.curve(kind, name, seed=seed)) for name in MAPS} for kind in KINDS}
    return CheckedMaps(
        check=MapCheck(
            n=len(looked.rows),
            steps=STEPS,
            figures={name: Measured.of(figure) for name, figure in found.figures(seed=seed).items()},
            agreement=Measured.of(mean),
            n_agreement=int(defined.sum()),
        ),
        shares=tuple(found.shares.tolist()),
        curves=curves,
    )


def _random_graph(folder: RunFolder, looked: _Looked, place: Path, seed: int) -> bytes:
    pictures = {"image": looked.squares[:_FOR_STATISTICS]}
    if looked.tabular is not None:
        pictures["tabular"] = looked.tabular[:_FOR_STATISTICS]
    np.savez(place / "pictures.npz", **pictures)
    out = place / "random.tflite"
    request = {"model": str(folder.model), "pictures": str(place / "pictures.npz"), "out": str(out), "seed": seed}
    child.call("skin_core.screening.random_worker", request)
    return out.read_bytes()


def _likeliest_maps(engine: Engine, looked: _Looked) -> np.ndarray:
    """Map of the likeliest class of each picture, (N, h, w): to a network with random weights no class means anything,
    and of its likeliest one the least is cut off below 0."""
    found = []
    for index in range(len(looked.squares)):
        output = engine.run(looked.squares[index : index + 1], looked.beside(index, 1))
        found.append(output.maps[0, output.logits[0].argmax()])
    return np.stack(found)


def _band(curve: Curve) -> Band:
    return Band(
        **{name: [None if np.isnan(v) else v for v in getattr(curve, name).tolist()] for name in ("y", "low", "high")}
    )
