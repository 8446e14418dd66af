"""Screening for pages and the command line: bundles, one picture's prediction, its heat maps. No TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from skin_core.errors import BundleError, ConfigError
from skin_core.imaging.decode import fit
from skin_core.screening import trust
from skin_core.screening.bundle import Bundle, bundle_folders, misnamed_folders, read_info
from skin_core.screening.map_record import NOT_MEASURED
from skin_core.screening.overlay import heatmap, in_picture, overlay
from skin_core.screening.record import BundleInfo
from skin_core.screening.screen import Prediction, screen, shown_first, standing_warnings

DeeperMethod = Literal["gradcam++", "scorecam", "smoothgrad", "shap"]

__all__ = [
    "NOT_MEASURED",
    "Bundle",
    "BundleInfo",
    "DeeperMethod",
    "Prediction",
    "damaged_bundles",
    "deeper_explanation",
    "explains_at_once",
    "heatmap",
    "is_trusted",
    "list_bundles",
    "load_bundle",
    "overlay",
    "screen_image",
    "shown_first",
    "standing_warnings",
    "trust_bundle",
]


def list_bundles() -> list[BundleInfo]:
    """The bundles in ``models/`` whose record can be read, by name; the starter comes last if there are others.

    Reads ``bundle.json`` only. `damaged_bundles` tells of those that are left out.
    """
    infos = []
    for folder in bundle_folders():
        try:
            infos.append(read_info(folder))
        except BundleError:
            continue
    return sorted(infos, key=lambda info: (info.name == "starter", info.name))


def damaged_bundles() -> dict[str, str]:
    """Folder name → sentence, for bundles whose record cannot be read or whose folder cannot be called."""
    found = {
        folder.name: f"The folder '{folder.name}' in models/ holds a bundle, and a bundle's name has lower-case letters, digits, - and _; rename it."
        for folder in misnamed_folders()
    }
    for folder in bundle_folders():
        try:
            read_info(folder)
        except BundleError as error:
            found[folder.name] = str(error)
    return found


def load_bundle(name: str | Path) -> Bundle:
    """Loads a bundle by its name in ``models/`` or from a folder. Keep it: loading again reads the files again.

    Raises:
        BundleError: if it is missing, damaged or not trusted.
    """
    return Bundle.load(name)


def is_trusted(info: BundleInfo) -> bool:
    """Whether a bundle may be loaded without a confirmation."""
    return trust.is_trusted(info.digest)


def trust_bundle(name: str | Path) -> BundleInfo:
    """Puts a bundle from elsewhere on the workspace's allow-list, by hash: a changed bundle must be confirmed again.

    Raises:
        BundleError: if it is missing or damaged.
    """
    info = read_info(name)
    trust.allow(info.digest, info.name)
    return info


def screen_image(
    bundle: Bundle,
    data: bytes,
    *,
    name: str = "The file",
    age: float | None = None,
    sex: str | None = None,
    site: str | None = None,
) -> Prediction:
    """Screens the bytes of one image file; see `screening.screen.screen`.

    Raises:
        UnusableImageError: if the bytes are no usable image.
        ConfigError: for an age outside 0–120, or a sex or site that is not known.
    """
    if age is not None and not 0 <= age <= 120:
        raise ConfigError(f"Age must be between 0 and 120 years; got {age:g}.")
    if sex is not None and sex not in ("female", "male"):
        raise ConfigError(f"Sex must be female or male, or left out; got '{sex}'.")
    if site is not None and site not in bundle.info.sites:
        from skin_core.data.sites import site_of  # Brings pandas, which screening does without.

        site = site_of(site)
    return screen(bundle, data, name=name, age=age, sex=sex, site=site)


def explains_at_once(bundle: Bundle, method: DeeperMethod) -> bool:
    """Whether a bundle's engine gives a deeper method's map itself: Grad-CAM++ in one pass, Score-CAM in 65, Shapley
    values of regions in 642."""
    from skin_core.explain.deeper import at_once

    return at_once(bundle, method)


def deeper_explanation(
    bundle: Bundle,
    prediction: Prediction,
    method: DeeperMethod,
    class_name: str,
    *,
    age: float | None = None,
    sex: str | None = None,
    site: str | None = None,
) -> np.ndarray:
    """A heat map by a deeper method: at once where `explains_at_once`, else in a process of its own (about 20–60 s, most
    of it TensorFlow's start).

    Args:
        bundle: the bundle that gave the prediction.
        prediction: of the picture; its pixels go to the other process.
        method: "gradcam++", "scorecam", "smoothgrad" or "shap" (see `services.second_opinion` for more of it).
        class_name: the class to explain.
        age, sex, site: as they were given to `screen_image`.

    Returns:
        float32 (H, W), 0–1, for "shap" -1 to 1; NaN where the model did not see the pixel.

    Raises:
        BundleError: if the picture was refused, or the class or the model cannot be explained.
    """
    from skin_core.explain.deeper import explain

    if not prediction.in_distribution:
        raise BundleError("A refused picture has no heat map; screen a picture of a lesion.")
    pixels = prediction.pixels
    square = fit(pixels, bundle.info.image_size, bundle.info.crop, bundle.info.color_constancy)
    raw = explain(bundle, square, method, class_name, given={"age": age, "sex": sex, "site": site})
    return in_picture(raw, pixels.shape[:2], bundle.info.crop)
