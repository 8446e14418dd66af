"""A run's draft bundle: exported, checked against Keras, calibrated on validation. Evaluation and publishing share it.

It lies in the run's folder under a key made of the model's hash, so a run that trained on gets a new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_core.errors import BundleError, WorkspaceError
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback
from skin_core.screening import child
from skin_core.screening.cost import milliseconds
from skin_core.screening.engine import Engine
from skin_core.screening.fitted import fitted
from skin_core.screening.gate_fitting import fit_gate
from skin_core.screening.loss import engine_losses
from skin_core.screening.origin import describe
from skin_core.screening.outputs import Outputs, outputs_of
from skin_core.screening.predictions import save_predictions
from skin_core.screening.random_graph import RANDOM, statistics_rows
from skin_core.screening.record import BundleInfo, EngineRecord
from skin_core.screening.truth import group_word, scored
from skin_core.screening.variant import TOLERANCE, Variant
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared, load_prepared

if TYPE_CHECKING:
    from skin_core.data.cache import PixelCache

VERSION = 7
VALIDATION = "predictions_validation.npz"
PARITY_SAMPLES = 8
# Training pictures that an int8 engine takes its ranges from, and a pruned one its statistics.
EXAMPLES = 200
AS_TRAINED = Variant()


@dataclass(frozen=True)
class Draft:
    """What `draft` made.

    Attributes:
        info: complete but for name, test figures and hashes.
        path: folder with ``screen.tflite``, ``model.keras`` and ``gate.npz``.
        key: names the model that it was made of.
    """

    info: BundleInfo
    path: Path
    key: str

    def engine(self) -> Engine:
        """The exported graph."""
        return Engine((self.path / "screen.tflite").read_bytes())


def draft(folder: RunFolder, progress: ProgressCallback, variant: Variant = AS_TRAINED) -> Draft:
    """The draft of a run's best model, made at the first call.

    Args:
        folder: of a run that has a best model.
        progress: told what is done.
        variant: the engine's form.

    Raises:
        BundleError: if the model cannot be exported, or LiteRT differs from Keras.
    """
    key = _key(folder, variant)
    path = folder.path / "export" / key
    # Drafts of older versions kept no predictions, from which an operating point could be chosen.
    if not ((path / "draft.json").is_file() and (path / VALIDATION).is_file()):
        child.require_tensorflow()
        path.parent.mkdir(exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=path.parent))
        try:
            _make(folder, making, progress, variant)
            shutil.rmtree(path, ignore_errors=True)
            os.rename(making, path)
        except OSError as error:
            raise WorkspaceError(
                f"The export of run {folder.run_id} cannot be written ({error.strerror}); free some space and try again."
            ) from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
        # Drafts of models that the run has left behind.
        for other in path.parent.iterdir():
            if not other.name.startswith((key.partition("-")[0], ".")):
                shutil.rmtree(other, ignore_errors=True)
    return kept_draft(path)


def kept_draft(path: Path) -> Draft:
    """A draft that was made before, from its folder.

    Raises:
        BundleError: if its record is damaged.
    """
    return Draft(BundleInfo.parse((path / "draft.json").read_text(encoding="utf-8"), name="draft"), path, path.name)


def usable_rows(cache: PixelCache, prepared: Prepared, split: str) -> np.ndarray:
    """Rows of a split whose pictures could be decoded."""
    rows = prepared.rows(split)
    failed = prepared.manifest.frame["image_id"].iloc[rows].isin(set(cache.failed)).to_numpy(dtype=bool)
    return rows[~failed]


def groups_of(folder: RunFolder, prepared: Prepared) -> np.ndarray:
    """Object (N,): what must stay together (lesion, patient, twins), for each row of the run's manifest."""
    import pandas as pd

    table = pd.read_csv(folder.split, dtype=str, keep_default_na=False).set_index("image_id")["group"]
    return table.loc[prepared.manifest.frame["image_id"].tolist()].to_numpy(dtype=object)


