"""From a configuration to what the network is fed: read, audit, split, encode, and keep all of it with the run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skin_core.config import RunConfig
from skin_core.data.manifest import COLUMNS, Manifest, as_manifest_types
from skin_core.errors import ConfigError, DataSourceError
from skin_core.paths import atomic_path, write_text
from skin_core.progress import Progress, ProgressCallback
from skin_core.training.ancestors import ancestors_of, without_seen_validation, write_signatures
from skin_core.training.folder import RunFolder
from skin_core.training.scores import POSITIVE_LEVELS
from skin_core.training.teachers import refuse_strangers, teaching_columns

if TYPE_CHECKING:
    from skin_core.data.audit import Signatures


@dataclass(frozen=True)
class Prepared:
    """A run's data, as it was when the run was first prepared; a resume reads it back unchanged.

    Attributes:
        manifest: the pictures of all three splits, and no others; of a cross-validated run, those of training and
            validation alone.
        split: object (N,), "train", "validation" or "test" for each row of the manifest.
        labels: int32 (N,), class number of each row.
        classes: C labels in output order (sorted).
        risk_levels: the risk level of each class, or None.
        tabular: float32 (N, F), the encoded columns beside the image, or None.
        synthetic: whether any picture is marked synthetic.
        fingerprint: of the manifest as the source read it.
        pictures: hex digest of the pixels of the manifest's pictures, in their order.
        notes: sentences the reader of the run must know.
    """

    manifest: Manifest
    split: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    risk_levels: tuple[str | None, ...]
    tabular: np.ndarray | None
    synthetic: bool
    fingerprint: str
    pictures: str
    notes: tuple[str, ...]

    def rows(self, split: str) -> np.ndarray:
        """Rows of the manifest in a split, int64, ascending."""
        return np.flatnonzero(self.split == split)


def prepare(folder: RunFolder, config: RunConfig, progress: ProgressCallback) -> Prepared:
    """Reads, audits and splits the data set of a run, or reads back what an earlier start of the run prepared.

    Raises:
        DataSourceError, ManifestError: if the set cannot be read.
        LeakError: if its own split leaks and the configuration neither cleans nor allows that.
        ConfigError: if the settings do not fit the data.
    """
    if not folder.prepared.exists():
        _prepare(folder, config, progress)
    return load_prepared(folder)


def load_prepared(folder: RunFolder) -> Prepared:
    """What `prepare` kept with a run; for evaluation and publishing, too.

    Raises:
        DataSourceError: if the run was never prepared.
    """
    try:
        facts = json.loads(folder.prepared.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataSourceError(f"Run {folder.run_id} never got as far as splitting its data; resume it.") from None
    frame = as_manifest_types(pd.read_parquet(folder.manifest))
    manifest = Manifest(frame, facts["source"], Path(facts["root"]), tuple(facts["manifest_notes"]))
    split = pd.read_csv(folder.split, dtype=str, keep_default_na=False).set_index("image_id")["split"]
    classes = tuple(facts["classes"])
    numbers = {label: number for number, label in enumerate(classes)}
    tabular = None
    if folder.tabular.exists():
        from skin_core.data.tabular import TabularEncoder

        encoder = TabularEncoder.from_dict(json.loads(folder.tabular.read_text(encoding="utf-8")))
        tabular = encoder.encode(frame)
    return Prepared(
        manifest=manifest,
        split=split.loc[frame["image_id"].tolist()].to_numpy(dtype=object),
        labels=frame["label"].map(numbers).to_numpy(dtype=np.int32),
        classes=classes,
        risk_levels=tuple(facts["risk_levels"]),
        tabular=tabular,
        synthetic=facts["synthetic"],
        fingerprint=facts["fingerprint"],
        pictures=facts.get("pictures", ""),
        notes=tuple(facts["notes"]),
    )


def _prepare(folder: RunFolder, config: RunConfig, progress: ProgressCallback) -> None:
    from skin_core.data.audit import audit, signatures, with_lesion_ids_of
    from skin_core.data.sources import read_manifest
    from skin_core.data.split import make_split

    progress(Progress("Reading the data set", 0, 0))
    manifest = read_manifest(config.data, risk_levels=config.risk_levels)
    _check_features(manifest, config)
    others = [read_manifest(other) for other in config.lesion_ids_from]
    manifest, borrowed = with_lesion_ids_of(manifest, others, progress)
    prints = signatures(manifest, progress=progress)
    progress(Progress("Auditing the data set", 0, 0))
    report = audit(manifest, progress=progress)
    write_text(folder.audit, json.dumps(report.to_json(), indent=1))
    split = make_split(
        manifest,
        report,
        seed=config.partition_seed,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        clean=config.clean,
        allow_leaks=config.allow_leaks,
        max_images=config.max_images,
    )
    notes = [*manifest.notes, *borrowed, *split.notes]
    assigned = split.frame
    used = assigned
    if config.folds:
        from skin_core.training.fold_data import begin_folds, read_folds

        used, note = begin_folds(folder, config, split, manifest, prints)
        notes.append(note)
    else:
        for parent in ancestors_of(config):
            assigned, note = without_seen_validation(assigned, prints, parent)
            notes += [note] if note else []
        used = assigned
    frame = _rows_of(manifest, used)
    classes = _check_splits(frame, assigned)
    pictures = _pictures(prints.subset(frame["image_id"]))
    if config.distill_from:
        refuse_strangers(config, classes, pictures, read_folds(folder) if config.folds else None)
    risk_levels = _risk_levels(frame, classes)
    _check_monitor(config, risk_levels)

    # Written in this order; `prepared.json` last says that all is there.
    _write_frame(folder, frame, config)
    replace(split, frame=assigned).save(folder.path)
    sides = assigned.set_index("image_id")["split"].loc[frame["image_id"].tolist()]
    # Each member of a cross-validated run has its own training pictures to fit an encoder on, and no test to be kept from.
    if config.features and not config.folds:
        from skin_core.data.tabular import TabularEncoder

        encoder = TabularEncoder.fit(frame[(sides == "train").to_numpy()], config.features)
        write_text(folder.tabular, json.dumps(encoder.to_dict()))
    if not config.folds:
        write_signatures(folder, config, prints, sides)
    facts = {
        "source": manifest.source,
        "root": str(manifest.root),
        "manifest_notes": manifest.notes,
        "fingerprint": manifest.fingerprint,
        "pictures": pictures,
        "classes": classes,
        "risk_levels": risk_levels,
        "synthetic": _is_synthetic(frame),
        "notes": notes,
        "leaking": split.leaking,
        "counts": {side: int((sides == side).sum()) for side in ("train", "validation", "test")},
    }
    write_text(folder.prepared, json.dumps(facts, indent=1))


def _check_features(manifest: Manifest, config: RunConfig) -> None:
    missing = [column for column in config.features if column not in manifest.frame]
    asked = [column for column in teaching_columns(config) if column not in manifest.frame]
    if asked:
        raise ConfigError(
            f"A run in distill_from looks at {', '.join(asked)} beside the image, which this data set does not have; "
            "distill from a run that does without."
        )
    if missing:
        known = ", ".join(
            column for column in manifest.frame if column in ("age", "sex", "site") or column not in COLUMNS
        )
        raise ConfigError(f"The data set has no column {', '.join(missing)} to use beside the image; it has {known}.")


def _rows_of(manifest: Manifest, assigned: pd.DataFrame) -> pd.DataFrame:
    kept = manifest.frame["image_id"].isin(set(assigned["image_id"]))
    return manifest.frame[kept].reset_index(drop=True)


def _check_splits(frame: pd.DataFrame, assigned: pd.DataFrame) -> list[str]:
    sides = assigned.set_index("image_id")["split"].loc[frame["image_id"].tolist()].to_numpy()
    trained = sorted(frame.loc[sides == "train", "label"].dropna().unique())
    if len(trained) < 2:
        raise ConfigError(
            f"Training needs at least two classes; the training split has {', '.join(trained) or 'none'}."
        )
    if not (sides == "validation").any():
        raise ConfigError("No picture is left for validation; raise validation_fraction or bring more pictures.")
    unknown = sorted(set(frame["label"].dropna()) - set(trained))
    if unknown:
        raise ConfigError(
            f"Class {', '.join(unknown)} has pictures outside the training split only; bring more pictures of it, or "
            "remove its folder."
        )
    return trained


def _risk_levels(frame: pd.DataFrame, classes: list[str]) -> list[str | None]:
    known = frame.dropna(subset=["risk_level"]).groupby("label")["risk_level"].first()
    return [str(known[label]) if label in known.index else None for label in classes]


def _check_monitor(config: RunConfig, risk_levels: list[str | None]) -> None:
    positive = {level in POSITIVE_LEVELS for level in risk_levels if level is not None}
    if config.monitor == "val_malignancy_auc" and len(positive) < 2:
        raise ConfigError(
            "monitor=val_malignancy_auc needs classes known to be benign and classes known not to be; set risk_levels, "
            "or choose another monitor."
        )


def _write_frame(folder: RunFolder, frame: pd.DataFrame, config: RunConfig) -> None:
    # Of the csv's further columns only those that the run or its evaluation uses: others may hold anything.
    extra = [
        name
        for name in ("synthetic", "dx_type", *config.features, *teaching_columns(config))
        if name in frame and name not in COLUMNS
    ]
    with atomic_path(folder.manifest) as temporary:
        frame[[*COLUMNS, *dict.fromkeys(extra)]].to_parquet(temporary, index=False)


def _pictures(prints: Signatures) -> str:
    digest = hashlib.sha256("\x1f".join(prints.image_ids).encode())
    digest.update(np.ascontiguousarray(prints.digests).tobytes())
    return digest.hexdigest()


def _is_synthetic(frame: pd.DataFrame) -> bool:
    return "synthetic" in frame and bool(frame["synthetic"].fillna(False).astype(bool).any())
