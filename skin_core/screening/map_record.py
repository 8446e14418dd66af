"""What was measured of a model's heat maps: in the record of a bundle and beside the evaluation of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

NOT_MEASURED = "Whether this model's heat maps show what it looks at was not measured."


class _Frozen(BaseModel):
    # Unknown fields of a later minor version are passed over, not refused.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Measured(_Frozen):
    """A mean over pictures with its 95 % interval; None where it is undefined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, figure: Mapping[str, float]) -> Measured:
        """From ``{"value", "low", "high"}``; NaN becomes None."""
        return cls(**{name: None if math.isnan(value) else float(value) for name, value in figure.items()})

    def numbers(self) -> dict[str, float]:
        """``{"value", "low", "high"}``, NaN where undefined."""
        return {name: math.nan if value is None else value for name, value in self.model_dump().items()}


class MapCheck(_Frozen):
    """Deletion, insertion and model randomisation of Grad-CAM; see `evaluation.faithfulness`.

    Attributes:
        n: validation pictures, one of each group. group_word: what a group is, in the plural.
        steps: parts that the pixels were taken away in.
        figures: areas and gains by name.
        agreement: mean rank correlation with the maps of the same network with random weights; None where that was not
            looked at. n_agreement: pictures behind it.
    """

    n: int = 0
    group_word: str = "lesions"
    steps: int = 0
    figures: dict[str, Measured] = Field(default_factory=dict)
    agreement: Measured | None = None
    n_agreement: int = 0

    def sentence(self) -> str:
        """What came out, in one sentence."""
        figures = {name: figure.numbers() for name, figure in self.figures.items()}
        if "deletion_map" not in figures:
            return NOT_MEASURED
        # Screening reads records and waits for no evaluation.
        from skin_core.evaluation.faithfulness import sentence

        return sentence(figures, self.n, None if self.agreement is None else self.agreement.numbers())

    def how(self) -> str:
        """How it was measured, for the reader of the figures."""
        told = (
            f"On {self.n:,} validation pictures of as many {self.group_word}, Grad-CAM of the class that a reader is shown "
            f"first, its calibrated probability while the pixels are exchanged in {self.steps} parts: hidden by the "
            "picture's mean colour, or shown first in a blurred picture. 95 % intervals by drawing the "
            f"{self.group_word} anew 2,000 times."
        )
        if self.agreement is None:
            return told
        return (
            f"{told} Agreement: Spearman's rank correlation with the maps of the same network with random weights, each "
            f"network's likeliest class, on {self.n_agreement:,} of them."
        )


class Band(_Frozen):
    """A mean curve and its 95 % band, (P,) each."""

    y: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


class CheckedMaps(_Frozen):
    """What a run keeps: the figures and the curves behind them.

    Attributes:
        check: the figures.
        shares: (P,), part of the pixels that was exchanged.
        curves: "deletion" or "insertion" → "map", "random" or "centre" → mean probability along ``shares``.
    """

    FILE: ClassVar[str] = "map_check.json"

    check: MapCheck = Field(default_factory=MapCheck)
    shares: tuple[float, ...] = ()
    curves: dict[str, dict[str, Band]] = Field(default_factory=dict)


def read_checked(path: Path) -> CheckedMaps | None:
    """What a file holds; None where it is missing or damaged, so that it is measured anew."""
    try:
        return CheckedMaps.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
