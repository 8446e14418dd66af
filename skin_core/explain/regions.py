"""A second opinion beside the heat maps: which regions of a picture raise a probability, and which lower it.

Shapley values of regions that follow the picture's edges. It looks at nothing inside the network, so it cannot share a
fault with Grad-CAM, and it is signed and in points of probability. Hidden is what deletion hides by: the picture's mean
colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skin_core.explain.shapley import PASSES, shapley
from skin_core.explain.superpixels import superpixels
from skin_core.progress import ProgressCallback, ignore_progress, tracked

_CHUNK = 16
# A part counts as told from 0 where it is this many standard errors of the drawing away from it.
_CLEAR = 2.0

# Pictures uint8 (K, S, S, 3) → float (K, T).
Probabilities = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Regions:
    """What R regions add to T probabilities.

    Attributes:
        segments: int (S, S), the region of each pixel of the network's square.
        targets: T names.
        values: float (R, T), in probability; they sum to ``whole - base``.
        errors: float (R, T), standard errors of the drawing.
        base, whole: float (T,), every region hidden, and none.
        passes: how often the network was asked.
    """

    segments: np.ndarray
    targets: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray
    base: np.ndarray
    whole: np.ndarray
    passes: int

    def clear(self, target: str) -> np.ndarray:
        """The regions whose part cannot be chance of the drawing, bool (R,)."""
        column = self.targets.index(target)
        return np.abs(self.values[:, column]) > _CLEAR * self.errors[:, column]

    def of(self, target: str) -> np.ndarray:
        """The parts of one target, float (R,)."""
        return self.values[:, self.targets.index(target)]

    def map(self, target: str) -> np.ndarray:
        """Each pixel with its region's part, float32 (S, S), signed."""
        return self.of(target).astype(np.float32)[self.segments]


def explain_regions(
    square: np.ndarray,
    probabilities: Probabilities,
    targets: tuple[str, ...],
    *,
    passes: int = PASSES,
    what: str = "Hiding regions of the picture",
    progress: ProgressCallback = ignore_progress,
) -> Regions:
    """Regions of one picture; the same picture and network give the same answer.

    Args:
        square: uint8 (S, S, 3).
        probabilities: the network, see `Probabilities`.
        targets: T names, in the order of its columns.
        passes: see `shapley.shapley`.
        what: told to ``progress``, with the number of pictures.
    """
    segments = superpixels(square)
    hidden = np.rint(square.mean(axis=(0, 1))).astype(np.uint8)

    def worth(there: np.ndarray) -> np.ndarray:
        chunks = [there[start : start + _CHUNK] for start in range(0, len(there), _CHUNK)]
        answers = []
        for chunk in tracked(chunks, what, len(chunks), progress):
            shown = chunk[:, segments][..., np.newaxis]
            answers.append(probabilities(np.where(shown, square, hidden)))
        return np.concatenate(answers)

    found = shapley(worth, int(segments.max()) + 1, passes=passes)
    return Regions(segments, targets, found.values, found.errors, found.base, found.whole, passes + 2)
