"""In what form an engine is published: how its numbers are stored and computed with, how much of the network is left
out, and in how many views it looks at a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skin_core.errors import BundleError
from skin_core.screening.views import COUNTS

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
        views: of each picture, whose answers are averaged; see `screening.views`.

    Raises:
        BundleError: for another engine, a share outside 0 ≤ prune < 1, or a number of views that is not offered.
    """

    engine: str = "float32"
    prune: float = 0.0
    views: int = 1

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise BundleError(f"There is no engine '{self.engine}'; there are {', '.join(ENGINES)}.")
        if not 0 <= self.prune < 1:
            raise BundleError(f"The share to prune must be at least 0 and below 1; got {self.prune:g}.")
        if self.views not in COUNTS:
            raise BundleError(f"The number of views must be {_or(COUNTS)}; got {self.views}.")

    @property
    def key(self) -> str:
        """For a file name; empty for the engine as trained."""
        parts = ["" if self.engine == "float32" else self.engine, self.predictor]
        return "-".join(part for part in parts if part)

    @property
    def predictor(self) -> str:
        """The part of the key that makes it another predictor and not the same one in other numbers: test figures of
        the one say nothing of the other."""
        parts = [f"pruned{self.prune:g}" if self.prune else "", f"views{self.views}" if self.views > 1 else ""]
        return "-".join(part for part in parts if part)

    @property
    def options(self) -> str:
        """What makes it another predictor, as the command line says it."""
        parts = [f"--prune {self.prune:g}" if self.prune else "", f"--views {self.views}" if self.views > 1 else ""]
        return " ".join(part for part in parts if part)

    @property
    def words(self) -> str:
        """How its numbers are stored, for a model card."""
        pruned = f"; of each convolution's weights {100 * self.prune:g} in 100 set to zero" if self.prune else ""
        return f"{self.engine} ({ENGINES[self.engine]}{pruned})"


def predictor_of(key: str) -> str:
    """`Variant.predictor` from the key of a draft, which begins with a digest and a version."""
    return "-".join(part for part in key.split("-") if part.startswith(("pruned", "views")))


def version_of(key: str) -> str:
    """The version of calibration and figures that a draft was made by, from its key."""
    return next((part for part in key.split("-")[1:] if part.startswith("v") and part[1:].isdigit()), "")


def _or(numbers) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}"


def agrees(parity: dict[str, float], engine: str) -> bool:
    """Whether differences are within the engine's tolerance; NaN never is."""
    return all(parity[name] <= allowed for name, allowed in TOLERANCE[engine].items())
