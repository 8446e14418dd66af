"""Whether a heat map shows what the network looks at: deletion and insertion, against maps that know nothing.

Petsiuk, Das and Saenko 2018 (arXiv:1806.07421): the pixels that a map calls important are taken away first, and the
probability should fall fast (deletion, lower is better); or they are put first into a blurred picture, and it should
rise fast (insertion, higher is better). Lesions are centred, so a spot in the middle does well without having looked;
only what a map does better than that says anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from skin_core.evaluation.bootstrap import RESAMPLES, with_intervals
from skin_core.evaluation.metrics import mean_of

STEPS = 20
MAPS = ("map", "random", "centre")
# Petsiuk's blur, 5 of 224 pixels, wide enough that a lesion's structures are gone and its place is not.
_BLUR = 5 / 224
# Of half the side: about a lesion's size.
_CENTRE_WIDTH = 0.5

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Faithfulness:
    """What N pictures showed.

    Attributes:
        shares: float (P,), 0 to 1, part of the pixels that was taken away or put in.
        deletion, insertion: name of `MAPS` → float (N, P), the class's probability along ``shares``.
        groups: (N,), lesion or patient.
    """

    shares: np.ndarray
    deletion: dict[str, np.ndarray]
    insertion: dict[str, np.ndarray]
    groups: np.ndarray

    def areas(self, kind: str) -> dict[str, np.ndarray]:
        """Area under each picture's curve, name → (N,); ``kind`` is "deletion" or "insertion"."""
        return {name: np.trapezoid(curves, self.shares, axis=1) for name, curves in getattr(self, kind).items()}

    def figures(self, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, dict[str, float]]:
        """Mean areas, and how much better the map is than the others, with 95 % intervals by drawing groups.

        Returns:
            ``deletion_map``, ``deletion_random``, ``deletion_centre``, ``deletion_gain_over_random``,
            ``deletion_gain_over_centre`` and the same of insertion → {"value", "low", "high"}. A gain above 0 is good
            for both: a lower area of deletion, a higher one of insertion.
        """
        values = {}
        for kind, sign in (("deletion", -1), ("insertion", 1)):
            areas = self.areas(kind)
            values |= {f"{kind}_{name}": area for name, area in areas.items()}
            for other in MAPS[1:]:
                values[f"{kind}_gain_over_{other}"] = sign * (areas["map"] - areas[other])
        return with_intervals(
            lambda weights: {name: mean_of(weights, value) for name, value in values.items()},
            self.groups,
            resamples=resamples,
            seed=seed,
        )

    def sentence(self, *, resamples: int = RESAMPLES, seed: int = 0) -> str:
        """One sentence for beside a heat map."""
        found = self.figures(resamples=resamples, seed=seed)
        if np.isnan(found["deletion_map"]["value"]):
            return "Whether the heat maps show what the network looks at was not checked."
        over = {
            other: _verdict([found[f"{kind}_gain_over_{other}"] for kind in ("deletion", "insertion")])
            for other in MAPS[1:]
        }
        return (
            f"Checked on {len(self.groups):,} validation pictures: taking away, or putting in, what the map marks changes "
            f"the probability {over['random']} random pixels, and {over['centre']} a plain spot in the middle."
        )


