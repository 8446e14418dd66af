"""How a run was made, in words and counts, for the model card: what its folder tells, and nothing that names a person."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_core.config import RunConfig
from skin_core.screening.draft import groups_of
from skin_core.screening.facts import RunFacts
from skin_core.screening.truth import group_word
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared, load_prepared

if TYPE_CHECKING:
    import pandas as pd

_SPLITS = ("train", "validation", "test")
_SETTINGS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "schedule",
    "early_stopping",
    "monitor",
    "balance",
    "weights",
    "freeze_backbone",
    "loss",
    "label_smoothing",
    "layer_decay",
    "frozen_share",
    "weight_decay",
    "averaging",
    "crop",
    "color_constancy",
    "image_size",
    "max_images",
    "clean",
    "validation_fraction",
    "test_fraction",
    "seed",
)
_SOFTWARE = ("tensorflow", "keras", "numpy", "pandas", "pillow", "scikit-learn")


def run_facts(folder: RunFolder, best_epoch: int | None) -> RunFacts:
    """Gathers what the card tells of a run."""
    config, prepared = folder.read_config(), load_prepared(folder)
    record, subgroups = _read(folder.evaluation), _read(folder.artifacts / "subgroups.json")
    groups = groups_of(folder, prepared)
    fits = subgroups.get("evaluated") == record.get("time")
    return RunFacts(
        settings=_settings(config, best_epoch),
        images={split: _classes(prepared, split) for split in _SPLITS if len(prepared.rows(split))},
        groups={split: len(set(groups[prepared.rows(split)])) for split in _SPLITS if len(prepared.rows(split))},
        group_word=group_word(prepared.manifest),
        people={
            split: _people(prepared.manifest.frame.iloc[prepared.rows(split)])
            for split in _SPLITS
            if len(prepared.rows(split))
        },
        left_out=_left_out(folder),
        software=_software(folder),
        evaluations=int(record.get("count", 0)),
        evaluated=str(record.get("time", "")),
        subgroups=str(subgroups.get("sentence", "")) if record and fits else "",
        # Without what was noted as the set was read: that names files and folders, and a bundle is given away.
        notes=tuple(note for note in prepared.notes if note not in prepared.manifest.notes),
    )


def _software(folder: RunFolder) -> dict[str, str]:
    found = {name: found for name in _SOFTWARE if (found := _version(name))}
    state = folder.read_state()
    if state.backend not in (None, "tensorflow"):
        # TensorFlow exports each network; which one trained it is told beside that.
        found[f"{state.backend} (training)"] = state.backend_version or "unknown"
    return found


def _settings(config: RunConfig, best_epoch: int | None) -> dict[str, str]:
    values = config.model_dump(mode="json")
    told = {name: str(values[name]) for name in _SETTINGS if name in values}
    if config.weights not in ("imagenet", "random"):
        # A path names a machine, and maybe a person.
        told["weights"] = "from a file"
    changes = config.augmentation.model_dump(mode="json")
    told["augmentation"] = ", ".join(f"{name} {value}" for name, value in changes.items() if value not in (0, "none"))
    told["augmentation"] = told["augmentation"] or "none"
    told["best_epoch"] = str(best_epoch)
    if config.partition_seed != config.seed:
        told["split_seed"] = str(config.partition_seed)
    if config.start_from:
        told["start_from"] = config.start_from
    if config.distill_from:
        told["distill_from"] = ", ".join(config.distill_from)
        told |= {name: str(values[name]) for name in ("distill_share", "distill_temperature")}
    return told


def _classes(prepared: Prepared, split: str) -> dict[str, int]:
    counts = np.bincount(prepared.labels[prepared.rows(split)], minlength=len(prepared.classes))
    return {name: int(count) for name, count in zip(prepared.classes, counts, strict=True)}


def _people(frame: pd.DataFrame) -> str:
    parts = []
    ages = frame["age"].to_numpy(dtype=float, na_value=np.nan)
    known = ages[~np.isnan(ages)]
    if len(known):
        parts.append(f"age {known.mean():.0f} years on average (SD {known.std():.0f}), known of {len(known):,}")
    sexes = frame["sex"].dropna()
    if len(sexes):
        parts.append(f"{round(100 * (sexes == 'female').mean())} in 100 female, known of {len(sexes):,}")
    sites = frame["site"].dropna()
    if len(sites):
        top = sites.value_counts().head(3)
        parts.append(f"most often {', '.join(f'{site} ({n:,})' for site, n in top.items())}")
    return "; ".join(parts) or "age, sex and site not known"


def _left_out(folder: RunFolder) -> dict[str, int]:
    import pandas as pd

    try:
        reasons = pd.read_csv(folder.excluded, usecols=["reason"], dtype=str)["reason"]
    except (OSError, ValueError):
        return {}
    return {str(reason): int(n) for reason, n in reasons.value_counts().items()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
