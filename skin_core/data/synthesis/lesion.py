"""How each diagnosis is drawn: one painter a kind, in strokes that a dermatologist names.

The kinds differ as a cartoon differs from a face: enough for a small network to learn in a few epochs, and nothing
that is learnt here holds for real skin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skin_core.data.synthesis.noise import Field, step


@dataclass
class Canvas:
    """One view of a lesion, in the lesion's own coordinates.

    Attributes:
        u, v: float32 (H, W), lesion frame, in units of half the picture's shorter side.
        rgb: float32 (H, W, 3), 0 to 255, skin at first.
        shade: float32 (3,), how much darker pigment looks on this skin than on fair skin.
        rng: draws the lesion's own features, the same in each view.
        field: the lesion's texture.
        cover: float32 (H, W), 0 to 1, where the lesion is; set by the painter.
    """

    u: np.ndarray
    v: np.ndarray
    rgb: np.ndarray
    shade: np.ndarray
    rng: np.random.Generator
    field: Field
    cover: np.ndarray

    def lay(self, color: tuple[int, int, int], alpha: np.ndarray) -> None:
        """Lays a pigment over what is there; ``alpha`` float32 (H, W), 0 to 1."""
        self.rgb += alpha[..., None] * (np.float32(color) * self.shade - self.rgb)

    def outline(self, radius: float, wobble: float, softness: float, stretch: float = 0.25) -> np.ndarray:
        """A closed shape around the centre: float32 (H, W), 1 inside, 0 outside, and sets ``cover``."""
        turn, long = self.rng.uniform(0, np.pi), 1 + self.rng.uniform(0, stretch)
        cos, sin, long = np.float32(np.cos(turn)), np.float32(np.sin(turn)), np.float32(long)
        x = (self.u * cos + self.v * sin) / long
        y = (self.v * cos - self.u * sin) * long
        angles = np.linspace(-np.pi, np.pi, 1024, endpoint=False)
        edges = np.full_like(angles, radius)
        for wave in range(2, 8):
            edges += radius * wobble * self.rng.normal(0, 1 / wave) * np.cos(wave * angles + self.rng.uniform(0, 6.3))
        # A table of the outline: six cosines for each pixel would be half the time that a picture takes.
        at = ((np.arctan2(y, x) + np.float32(np.pi)) * np.float32(1024 / (2 * np.pi))).astype(np.int32) & 1023
        edge = edges.astype(np.float32)[at]
        self.cover = step(edge - np.hypot(x, y), 0, softness)
        return self.cover

    def spots(self, count: int, spread: float, size: tuple[float, float], blur: float = 0.03) -> np.ndarray:
        """Round spots strewn around the centre: float32 (H, W), 0 to 1."""
        inside = np.full_like(self.u, -1)
        for _ in range(count):
            away, angle = spread * np.sqrt(self.rng.random()), self.rng.uniform(0, 2 * np.pi)
            x, y = np.float32(away * np.cos(angle)), np.float32(away * np.sin(angle))
            distance = np.sqrt((self.u - x) ** 2 + (self.v - y) ** 2)
            np.maximum(inside, np.float32(self.rng.uniform(*size)) - distance, out=inside)
        return step(inside, 0, blur)

    def lines(self, frequency: float, width: float) -> np.ndarray:
        """Branching lines, where the texture crosses its middle: float32 (H, W), 0 to 1."""
        return 1 - step(np.abs(self.field.at(self.u, self.v, frequency, 2) - 0.5), width, width)


def nevus(canvas: Canvas) -> None:
    """Round, regular, evenly brown, with a faint network."""
    inside = canvas.outline(canvas.rng.uniform(0.3, 0.5), 0.05, 0.12)
    canvas.lay((150, 98, 66), inside * 0.9)
    canvas.lay((95, 58, 40), inside * canvas.lines(7, 0.035) * 0.6)
    canvas.lay((105, 66, 46), inside * step(0.25 - np.hypot(canvas.u, canvas.v), 0, 0.3) * 0.7)


def melanoma(canvas: Canvas) -> None:
    """Large, ragged, of several colours: dark brown, black, blue-grey, red."""
    inside = canvas.outline(canvas.rng.uniform(0.5, 0.72), 0.28, 0.06, stretch=0.4)
    patches = canvas.field.at(canvas.u, canvas.v, 2.4, 2)
    canvas.lay((92, 56, 42), inside)
    canvas.lay((30, 22, 24), inside * step(patches, 0.56, 0.12))
    canvas.lay((98, 112, 138), inside * step(canvas.field.at(canvas.u + 9, canvas.v, 1.8, 2), 0.62, 0.12) * 0.9)
    canvas.lay((165, 72, 66), inside * step(canvas.field.at(canvas.u, canvas.v + 9, 2.0), 0.72, 0.12) * 0.8)
    canvas.lay((24, 18, 20), inside * canvas.spots(9, 0.65, (0.02, 0.05)))


def basal_cell_carcinoma(canvas: Canvas) -> None:
    """Pearly pink with branching vessels, blue-grey ovoid nests and a small ulcer."""
    inside = canvas.outline(canvas.rng.uniform(0.4, 0.58), 0.1, 0.14)
    canvas.lay((240, 182, 180), inside * 0.85)
    canvas.lay((252, 226, 220), inside * canvas.spots(2, 0.3, (0.1, 0.2), 0.15) * 0.7)
    canvas.lay((190, 48, 58), inside * canvas.lines(2.2, 0.022) * 0.9)
    canvas.lay((98, 108, 140), inside * canvas.spots(6, 0.4, (0.04, 0.09), 0.05) * 0.9)
    canvas.lay((140, 50, 40), canvas.spots(1, 0.2, (0.06, 0.1)))


def actinic_keratosis(canvas: Canvas) -> None:
    """A red, rough patch without an edge, strewn with pale scales."""
    inside = canvas.outline(canvas.rng.uniform(0.55, 0.75), 0.15, 0.5)
    canvas.lay((214, 118, 104), inside * 0.75)
    canvas.lay((246, 226, 196), inside * step(canvas.field.at(canvas.u, canvas.v, 11, 2), 0.6, 0.1) * 0.85)


def squamous_cell_carcinoma(canvas: Canvas) -> None:
    """Red and raised around a yellow-white plug of keratin, with looped vessels at the rim."""
    inside = canvas.outline(canvas.rng.uniform(0.45, 0.62), 0.12, 0.1)
    canvas.lay((196, 86, 78), inside * 0.95)
    rim = inside * step(np.hypot(canvas.u, canvas.v), 0.3, 0.2)
    canvas.lay((140, 24, 34), rim * canvas.spots(24, 0.6, (0.015, 0.03), 0.02))
    canvas.lay((245, 224, 158), step(canvas.rng.uniform(0.2, 0.28) - np.hypot(canvas.u, canvas.v), 0, 0.1))


def benign_keratosis(canvas: Canvas) -> None:
    """Stuck on: tan, sharply cut, with pale milia and dark plugs."""
    inside = canvas.outline(canvas.rng.uniform(0.42, 0.6), 0.12, 0.03)
    canvas.lay((190, 146, 92), inside)
    canvas.lay((152, 108, 62), inside * step(canvas.field.at(canvas.u, canvas.v, 4, 2), 0.55, 0.2) * 0.7)
    canvas.lay((250, 236, 200), inside * canvas.spots(14, 0.5, (0.02, 0.045), 0.02))
    canvas.lay((84, 54, 30), inside * canvas.spots(12, 0.5, (0.02, 0.045), 0.02))


def seborrheic_keratosis(canvas: Canvas) -> None:
    """Darker and furrowed like a brain, sharply cut."""
    inside = canvas.outline(canvas.rng.uniform(0.45, 0.62), 0.08, 0.03)
    canvas.lay((122, 92, 66), inside)
    canvas.lay((60, 42, 30), inside * canvas.lines(5, 0.05))
    canvas.lay((206, 176, 132), inside * canvas.spots(8, 0.5, (0.02, 0.04), 0.02))


def dermatofibroma(canvas: Canvas) -> None:
    """A pale brown ring around a white, scar-like centre."""
    radius = canvas.rng.uniform(0.34, 0.48)
    inside = canvas.outline(radius, 0.05, 0.2)
    canvas.lay((184, 128, 96), inside * 0.85)
    canvas.lay((250, 232, 222), step(radius * 0.5 - np.hypot(canvas.u, canvas.v), 0, 0.15) * 0.95)


def vascular_lesion(canvas: Canvas) -> None:
    """Red to purple lagoons, round and well apart."""
    inside = canvas.outline(canvas.rng.uniform(0.35, 0.5), 0.08, 0.1)
    canvas.lay((206, 92, 98), inside * 0.8)
    canvas.lay((150, 16, 44), inside * canvas.spots(9, 0.4, (0.08, 0.15), 0.04))
    canvas.lay((84, 20, 84), inside * canvas.spots(4, 0.35, (0.06, 0.12), 0.04) * 0.9)


KINDS: dict[str, Callable[[Canvas], None]] = {
    "nevus": nevus,
    "melanoma": melanoma,
    "basal cell carcinoma": basal_cell_carcinoma,
    "actinic keratosis": actinic_keratosis,
    "squamous cell carcinoma": squamous_cell_carcinoma,
    "pigmented benign keratosis": benign_keratosis,
    "seborrheic keratosis": seborrheic_keratosis,
    "dermatofibroma": dermatofibroma,
    "vascular lesion": vascular_lesion,
}
