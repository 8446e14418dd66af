"""Makes a bundle of several bundles: one graph of their networks, fitted to pictures that none of them was trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from skin_core.errors import BundleError
from skin_core.evaluation.calibration import calibrated
from skin_core.paths import models_dir
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import child, trust
from skin_core.screening.bundle import Bundle, check_name, checked_bytes
from skin_core.screening.cost import milliseconds
from skin_core.screening.draft import PARITY_SAMPLES
from skin_core.screening.engine import Engine
from skin_core.screening.ensemble_members import check_members, described, member_record, tested, views_of
from skin_core.screening.ensemble_pictures import Pictures, common_validation, given_pictures
from skin_core.screening.fitted import fitted
from skin_core.screening.gate import Gate
from skin_core.screening.gate_fitting import GATE_IMAGES
from skin_core.screening.loss import engine_losses
from skin_core.screening.members import EnsembleRecord
from skin_core.screening.outputs import outputs_of
from skin_core.screening.pooling import Pool
from skin_core.screening.publish import name_taken, write_bundle
from skin_core.screening.record import BundleInfo, EngineRecord
from skin_core.screening.seen import pack_together, unpack
from skin_core.screening.served import SAMPLE, from_files
from skin_core.screening.truth import scored
from skin_core.screening.variant import TOLERANCE

# Largest difference in probability between the ensemble's graph and its members' own engines, pooled by NumPy, and
# between pictures from the cache and from their files: rounding, and no more.
AGREES = 1e-3


@dataclass(frozen=True)
class _Seen:
    """What members say of pictures.

    Attributes:
        pixels: uint8 (M, S, S, 3), by row of the manifest.
        tabular: float32 (M, F) or None.
        logits: float32 (m, N, C), of the pictures to fit to.
    """

    pixels: np.ndarray
    tabular: np.ndarray | None
    logits: np.ndarray


def make_ensemble(
    names: Sequence[str | Path],
    name: str,
    *,
    how: str = "mean",
    data: str | Path | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> BundleInfo:
    """Makes an ensemble of bundles and puts it on the allow-list.

    Args:
        names: of two bundles or more, by name in ``models/`` or by folder.
        name: of the ensemble, ``[a-z0-9_-]+``, not taken.
        how: "mean" or "rank"; see `screening.pooling`.
        data: a labelled set of which no member has seen a picture, to fit calibration, risk and threshold to; None takes
            the validation pictures that the members' runs have in common.
        overwrite: replaces a bundle of that name.
        progress: told what is done.

    Raises:
        BundleError: for a bad or taken name, members that do not go together, or a graph that differs from them.
        DataSourceError: if the set cannot be read.
        LeakError: if a member was trained on what would be fitted to.
        WorkspaceError: if there is no space.
    """
    check_name(name)
    target = models_dir() / name
    if target.exists() and not overwrite:
        raise name_taken(name)
    members = [Bundle.load(each) for each in names]
    infos = [member.info for member in members]
    check_members(infos)
    if target in [info.path for info in infos]:
        raise BundleError(f"'{name}' is one of the members; give the ensemble a name of its own.")
    prints = pack_together([checked_bytes(info, "signatures.npz") for info in infos])
    if data is None:
        pictures = common_validation(infos, progress)
    else:
        pictures = given_pictures(infos, unpack(prints), data, progress)
    with tempfile.TemporaryDirectory(prefix="lesionlab-ensemble-") as folder:
        info = _made(members, pictures, how, Path(folder), own_split=data is None, progress=progress)
        info = info.model_copy(update={"name": name, "created": datetime.now(UTC).isoformat(timespec="seconds")})
        progress(Progress("Writing the bundle", 0, 0))
        files: dict[str, bytes | Path] = {
            file: Path(folder) / file for file in ("screen.tflite", "model.keras", "gate.npz")
        }
        published = write_bundle({**files, "signatures.npz": prints}, info, target, overwrite=overwrite)
    trust.allow(published.digest, name)
    return published


def _made(
    members: Sequence[Bundle],
    pictures: Pictures,
    how: str,
    out: Path,
    *,
    own_split: bool,
    progress: ProgressCallback,
) -> BundleInfo:
    """The record of the ensemble, still without a name; its large files lie in ``out``."""
    infos = [member.info for member in members]
    pictures, seen = _look(members, pictures, progress)
    temperatures = np.array([info.calibration.temperature for info in infos])
    zeros = (0.0,) * len(infos[0].classes)
    pool = Pool.fit(how, seen.logits, temperatures, np.array([info.calibration.bias or zeros for info in infos]))
    progress(Progress("Exporting to LiteRT and comparing with Keras", 0, 0))
    exported = _export(members, pool, pictures, seen, out)
    engine = Engine((out / "screen.tflite").read_bytes())
    rows = pictures.rows
    on_rows = outputs_of(engine, seen.pixels, rows, seen.tabular, what="Calibrating the ensemble", progress=progress)
    _check_agrees(on_rows.logits, pool(seen.logits))
    gate = _gate(engine, pictures, seen, on_rows.features, own_split, progress)
    (out / "gate.npz").write_bytes(gate.to_bytes())

    progress(Progress("Figures with intervals", 0, 0))
    frame, groups = pictures.manifest.frame.iloc[rows], pictures.groups[rows]
    kind = exported["engine"]
    paces = [_pace(each, seen, rows) for each in [engine, *(member.engine for member in members)]]
    record = EngineRecord(
        kind=kind, size=(out / "screen.tflite").stat().st_size, milliseconds=paces[0], tolerance=TOLERANCE[kind]
    )
    info = described(infos).model_copy(update={"precision": kind, "engine": record, "parity": exported["parity"]})
    info = fitted(info, frame, pictures.labels[rows], groups, on_rows.logits, seed=pictures.seed, word=pictures.word)
    mine = scored(info, frame, groups, on_rows.logits)
    records = tuple(
        member_record(
            member.info,
            milliseconds=pace,
            losses=engine_losses(scored(member.info, frame, groups, logits), mine, groups, seed=pictures.seed),
        )
        for member, logits, pace in zip(members, seen.logits, paces[1:], strict=True)
    )
    ensemble = EnsembleRecord(how=how, members=records, fitted_on=pictures.told, has_test=own_split and tested(infos))
    info = info.model_copy(update={"ensemble": ensemble})
    served, n = _served(Bundle(info, engine, gate), pictures, on_rows.logits, progress)
    return info.model_copy(update={"parity": {**info.parity, "served": served, "served_n": float(n)}})


def _look(members: Sequence[Bundle], pictures: Pictures, progress: ProgressCallback) -> tuple[Pictures, _Seen]:
    """Decodes the pictures, leaves out what cannot be decoded, and asks each member."""
    from skin_core.data.cache import open_pixels

    info = members[0].info
    cache = open_pixels(
        pictures.manifest, size=info.image_size, crop=info.crop, constancy=info.color_constancy, progress=progress
    )
    failed = pictures.manifest.frame["image_id"].isin(set(cache.failed)).to_numpy(dtype=bool)
    pictures = replace(
        pictures, rows=pictures.rows[~failed[pictures.rows]], beside=pictures.beside[~failed[pictures.beside]]
    )
    if not len(pictures.rows):
        raise BundleError(
            "None of the pictures that the ensemble would be fitted to can be read any more; bring the data set back to where it was."
        )
    encoder = next((member.encoder for member in members if member.encoder is not None), None)
    tabular = None if encoder is None else encoder.encode(pictures.manifest.frame)
    logits = []
    for member in members:
        beside = None if member.encoder is None else tabular
        what = f"Asking {member.info.name}"
        logits.append(
            outputs_of(member.engine, cache.pixels, pictures.rows, beside, what=what, progress=progress).logits
        )
    return pictures, _Seen(cache.pixels, tabular, np.stack(logits))


def _export(members: Sequence[Bundle], pool: Pool, pictures: Pictures, seen: _Seen, out: Path) -> dict:
    places = np.unique(np.linspace(0, len(pictures.rows) - 1, PARITY_SAMPLES).round().astype(int))
    some = pictures.rows[places]
    samples = {"images": np.asarray(seen.pixels[some])}
    if seen.tabular is not None:
        samples["tabular"] = seen.tabular[some]
    np.savez(out / "samples.npz", **samples)
    (out / "pool.npz").write_bytes(pool.to_bytes())
    request = {
        "models": [str(member.keras_model()) for member in members],
        "views": [views_of(member.info) for member in members],
        "pool": str(out / "pool.npz"),
        "samples": str(out / "samples.npz"),
        # Weights that were rounded for one member's file are rounded already; one that was not would change.
        "engine": "float16" if all(member.info.precision == "float16" for member in members) else "float32",
        "out": str(out),
    }
    return child.call("skin_core.screening.ensemble_worker", request)


def _check_agrees(given: np.ndarray, wanted: np.ndarray) -> None:
    """The graph must say of every picture what its members' own engines say, pooled."""
    # np.max, because Python's max() would hide a NaN.
    difference = float(np.max(np.abs(calibrated(given, 1.0) - calibrated(wanted, 1.0))))
    if not difference <= AGREES:
        raise BundleError(
            f"The ensemble's graph differs by {difference:.2g} in probability from what its members' own engines say (expected at most {AGREES:g}); publish the members again with this version, then make it."
        )