def _make(folder: RunFolder, out: Path, progress: ProgressCallback, variant: Variant) -> None:
    from skin_core.data.cache import open_pixels

    config = folder.read_config()
    prepared = load_prepared(folder)
    cache = open_pixels(
        prepared.manifest, size=config.image_size, crop=config.crop, constancy=config.color_constancy, progress=progress
    )
    validation = usable_rows(cache, prepared, "validation")
    if not len(validation):
        raise BundleError(f"Run {folder.run_id} has no validation picture left; the bundle could not be calibrated.")
    all_groups = groups_of(folder, prepared)
    groups = all_groups[validation]
    rows = {
        "train": usable_rows(cache, prepared, "train"),
        "validation": validation,
        "random": statistics_rows(validation, all_groups, config.seed),
    }

    progress(Progress("Exporting to LiteRT and comparing with Keras", 0, 0))
    exported = _export(folder, out, cache, rows, prepared.tabular, variant, config.seed)
    engine = Engine((out / "screen.tflite").read_bytes())
    on_validation = outputs_of(
        engine, cache.pixels, validation, prepared.tabular, what="Calibrating on validation", progress=progress
    )
    gate = fit_gate(engine, config, cache.pixels, prepared.tabular, rows, on_validation, progress)
    (out / "gate.npz").write_bytes(gate.to_bytes())

    progress(Progress("Figures with intervals", 0, 0))
    record = EngineRecord(
        kind=exported["engine"],
        pruned=variant.prune,
        views=variant.views,
        size=(out / "screen.tflite").stat().st_size,
        milliseconds=_pace(engine, cache, validation, prepared.tabular),
        tolerance=TOLERANCE[exported["engine"]],
    )
    described = describe(folder, config, prepared)
    info = described.model_copy(update={"parity": exported["parity"], "precision": record.kind, "engine": record})
    frame, labels = prepared.manifest.frame.iloc[validation], prepared.labels[validation]
    facts = {"seed": config.seed, "word": group_word(prepared.manifest), "equal_shares": config.equal_shares}
    info = fitted(info, frame, labels, groups, on_validation.logits, **facts)
    _keep_validation(out, info, prepared, groups, validation, on_validation)
    full = out / "full.tflite"
    if full.exists():
        what = "Comparing with the engine as trained"
        trained = Engine(full.read_bytes())
        by_full = outputs_of(trained, cache.pixels, validation, prepared.tabular, what=what, progress=progress)
        as_trained = fitted(described, frame, labels, groups, by_full.logits, **facts)
        loss = engine_losses(
            scored(as_trained, frame, groups, by_full.logits),
            scored(info, frame, groups, on_validation.logits),
            groups,
            seed=config.seed,
        )
        beside = {
            "full_size": full.stat().st_size,
            "full_milliseconds": _pace(trained, cache, validation, prepared.tabular),
            "loss": loss,
        }
        record = record.model_copy(update=beside)
        info = info.model_copy(update={"engine": record})
        full.unlink()
    write_text(out / "draft.json", info.model_dump_json(indent=1))


def _pace(engine: Engine, cache: PixelCache, rows: np.ndarray, tabular: np.ndarray | None) -> float:
    some = rows[:PARITY_SAMPLES]
    return milliseconds(engine, np.asarray(cache.pixels[some]), None if tabular is None else tabular[some])


def _keep_validation(
    out: Path, info: BundleInfo, prepared: Prepared, groups: np.ndarray, rows: np.ndarray, outputs: Outputs
) -> None:
    """What the engine says of validation, for curves that agree with the figures to the last digit."""
    frame = prepared.manifest.frame.iloc[rows]
    found = scored(info, frame, groups, outputs.logits, group_word=group_word(prepared.manifest))
    save_predictions(out / VALIDATION, frame["image_id"].to_numpy(dtype=object), found)


def _export(
    folder: RunFolder,
    out: Path,
    cache: PixelCache,
    rows: dict[str, np.ndarray],
    tabular: np.ndarray | None,
    variant: Variant,
    seed: int,
) -> dict:
    validation, training = rows["validation"], rows["train"]
    places = np.unique(np.linspace(0, len(validation) - 1, PARITY_SAMPLES).round().astype(int))
    chosen = {"": validation[places], "random": rows["random"]}
    if variant.engine == "int8" or variant.prune:
        # What an engine is fitted to is training pictures only.
        chosen["examples"] = training[:: max(1, len(training) // EXAMPLES)][:EXAMPLES]
    samples = {}
    for prefix, some in chosen.items():
        samples[prefix or "images"] = np.asarray(cache.pixels[some])
        if tabular is not None:
            samples[f"{prefix}_tabular".lstrip("_")] = tabular[some]
    np.savez(out / "samples.npz", **samples)
    request = {
        "model": str(folder.model),
        "samples": str(out / "samples.npz"),
        "out": str(out),
        "engine": variant.engine,
        "prune": variant.prune,
        "views": variant.views,
        "random": RANDOM,
        "seed": seed,
    }
    answer = child.call("skin_core.screening.export_worker", request)
    (out / "samples.npz").unlink()
    return answer


def _key(folder: RunFolder, variant: Variant) -> str:
    try:
        with open(folder.model, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except FileNotFoundError:
        raise BundleError(f"Run {folder.run_id} has no best model yet; let it finish an epoch.") from None
    return "-".join(part for part in (digest, f"v{VERSION}", variant.key) if part)
