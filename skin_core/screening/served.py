"""Whether what is served is what was trained: validation pictures from their files, through screening's own path.

A cache that was made differently, a rotated JPEG, a column that is encoded in another order: whatever stands between a
file and the network shows here as a difference to what the run itself said of the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.config import RunConfig
from skin_core.errors import BundleError, SkinCoreError
from skin_core.progress import ProgressCallback, ignore_progress, tracked
from skin_core.screening.bundle import Bundle
from skin_core.screening.draft import Draft
from skin_core.screening.engine import EngineOutput
from skin_core.screening.gate import Gate
from skin_core.screening.screen import look
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import load_prepared

if TYPE_CHECKING:
    from skin_core.data.manifest import Manifest

SAMPLE = 32
TOLERANCE = 1e-4
# Where the features of a frozen backbone were kept in half precision while the head was trained on them.
HALF_TOLERANCE = 5e-3


@dataclass(frozen=True)
class Served:
    """What was found.

    Attributes:
        n: validation pictures looked at.
        difference: the largest in probability, before calibration.
        tolerance: what is let through.
        against: with what it was compared.
    """

    n: int
    difference: float
    tolerance: float
    against: str

    @property
    def agrees(self) -> bool:
        """Whether they are the same to the tolerance; NaN never is."""
        return self.difference <= self.tolerance


def check_served(
    folder: RunFolder, made: Draft, progress: ProgressCallback = ignore_progress, *, as_trained: bool = True
) -> Served:
    """Screens some validation pictures from their files and compares.

    The engine as trained must give the run's own validation predictions back. A smaller one differs from those by what
    its record tells, so it is compared with what it gives of the pixels that the run was judged on.

    Args:
        folder: of the run. made: its draft bundle.
        progress: told what is done.
        as_trained: whether nothing was rounded or pruned.

    Raises:
        BundleError: if no validation picture can be read any more, or they differ.
    """
    found = _compared(folder, made, progress, as_trained)
    if not found.agrees:
        raise BundleError(
            f"Screened from their files, {found.n} validation pictures get other probabilities than {found.against} (by up to {found.difference:.2g}; expected at most {found.tolerance:g}): files or columns have changed since the run was made, so it is not published; train it again."
        )
    return found


def _compared(folder: RunFolder, made: Draft, progress: ProgressCallback, as_trained: bool) -> Served:
    config, prepared = folder.read_config(), load_prepared(folder)
    ids, expected = _kept(folder)
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids))).round().astype(int))
    places = {image_id: row for row, image_id in enumerate(prepared.manifest.frame["image_id"])}
    rows = np.array([places[ids[index]] for index in chosen])
    bundle = Bundle(made.info, made.engine(), Gate.from_bytes((made.path / "gate.npz").read_bytes()))
    outputs = from_files(bundle, prepared.manifest, rows, progress)
    given = np.concatenate([output.probabilities for output in outputs])
    if as_trained:
        tolerance = HALF_TOLERANCE if _in_half(config, outputs[0]) else TOLERANCE
        return Served(len(rows), _largest(given - expected[chosen]), tolerance, "the run's own predictions")
    from skin_core.data.cache import open_pixels

    cache = open_pixels(
        prepared.manifest, size=config.image_size, crop=config.crop, constancy=config.color_constancy, progress=progress
    )
    tabular = None if prepared.tabular is None else prepared.tabular[rows]
    cached = bundle.engine.run(np.asarray(cache.pixels[rows]), tabular).probabilities
    return Served(len(rows), _largest(given - cached), TOLERANCE, "the same engine gives of the run's pixels")


def from_files(bundle: Bundle, manifest: Manifest, rows: np.ndarray, progress: ProgressCallback) -> list[EngineOutput]:
    """What a bundle says of some rows of a manifest, each picture read from its file by screening's own path.

    Raises:
        BundleError: if a picture cannot be read any more.
    """
    from skin_core.data.images import ImageReader

    frame, reader = manifest.frame, ImageReader(manifest.root)
    outputs = []
    for row in tracked(rows, "Screening validation pictures from their files", len(rows), progress):
        picture = frame.iloc[row]
        given = {name: _known(picture[name]) for name in bundle.info.features}
        try:
            outputs.append(look(bundle, reader.bytes(picture["location"]), given, name=picture["location"])[2])
        except SkinCoreError as error:
            raise BundleError(
                f"A validation picture of the run cannot be read any more ({error}); bring the data set back to where it was, then publish."
            ) from error
    return outputs


def _kept(folder: RunFolder) -> tuple[list[str], np.ndarray]:
    try:
        kept = read_arrays(folder.predictions)
        ids, probabilities = kept["image_ids"].tolist(), kept["probabilities"].astype(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"Run {folder.run_id} has no validation predictions to compare with; resume it.") from error
    if probabilities.ndim == 1 or probabilities.shape[1] == 1:
        positive = probabilities.reshape(-1)
        probabilities = np.stack([1 - positive, positive], axis=1)
    return ids, probabilities


def _in_half(config: RunConfig, output: EngineOutput) -> bool:
    from skin_core.training.features import HALF_PRECISION_FROM

    return config.freeze_backbone and (output.spatial is None or output.spatial[0].size >= HALF_PRECISION_FROM)


def _known(value: object) -> object:
    import pandas as pd

    return None if pd.isna(value) else value


def _largest(difference: np.ndarray) -> float:
    # np.max, because Python's max() would hide a NaN.
    return float(np.max(np.abs(difference)))
