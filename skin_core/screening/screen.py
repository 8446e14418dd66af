"""Screens one picture: from bytes to probabilities, a risk, a decision and the maps that explain it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from skin_core.imaging.decode import decode, fit
from skin_core.screening.bundle import Bundle
from skin_core.screening.engine import EngineOutput
from skin_core.screening.record import BundleInfo

Decision = Literal["refer", "no referral", "refused", "undecided"]


@dataclass(frozen=True)
class Prediction:
    """What screening returns for one picture.

    Attributes:
        probabilities: calibrated probability of each class by name, in the bundle's order, summing to 1. Empty
            where the picture was refused.
        malignancy: calibrated P(malignant or premalignant), 0–1; None where refused or where the bundle's classes
            know no such endpoint.
        decision: "refer" or "no referral" at the operating point, "refused" for a picture unlike what the bundle was
            trained on, "undecided" where the bundle has no operating point.
        sentence: the decision for people.
        warnings: sentences, the standing ones of the bundle first.
        in_distribution: False where the gate refused the picture.
        distance: how far the picture is from the training pictures; above 1 is refused.
        pixels: uint8 (H, W, 3), the picture as decoded, upright.
        maps: float32 (C, h, w), Grad-CAM of each class, not normalised; (0, 0, 0) where refused.
        features: float32 (D,), pooled features of the picture.
        classes: class names in the order of ``maps``.
        crop: the bundle's crop policy, which `heatmap` inverts.
    """

    probabilities: dict[str, float]
    malignancy: float | None
    decision: Decision
    sentence: str
    warnings: tuple[str, ...]
    in_distribution: bool
    distance: float
    pixels: np.ndarray = field(repr=False)
    maps: np.ndarray = field(repr=False)
    features: np.ndarray = field(repr=False)
    classes: tuple[str, ...] = ()
    crop: str = "squash"

    @property
    def top(self) -> str | None:
        """The likeliest class, or None where the picture was refused."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None


def screen(
    bundle: Bundle,
    data: bytes,
    *,
    name: str = "The file",
    age: float | None = None,
    sex: str | None = None,
    site: str | None = None,
) -> Prediction:
    """Screens the bytes of one image file.

    Args:
        bundle: a loaded bundle.
        data: the file's bytes.
        name: how an error names the file; stored nowhere.
        age: years; sex: "female" or "male"; site: the ISIC archive's general vocabulary. Used where the bundle takes
            them; None is "not known", never a default.

    Raises:
        UnusableImageError: if the bytes are no usable image.
    """
    info = bundle.info
    given = {"age": age, "sex": sex, "site": site}
    pixels, square, output = look(bundle, data, given, name=name)
    distance = float(bundle.gate.score(output.features, square[np.newaxis])[0])
    features = output.features[0]
    warnings = [*standing_warnings(info), *_about_the_picture(info, pixels), *_about_the_person(info, given)]

    if not distance <= 1.0:
        return Prediction(
            probabilities={},
            malignancy=None,
            decision="refused",
            sentence=f"This picture is unlike the {info.data.kind} that the model learnt from, so no risk is given; take a close, sharp picture of one lesion.",
            warnings=tuple(warnings),
            in_distribution=False,
            distance=distance,
            pixels=pixels,
            maps=np.zeros((0, 0, 0), np.float32),
            features=features,
            classes=info.class_names,
            crop=info.crop,
        )

    calibrated = bundle.calibrated(output.logits)
    risks = bundle.malignancy(output.logits)
    risk = None if risks is None else float(risks[0])
    decision, sentence = decide(info, risk)
    if distance > bundle.gate.unusual:
        warnings.append("This picture differs from most that the model learnt from; take the result with care.")
    return Prediction(
        probabilities={label: float(value) for label, value in zip(info.class_names, calibrated[0], strict=True)},
        malignancy=risk,
        decision=decision,
        sentence=sentence,
        warnings=tuple(warnings),
        in_distribution=True,
        distance=distance,
        pixels=pixels,
        maps=output.maps[0],
        features=features,
        classes=info.class_names,
        crop=info.crop,
    )


