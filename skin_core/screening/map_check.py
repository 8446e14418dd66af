"""Checks a run's heat maps by numbers, on validation: kept beside its draft bundle, and carried into what is published.

The maps are those that a reader is shown: Grad-CAM of the class that the Screen page opens with, on pictures that the
gate lets through. Everything runs on the engine that is published; the network with random weights came with the draft,
whose export had TensorFlow loaded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skin_core.evaluation.bootstrap import with_intervals
from skin_core.evaluation.curves import Curve
from skin_core.evaluation.faithfulness import KINDS, MAPS, STEPS, check_maps, map_agreement
from skin_core.evaluation.metrics import mean_of
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening.bundle import Bundle
from skin_core.screening.draft import Draft, groups_of, usable_rows
from skin_core.screening.engine import Engine
from skin_core.screening.gate import Gate
from skin_core.screening.map_record import Band, CheckedMaps, MapCheck, Measured, read_checked
from skin_core.screening.random_graph import RANDOM, one_of_each_group, random_graph, statistics_rows
from skin_core.screening.screen import shown_first
from skin_core.screening.truth import group_word
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared, load_prepared

if TYPE_CHECKING:
    from skin_core.data.cache import PixelCache

# Pictures, and the processor time in seconds of a pass up to which so many are looked at: at most about a minute on two
# cores, but for networks that take a tenth of a second and whose evaluation takes an hour anyway. Processor time and
# not the clock's, so that what else a machine does hardly changes how many they are.
SAMPLES = ((64, 0.03), (32, 0.06), (16, float("inf")))
_TIMED = 5


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
    if looked is None:
        kept = CheckedMaps()
    else:
        random = Engine(_random_graph(folder, made, cache, prepared, groups, progress))
        kept = _measured(bundle, random, looked, groups, seed, progress)
    kept = kept.model_copy(
        update={"check": kept.check.model_copy(update={"group_word": group_word(prepared.manifest)})}
    )
    write_text(path, kept.model_dump_json(indent=1) + "\n")
    # As large as the engine, and of no use any more.
    (made.path / RANDOM).unlink(missing_ok=True)
    return kept


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
    bundle: Bundle, random: Engine, looked: _Looked, groups: np.ndarray, seed: int, progress: ProgressCallback
) -> CheckedMaps:
    def score(pictures: np.ndarray, index: int) -> np.ndarray:
        output = bundle.engine.run(pictures, looked.beside(index, len(pictures)))
        return bundle.calibrated(output.logits)[:, looked.columns[index]]

    own = groups[looked.rows]
    found = check_maps(score, looked.squares, looked.maps, own, seed=seed, progress=progress)
    progress(Progress("Comparing with a network of random weights", 0, 0))
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


def _random_graph(
    folder: RunFolder,
    made: Draft,
    cache: PixelCache,
    prepared: Prepared,
    groups: np.ndarray,
    progress: ProgressCallback,
) -> bytes:
    try:
        return (made.path / RANDOM).read_bytes()
    except FileNotFoundError:
        # A draft of an older version, or one whose record of the maps was damaged.
        progress(Progress("Making a network of random weights", 0, 0))
    seed = folder.read_config().seed
    rows = statistics_rows(usable_rows(cache, prepared, "validation"), groups, seed)
    tabular = None if prepared.tabular is None else prepared.tabular[rows]
    return random_graph(folder.model, np.asarray(cache.pixels[rows]), tabular, seed)


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
