"""A second opinion on one screened picture: which of its regions raise the risk or a class, and which lower it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from skin_core.errors import BundleError
from skin_core.evaluation.faithfulness import map_agreement, resized
from skin_core.explain.deeper import RISK
from skin_core.explain.deeper import second_opinion as explain
from skin_core.explain.regions import Regions
from skin_core.explain.shapley import PASSES
from skin_core.imaging.decode import fit
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.screening.bundle import Bundle
from skin_core.screening.record import BundleInfo
from skin_core.screening.screen import Prediction
from skin_core.screening.signed import Part, largest_parts, segments_in_picture, signed_overlay

__all__ = ["RISK", "Part", "Regions", "Told", "second_opinion", "seconds_needed", "signed_picture", "told"]


@dataclass(frozen=True)
class Told:
    """What the regions say of one probability.

    Attributes:
        base, whole: with every region hidden, and with none.
        raised, lowered: sum of the clear parts that raise it (0 or more) and of those that lower it (0 or less).
        rest: sum of the parts that are not clear; all three together are ``whole - base``.
        parts: the largest clear ones, largest first.
        agreement: Spearman's rank correlation over the regions with Grad-CAM, -1 to 1; NaN where that map is flat.
    """

    base: float
    whole: float
    raised: float
    lowered: float
    rest: float
    parts: tuple[Part, ...]
    agreement: float


def second_opinion(
    bundle: Bundle,
    prediction: Prediction,
    *,
    age: float | None = None,
    sex: str | None = None,
    site: str | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Regions:
    """Shapley values of a picture's regions, for the risk (`RISK`) and for every class at once.

    Args:
        bundle: the bundle that gave the prediction.
        prediction: of the picture.
        age, sex, site: as they were given to `screening.screen_image`; held fixed.
        progress: told what is done.

    Raises:
        BundleError: if the picture was refused.
    """
    if not prediction.in_distribution:
        raise BundleError("A refused picture has no explanation; screen a picture of a lesion.")
    square = fit(prediction.pixels, bundle.info.image_size, bundle.info.crop, bundle.info.color_constancy)
    return explain(bundle, square, given={"age": age, "sex": sex, "site": site}, progress=progress)


def seconds_needed(bundle: Bundle) -> float:
    """About how long `second_opinion` takes with a bundle on this machine, from a pass of its engine."""
    size = bundle.info.image_size
    nothing = np.zeros((1, size, size, 3), np.uint8)
    beside = np.zeros((1, bundle.engine.n_tabular), np.float32) if bundle.engine.n_tabular else None
    paces = []
    for _ in range(3):
        began = time.perf_counter()
        bundle.engine.run(nothing, beside)
        paces.append(time.perf_counter() - began)
    return PASSES * min(paces)


def told(info: BundleInfo, prediction: Prediction, regions: Regions, target: str) -> Told:
    """The regions in numbers.

    Args:
        info: of the bundle. prediction: of the same picture, with its Grad-CAM maps.
        regions: of `second_opinion`. target: one of its targets.
    """
    column = regions.targets.index(target)
    values, clear = regions.of(target), regions.clear(target)
    return Told(
        base=float(regions.base[column]),
        whole=float(regions.whole[column]),
        raised=float(values[clear & (values > 0)].sum()),
        lowered=float(values[clear & (values < 0)].sum()),
        rest=float(values[~clear].sum()),
        parts=tuple(largest_parts(regions.segments, values, clear)),
        agreement=_agreement(info, prediction, regions, target),
    )


def signed_picture(prediction: Prediction, regions: Regions, target: str, opacity: float) -> np.ndarray:
    """The picture with its regions tinted and numbered, uint8 (h, w, 3); see `screening.signed.signed_overlay`."""
    segments = segments_in_picture(regions.segments, prediction.pixels.shape[:2], prediction.crop)
    return signed_overlay(prediction.pixels, segments, regions.of(target), regions.clear(target), opacity=opacity)


def _agreement(info: BundleInfo, prediction: Prediction, regions: Regions, target: str) -> float:
    """Against Grad-CAM of the class; of the risk, against that of the likeliest class that makes it."""
    name = max(info.endpoint, key=prediction.probabilities.__getitem__) if target == RISK else target
    heat = resized(prediction.maps[prediction.classes.index(name)], len(regions.segments))
    size = np.bincount(regions.segments.ravel())
    means = np.bincount(regions.segments.ravel(), heat.ravel()) / size
    return float(map_agreement(regions.of(target)[np.newaxis], means[np.newaxis])[0])