def _gate(
    engine: Engine, pictures: Pictures, seen: _Seen, features: np.ndarray, own_split: bool, progress: ProgressCallback
) -> Gate:
    """What the members' pictures look like; without their runs, what half of the given set looks like."""
    chosen = np.random.default_rng(pictures.seed).permutation(len(pictures.beside))[:GATE_IMAGES]
    beside = pictures.beside[np.sort(chosen)]
    what = "Learning what its pictures look like"
    learnt = outputs_of(engine, seen.pixels, beside, seen.tabular, what=what, progress=progress)
    limits = np.ones(len(pictures.rows), bool) if own_split else ~np.isin(pictures.rows, pictures.beside)
    rows = pictures.rows[limits]
    return Gate.fit(learnt.features, np.asarray(seen.pixels[beside]), features[limits], np.asarray(seen.pixels[rows]))


def _served(bundle: Bundle, pictures: Pictures, logits: np.ndarray, progress: ProgressCallback) -> tuple[float, int]:
    """Largest difference in probability between pictures from their files and from the cache, and of how many."""
    places = np.unique(np.linspace(0, len(pictures.rows) - 1, min(SAMPLE, len(pictures.rows))).round().astype(int))
    outputs = from_files(bundle, pictures.manifest, pictures.rows[places], progress)
    given = np.concatenate([output.probabilities for output in outputs])
    difference = float(np.max(np.abs(given - calibrated(logits[places], 1.0))))
    if not difference <= AGREES:
        raise BundleError(
            f"Screened from their files, {len(places)} pictures get other probabilities than from the members' runs (by up to {difference:.2g}): files or columns have changed since; train the members again."
        )
    return difference, len(places)


def _pace(engine: Engine, seen: _Seen, rows: np.ndarray) -> float:
    some = rows[:PARITY_SAMPLES]
    tabular = None if seen.tabular is None or not engine.n_tabular else seen.tabular[some]
    return milliseconds(engine, np.asarray(seen.pixels[some]), tabular)
