"""What a smaller engine costs: its figures on validation beside those of the engine as trained."""

from __future__ import annotations

import numpy as np

from skin_core.evaluation.paired import paired_differences
from skin_core.evaluation.scored import Scored
from skin_core.screening.record import EngineLoss

FIGURES = ("balanced_accuracy", "malignancy_auc")


def engine_losses(full: Scored, smaller: Scored, groups: np.ndarray, *, seed: int) -> dict[str, EngineLoss]:
    """Loss of each of `FIGURES`, with the 95 % interval of the paired difference.

    Args:
        full: validation by the float32 engine, with a calibration of its own.
        smaller: the same pictures by the published engine, with its own.
        groups: (N,), lesion or patient of each.
        seed: of the resamples.
    """

    def of(judged: Scored):
        return lambda weights: {name: value for name, value in judged.figures(weights).items() if name in FIGURES}

    found = paired_differences(of(full), of(smaller), groups, seed=seed)
    return {
        name: EngineLoss(
            **{
                part: None if np.isnan(value) else float(value)
                for part, value in {
                    "full": entry.first,
                    "loss": entry.difference,
                    "low": entry.low,
                    "high": entry.high,
                }.items()
            }
        )
        for name, entry in found.items()
    }
