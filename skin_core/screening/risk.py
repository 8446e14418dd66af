"""The risk that a bundle gives, in whichever form its record holds the calibration."""

from __future__ import annotations

import numpy as np

from skin_core.evaluation.calibration import calibrated, calibrated_logits
from skin_core.evaluation.risk import endpoint_score
from skin_core.screening.record import BundleInfo


def endpoint_columns(info: BundleInfo) -> list[int]:
    """Columns of the classes that count as malignant or premalignant."""
    return [index for index, name in enumerate(info.class_names) if name in info.endpoint]


def risk_of(info: BundleInfo, logits: np.ndarray) -> np.ndarray | None:
    """P(malignant or premalignant), float64 (N,), from the engine's logits (N, C); None without an endpoint.

    Bundles before schema 2 have no calibration of the risk itself: theirs is the sum over the calibrated classes. Before
    schema 4 the risk's score was of the network's logits as they are.
    """
    if not info.has_risk:
        return None
    if info.risk_calibration is None:
        probabilities = calibrated(logits, info.calibration.temperature, info.calibration.bias)
        return probabilities[:, endpoint_columns(info)].sum(axis=1)
    return info.risk_calibration(risk_score(info, logits, info.risk_calibration.of))


def risk_score(info: BundleInfo, logits: np.ndarray, of: str) -> np.ndarray:
    """What a risk is read off, float64 (N,), from the engine's logits (N, C); ``of``: see `RiskCalibration`."""
    if of == "classes":
        logits = calibrated_logits(logits, info.calibration.temperature, info.calibration.bias)
    return endpoint_score(logits, endpoint_columns(info))