def check_maps(
    predict: Predict,
    images: np.ndarray,
    maps: np.ndarray,
    columns: np.ndarray,
    groups: np.ndarray,
    *,
    steps: int = STEPS,
    seed: int = 0,
) -> Faithfulness:
    """Runs both checks for the maps, for random ones and for a Gaussian in the middle.

    Args:
        predict: uint8 (K, S, S, 3) → probabilities (K, C).
        images: uint8 (N, S, S, 3).
        maps: float (N, h, w), high where it matters; a NaN is a pixel that the network did not see.
        columns: int (N,), the class that each map explains.
        groups: (N,), lesion or patient.
        steps: how many parts the pixels are taken away in; each asks ``6 · (steps + 1)`` predictions a picture.
        seed: of the random maps, and of the order of pixels that tie.
    """
    deletion: dict[str, list[np.ndarray]] = {name: [] for name in MAPS}
    insertion: dict[str, list[np.ndarray]] = {name: [] for name in MAPS}
    for number, (image, given, column) in enumerate(zip(images, maps, columns, strict=True)):
        generator = np.random.default_rng([seed, number])
        side = image.shape[0]
        ranked = {"map": resized(given, side), "random": generator.random((side, side)), "centre": centre_map(side)}
        for name, saliency in ranked.items():
            places = ranks(saliency, generator)
            for curves, start, end in (
                (deletion, image, np.broadcast_to(image.mean(axis=(0, 1)), image.shape)),
                (insertion, blurred(image), image),
            ):
                curves[name].append(predict(exchanged(start, end, places, steps))[:, column])
    shares = np.linspace(0, 1, steps + 1)
    return Faithfulness(shares, _stacked(deletion, steps), _stacked(insertion, steps), np.asarray(groups))


def exchanged(start: np.ndarray, end: np.ndarray, places: np.ndarray, steps: int) -> np.ndarray:
    """Pictures on the way from one to another, the highest ranked pixels first.

    Args:
        start, end: (S, S, 3). places: int (S, S), see `ranks`.

    Returns:
        uint8 (steps + 1, S, S, 3); the first is ``start``, the last ``end``.
    """
    done = np.round(np.linspace(0, places.size, steps + 1)).astype(int)
    moved = places[np.newaxis] < done[:, np.newaxis, np.newaxis]
    return np.where(moved[..., np.newaxis], np.rint(end), start).astype(np.uint8)


def ranks(saliency: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The place of each pixel, 0 for the most important, int (S, S); ties by lot, NaN last.

    Without the lot, the many zeros of a Grad-CAM would be taken row by row.
    """
    flat = np.nan_to_num(saliency.ravel().astype(np.float64), nan=-np.inf)
    order = np.lexsort((generator.random(flat.size), -flat))
    places = np.empty(flat.size, dtype=int)
    places[order] = np.arange(flat.size)
    return places.reshape(saliency.shape)


def centre_map(side: int) -> np.ndarray:
    """A Gaussian in the middle, float (side, side)."""
    away = (np.arange(side) + 0.5) / side * 2 - 1
    return np.exp(-(away[:, np.newaxis] ** 2 + away**2) / (2 * _CENTRE_WIDTH**2))


def blurred(image: np.ndarray) -> np.ndarray:
    """The picture without its structures, uint8 (S, S, 3)."""
    radius = max(1.0, _BLUR * image.shape[0])
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def resized(saliency: np.ndarray, side: int) -> np.ndarray:
    """A map at the picture's size, float32 (side, side), bilinear."""
    picture = Image.fromarray(np.asarray(saliency, dtype=np.float32))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))


def map_agreement(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of two maps of each picture, (N,); NaN where a map is constant.

    For the model-randomisation check (Adebayo et al. 2018, arXiv:1810.03292): maps of the same network with random
    weights should not agree with those of the trained one.

    Args:
        maps, others: float (N, h, w), without NaN.
    """
    from scipy.stats import rankdata

    found = []
    for one, other in zip(maps, others, strict=True):
        first, second = rankdata(one.ravel()), rankdata(other.ravel())
        spread = first.std() * second.std()
        product = ((first - first.mean()) * (second - second.mean())).mean()
        found.append(product / spread if spread > 0 else np.nan)
    return np.array(found)


def _stacked(curves: dict[str, list[np.ndarray]], steps: int) -> dict[str, np.ndarray]:
    return {name: np.array(rows, dtype=np.float64).reshape(-1, steps + 1) for name, rows in curves.items()}


def _verdict(gains: list[dict[str, float]]) -> str:
    if all(gain["low"] > 0 for gain in gains):
        return "more than"
    if all(gain["high"] < 0 for gain in gains):
        return "less than"
    return "not clearly more than"
