"""Where a bundle comes from: what its record says of run, classes and data before anything is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import skin_core
from skin_core.config import RunConfig
from skin_core.data.risk import class_title, known_diagnoses, wider_title
from skin_core.errors import RunError
from skin_core.imaging.decode import PREPROCESSING_VERSION
from skin_core.models.registry import family
from skin_core.screening.record import BundleInfo, ClassInfo, DataRecord
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared, load_prepared

# What kind of pictures a published layout holds, and on what terms; any other data set is its user's own.
_KINDS = {"ham10000": "dermoscopic images", "isic2024": "tiles of total-body photographs"}
_LICENCES = {
    "ham10000": "Trained on HAM10000 (Tschandl, Rosendahl and Kittler 2018, doi:10.7910/DVN/DBW86T), CC BY-NC 4.0: attribution, no commercial use",
    "isic2024": "Trained on ISIC 2024 (SLICE-3D), whose pictures are CC BY-NC 4.0 unless their row says otherwise: attribution, no commercial use",
}
_SYNTHETIC_LICENCE = "Trained on drawn pictures only; MIT, as the program that drew them"
_OWN_LICENCE = (
    "Trained on a data set whose terms LesionLab does not know; ask its publisher before you pass the bundle on"
)

_GONE_LICENCE = "Taught by a run that was deleted since, so the terms of that run's data are not known"


def describe(folder: RunFolder, config: RunConfig, prepared: Prepared) -> BundleInfo:
    """The record of a run's bundle without calibration, figures and hashes; its name is still "draft"."""
    made_by = family(config.family)
    counts = np.bincount(prepared.labels[prepared.rows("train")], minlength=len(prepared.classes))
    classes = tuple(
        ClassInfo(name=name, title=class_title(name), risk_level=level, n_train=int(count))
        for name, level, count in zip(prepared.classes, prepared.risk_levels, counts, strict=True)
    )
    encoder = _encoder(folder)
    return BundleInfo(
        name="draft",
        title=config.title or f"{made_by.title} on {_data_name(config)}",
        family=config.family,
        family_title=made_by.title,
        run_id=folder.run_id,
        program=f"LesionLab {skin_core.__version__}",
        classes=classes,
        image_size=config.image_size,
        crop=config.crop,
        color_constancy=config.color_constancy,
        preprocessing_version=PREPROCESSING_VERSION,
        features=config.features if encoder else (),
        encoder=encoder,
        data=DataRecord(
            name=_data_name(config),
            source=prepared.manifest.source,
            kind=_kind(prepared),
            fingerprint=prepared.fingerprint,
            n_train=len(prepared.rows("train")),
            n_validation=len(prepared.rows("validation")),
            licence=". ".join(dict.fromkeys(_licences(config, prepared))) + ".",
        ),
        unseen=_unseen(classes),
        synthetic=prepared.synthetic,
        untrained=_started_at_random(config) and made_by.pretrained is not None,
    )


def _data_name(config: RunConfig) -> str:
    return Path(config.data).name or "the data set"


def _kind(prepared: Prepared) -> str:
    if prepared.synthetic:
        return "synthetic pictures"
    return _KINDS.get(prepared.manifest.source, "pictures of single skin lesions")


def _licences(config: RunConfig, prepared: Prepared) -> list[str]:
    """Of the run's own data and of all that its ancestors were trained on."""
    own = _SYNTHETIC_LICENCE if prepared.synthetic else _LICENCES.get(prepared.manifest.source, _OWN_LICENCE)
    found = [own]
    if config.start_from:
        parent = RunFolder.of(config.start_from)
        found += _licences(parent.read_config(), load_prepared(parent))
    for run_id in config.distill_from:
        try:
            teacher = RunFolder.of(run_id)
        except RunError:
            # What it said is kept with the run, so it may be deleted; what it had learnt from is then known no more.
            found.append(_GONE_LICENCE)
            continue
        found += _licences(teacher.read_config(), load_prepared(teacher))
    return found


def _started_at_random(config: RunConfig) -> bool:
    if config.start_from:
        return _started_at_random(RunFolder.of(config.start_from).read_config())
    return config.weights == "random"


def _unseen(classes: tuple[ClassInfo, ...]) -> tuple[str, ...]:
    """Diagnoses that no class stands for; nothing is known of that where classes are only benign and malignant."""
    named = {entry.title for entry in classes}
    known = known_diagnoses()
    if not named & set(known):
        return ()
    # What a wider class holds was seen, though not by its name.
    return tuple(title for title in known if title not in named and wider_title(title) not in named)


def _encoder(folder: RunFolder) -> dict | None:
    import json

    if not folder.tabular.exists():
        return None
    return json.loads(folder.tabular.read_text(encoding="utf-8"))
