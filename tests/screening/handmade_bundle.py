"""Writes a bundle by hand, for tests of what is done with bundles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from skin_core.imaging.decode import PREPROCESSING_VERSION
from skin_core.screening.card import model_card
from skin_core.screening.record import FILES, BundleInfo, Calibration, ClassInfo, DataRecord, OperatingPoint

SIZE = 48
N_TABULAR = 5


@dataclass(frozen=True)
class Networks:
    """Keras models by the kind of their head, weights set so that nothing is zero by accident."""

    pooled: object
    flat: object
    sigmoid_with_columns: object


def write_bundle(folder: Path, files: dict[str, bytes], **changes: object) -> Path:
    """Writes a bundle folder with right hashes; ``changes`` replace fields of its record."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = (
        ClassInfo(name="bkl", title="Benign keratosis-like lesion", risk_level="benign", n_train=10),
        ClassInfo(name="mel", title="Melanoma", risk_level="malignant", n_train=20),
        ClassInfo(name="nv", title="Melanocytic nevus", risk_level="benign", n_train=50),
    )
    values: dict[str, object] = {
        "name": folder.name,
        "title": "Small",
        "family": "light_cnn",
        "classes": classes,
        "image_size": SIZE,
        "crop": "crop",
        "preprocessing_version": PREPROCESSING_VERSION,
        "calibration": Calibration(temperature=2.0, bias=(0.0, 0.5, -0.5)),
        "operating_point": OperatingPoint(
            threshold=0.3, sensitivity=0.95, specificity=0.6, n_positive=20, n_negative=60
        ),
        "data": DataRecord(name="drawn", source="ham10000", kind="synthetic pictures", n_train=80),
        "synthetic": True,
    }
    info = BundleInfo(**{**values, **changes})
    contents = {**files, "MODEL_CARD.md": model_card(info).encode()}
    hashes = {name: hashlib.sha256(contents[name]).hexdigest() for name in FILES}
    for name in FILES:
        (folder / name).write_bytes(contents[name])
    (folder / "bundle.json").write_text(info.model_copy(update={"files": hashes}).model_dump_json())
    return folder
