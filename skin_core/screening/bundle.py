"""A bundle: a folder in ``models/`` with all that screening needs. Loads without TensorFlow and without MLflow."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_core.errors import BundleError
from skin_core.evaluation.calibration import calibrated
from skin_core.imaging.decode import PREPROCESSING_VERSION
from skin_core.paths import models_dir
from skin_core.screening import trust
from skin_core.screening.engine import Engine
from skin_core.screening.gate import Gate
from skin_core.screening.record import NAME_PATTERN, BundleInfo
from skin_core.screening.risk import risk_of

if TYPE_CHECKING:
    from skin_core.data.tabular import TabularEncoder


def check_name(name: str) -> str:
    """The name, if it may be a bundle's.

    Raises:
        BundleError: if it has other characters than a–z, 0–9, - and _, or more than 64.
    """
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > 64:
        raise BundleError(
            f"A bundle's name has lower-case letters, digits, - and _ (at most 64); got '{name}': choose another name."
        )
    return name


def bundle_folder(name: str | Path) -> Path:
    """The folder of a bundle, given by its name in ``models/`` or by a path.

    Raises:
        BundleError: if there is none.
    """
    text = str(name)
    folder = models_dir() / text if re.fullmatch(NAME_PATTERN, text) else Path(text).expanduser()
    if not (folder / "bundle.json").is_file():
        there = ", ".join(path.name for path in bundle_folders()) or "none"
        raise BundleError(f"There is no bundle '{text}' (no bundle.json in it); the bundles here are: {there}.")
    return folder


def bundle_folders() -> list[Path]:
    """The folders in ``models/`` that hold a record and can be called by their name, sorted by it."""
    return [folder for folder in _with_record() if re.fullmatch(NAME_PATTERN, folder.name)]


def misnamed_folders() -> list[Path]:
    """The folders in ``models/`` that hold a record under a name that no bundle may have."""
    return [folder for folder in _with_record() if not re.fullmatch(NAME_PATTERN, folder.name)]


def _with_record() -> list[Path]:
    found = (path.parent for path in models_dir().glob("*/bundle.json") if path.is_file())
    # A leading dot marks a bundle that is being written.
    return sorted(folder for folder in found if not folder.name.startswith("."))


def read_info(name: str | Path) -> BundleInfo:
    """Reads a bundle's ``bundle.json``; checks no other file and asks for no trust.

    Raises:
        BundleError: if it is missing or damaged.
    """
    folder = bundle_folder(name)
    try:
        raw = (folder / "bundle.json").read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"Bundle '{folder.name}' has a bundle.json that cannot be read; publish it again.") from error
    info = BundleInfo.parse(text, name=folder.name)
    # A copy under another name is called by that name: two bundles of one name could not be told apart.
    name = folder.name if re.fullmatch(NAME_PATTERN, folder.name) else info.name
    return info.model_copy(update={"name": name, "path": folder, "digest": hashlib.sha256(raw).hexdigest()})


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, ready to screen.

    Attributes:
        info: what it is.
        engine: the LiteRT graph.
        gate: tells pictures that are unlike what it was trained on.
    """

    info: BundleInfo
    engine: Engine
    gate: Gate

    @classmethod
    def load(cls, name: str | Path) -> Bundle:
        """Loads a bundle by its name in ``models/``, or from a folder.

        Only the files that are read are checked against their hash: the engine and the gate here, the Keras model
        when it is asked for.

        Raises:
            BundleError: if it is missing, damaged, of another preprocessing, or not trusted.
        """
        info = read_info(name)
        if not trust.is_trusted(info.digest):
            raise BundleError(
                f"Bundle '{info.path.name}' was not published here; confirm that you trust where it comes from before it is loaded."
            )
        if info.preprocessing_version != PREPROCESSING_VERSION:
            raise BundleError(
                f"Bundle '{info.name}' was made with preprocessing version {info.preprocessing_version}, and this LesionLab has {PREPROCESSING_VERSION}; publish it again."
            )
        engine = Engine(checked_bytes(info, "screen.tflite"))
        bundle = cls(info, engine, Gate.from_bytes(checked_bytes(info, "gate.npz")))
        if (engine.image_size, engine.n_classes) != (info.image_size, len(info.classes)) or (
            engine.n_tabular != (bundle.encoder.width if bundle.encoder else 0)
        ):
            raise BundleError(f"Bundle '{info.name}' does not agree with its own graph; publish it again.")
        return bundle

    @cached_property
    def encoder(self) -> TabularEncoder | None:
        """Encodes age, sex and site; None for a bundle of images only."""
        if self.info.encoder is None:
            return None
        # pandas is not waited for by bundles that take images only.
        from skin_core.data.tabular import TabularEncoder

        try:
            return TabularEncoder.from_dict(self.info.encoder)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"Bundle '{self.info.name}' has a bundle.json that cannot be used (encoder); publish it again."
            ) from error

    def keras_model(self) -> Path:
        """The path of ``model.keras``, its hash checked. Load it with ``safe_mode=True``.

        Raises:
            BundleError: if it is missing or damaged.
        """
        checked_bytes(self.info, "model.keras")
        return self.info.path / "model.keras"

    def calibrated(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float64 (N, C), from the engine's logits (N, C)."""
        return calibrated(logits, self.info.calibration.temperature, self.info.calibration.bias)

    def malignancy(self, logits: np.ndarray) -> np.ndarray | None:
        """P(malignant or premalignant), (N,), from the engine's logits (N, C); None without an endpoint."""
        return risk_of(self.info, logits)


def checked_bytes(info: BundleInfo, file: str) -> bytes:
    """A file of a bundle, if its hash is the one that ``bundle.json`` names.

    Raises:
        BundleError: if it is missing or differs.
    """
    try:
        raw = (info.path / file).read_bytes()
    except OSError as error:
        raise BundleError(f"Bundle '{info.name}' lacks {file}; publish it again or copy it whole.") from error
    if hashlib.sha256(raw).hexdigest() != info.files.get(file):
        raise BundleError(
            f"{file} of bundle '{info.name}' is not the file that was published; copy or publish it again."
        )
    return raw
