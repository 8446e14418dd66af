"""In what size an engine is published: how its numbers are stored and computed with, and how much of it is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skin_core.errors import BundleError

EngineKind = Literal["float32", "float16", "dynamic", "int8"]

# What each is, in words for a form and a model card.
ENGINES: dict[str, str] = {
    "float32": "32 bits, as trained",
    "float16": "16 bits stored, 32 computed: half the file",
    "dynamic": "8 bits stored, rounded as it runs: a quarter of the file",
    "int8": "8 bits stored and computed: a quarter of the file, fastest",
}

# Largest difference to Keras that is let through on a few validation pictures: in probability, and in the Grad-CAM
# maps in units of the picture's largest value. What is computed in float32 agrees to rounding. Eight bits move single
# pictures by more; on a MobileNetV2 and 1,502 lesions the largest was 0.07 (dynamic) and 0.27 (int8) in probability.
# There the check finds graphs that are broken, and the loss on validation says what they are worth.
TOLERANCE: dict[str, dict[str, float]] = {
    "float32": {"probabilities": 1e-3, "maps": 1e-3},
    "float16": {"probabilities": 1e-3, "maps": 1e-3},
    "dynamic": {"probabilities": 0.2, "maps": 1.0},
    "int8": {"probabilities": 0.5, "maps": 2.0},
}


@dataclass(frozen=True)
class Variant:
    """What is asked for.

    Attributes:
        engine: one of `ENGINES`.
        prune: share of each convolution's weights that is set to zero, the smallest first; see `screening.prune`.

    Raises:
        BundleError: for another engine, or a share outside 0 ≤ prune < 1.
    """

    engine: str = "float32"
    prune: float = 0.0

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise BundleError(f"There is no engine '{self.engine}'; there are {', '.join(ENGINES)}.")
        if not 0 <= self.prune < 1:
            raise BundleError(f"The share to prune must be at least 0 and below 1; got {self.prune:g}.")

    @property
    def key(self) -> str:
        """For a file name; empty for the engine as trained."""
        parts = [] if self.engine == "float32" else [self.engine]
        return "-".join([*parts, *([f"pruned{self.prune:g}"] if self.prune else [])])

    @property
    def words(self) -> str:
        """For a model card."""
        pruned = f"; of each convolution's weights {100 * self.prune:g} in 100 set to zero" if self.prune else ""
        return f"{self.engine} ({ENGINES[self.engine]}{pruned})"


def agrees(parity: dict[str, float], engine: str) -> bool:
    """Whether differences are within the engine's tolerance; NaN never is."""
    return all(parity[name] <= allowed for name, allowed in TOLERANCE[engine].items())