def look(
    bundle: Bundle, data: bytes, given: Mapping[str, Any], *, name: str = "The file"
) -> tuple[np.ndarray, np.ndarray, EngineOutput]:
    """The one way from a file's bytes to the network's answer; publishing checks it against the run's own predictions.

    Args:
        bundle: a loaded bundle.
        data: the file's bytes.
        given: what is known beside the picture, by column; None is "not known".
        name: how an error names the file.

    Returns:
        The picture as decoded, uint8 (H, W, 3); the square that went in, uint8 (S, S, 3); the engine's outputs.

    Raises:
        UnusableImageError: if the bytes are no usable image.
    """
    pixels = decode(data, name=name)
    square = fit(pixels, bundle.info.image_size, bundle.info.crop, bundle.info.color_constancy)
    tabular = None if bundle.encoder is None else np.atleast_2d(bundle.encoder.encode_one(given))
    return pixels, square, bundle.engine.run(square[np.newaxis], tabular)


def decide(info: BundleInfo, risk: float | None) -> tuple[Decision, str]:
    """The decision at the operating point, and its sentence."""
    point = info.operating_point
    if risk is None:
        return "undecided", "The classes of this model know no malignancy, so it gives no risk."
    # NaN is below every threshold; it must not read as "no referral".
    if not math.isfinite(risk):
        return "undecided", "The model gave no number for this picture, so there is no risk and no decision."
    if point is None:
        return "undecided", "This model has no operating point, so the risk comes without a decision."
    caught = round(100 * point.sensitivity)
    if risk >= point.threshold:
        return (
            "refer",
            f"At or above the model's threshold: have the lesion looked at by a dermatologist. The threshold caught {caught} in 100 malignant or premalignant lesions in validation.",
        )
    missed = 100 - caught
    return (
        "no referral",
        f"Below the model's threshold: no referral by the model. At this threshold about {missed} in 100 malignant or premalignant lesions were missed in validation, so a change or a worry is still a reason to have it looked at.",
    )


def shown_first(info: BundleInfo, probabilities: np.ndarray, risk: float | None) -> int:
    """The class whose map a reader is shown first: the likeliest; of a referred lesion the likeliest of those that make
    the risk.

    Args:
        probabilities: float (C,), calibrated, in the bundle's order.
        risk: calibrated; None where there is none.

    Returns:
        Its place in the bundle's order.
    """
    by_probability = [int(place) for place in np.argsort(-probabilities, kind="stable")]
    suspected = [place for place in by_probability if info.class_names[place] in info.endpoint]
    return suspected[0] if suspected and decide(info, risk)[0] == "refer" else by_probability[0]


def standing_warnings(info: BundleInfo) -> tuple[str, ...]:
    """Sentences that go with every prediction of a bundle."""
    found = []
    if info.synthetic:
        found.append("This model was trained on synthetic pictures: its figures say nothing about real skin.")
    else:
        found.append(f"This model learnt from {info.data.kind}; for any other kind of photo its figures do not hold.")
    if info.untrained:
        found.append("This model's backbone was trained from random weights, without ImageNet: expect less of it.")
    return tuple(found)


def _about_the_picture(info: BundleInfo, pixels: np.ndarray) -> list[str]:
    height, width = pixels.shape[:2]
    # Published sets hold pictures a little below the input size that the model learnt from; those need no warning.
    if min(height, width) >= 0.75 * info.image_size:
        return []
    return [
        f"The picture is small ({width} × {height} pixels; the model looks at {info.image_size} × {info.image_size}), so detail is missing."
    ]


def _about_the_person(info: BundleInfo, given: dict[str, object]) -> list[str]:
    known = [name for name, value in given.items() if not (value is None or _is_nan(value))]
    found = []
    if missing := [name for name in info.features if name not in known]:
        found.append(f"The model also takes {', '.join(missing)}; without it the result is less sure.")
    if unused := [name for name in known if name not in info.features]:
        found.append(f"This model does not look at {', '.join(unused)}; what was given made no difference.")
    if given["site"] is not None and "site" in info.features and given["site"] not in info.sites:
        found.append(f"The model learnt from no lesion on the site {given['site']}, so it counts as not known.")
    return found


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
