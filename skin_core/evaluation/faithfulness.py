"""Whether a heat map shows what the network looks at: deletion and insertion, against maps that know nothing.

Petsiuk, Das and Saenko 2018 (arXiv:1806.07421): the pixels that a map calls important are taken away first, and the
probability should fall fast (deletion, lower is better); or they are put first into a blurred picture, and it should
rise fast (insertion, higher is better). Lesions are centred, so a spot in the middle does well without having looked;
only what a map does better than that says anything.

Beside it `map_agreement`, for whether a map depends on what the network has learnt at all (Adebayo et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from skin_core.evaluation.bootstrap import RESAMPLES, with_intervals
from skin_core.evaluation.curves import Curve, banded
from skin_core.evaluation.metrics import mean_of
from skin_core.progress import ProgressCallback, ignore_progress, tracked

STEPS = 10
MAPS = ("map", "random", "centre")
KINDS = ("deletion", "insertion")
# Petsiuk's blur, 5 of 224 pixels, wide enough that a lesion's structures are gone and its place is not.
_BLUR = 5 / 224
# Of half the side: about a lesion's size.
_CENTRE_WIDTH = 0.5
# A rank correlation above this is read as "much the same map".
_ALIKE = 0.5
_OTHERS = {"random": "random pixels", "centre": "the middle of the picture"}

# Pictures uint8 (K, S, S, 3) made of the picture of that number → (K,), the probability of the class that is explained.
Score = Callable[[np.ndarray, int], np.ndarray]
Figures = Mapping[str, Mapping[str, float]]


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

    def curve(self, kind: str, name: str, *, resamples: int = RESAMPLES, seed: int = 0) -> Curve:
        """The mean curve over the pictures with its band.

        Args:
            kind: one of `KINDS`. name: one of `MAPS`.
            resamples, seed: of the band.
        """
        curves = getattr(self, kind)[name]

        def mean(weights: np.ndarray) -> np.ndarray:
            return weights @ curves / np.maximum(weights.sum(axis=1, keepdims=True), 1)

        return banded(self.shares, mean, self.groups, resamples, seed)

    def figures(self, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, dict[str, float]]:
        """Mean areas, and how much better the map is than the others, with 95 % intervals by drawing groups.

        Returns:
            ``deletion_map``, ``deletion_random``, ``deletion_centre``, ``deletion_gain_over_random``,
            ``deletion_gain_over_centre`` and the same of insertion → {"value", "low", "high"}. A gain above 0 is good
            for both: a lower area of deletion, a higher one of insertion.
        """
        values = {}
        for kind, sign in zip(KINDS, (-1, 1), strict=True):
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


def sentence(figures: Figures, n: int, agreement: Mapping[str, float] | None = None) -> str:
    """One sentence for beside a heat map.

    A map counts as faster only where the whole interval of its gain lies above 0.

    Args:
        figures: as `Faithfulness.figures` gives them.
        n: pictures.
        agreement: mean of `map_agreement` with the maps of a network with random weights, with its interval; None where
            that was not looked at.
    """
    if not n or np.isnan(figures["deletion_map"]["value"]):
        return "Whether the heat maps show what the network looks at was not measured."
    verdicts = {kind: {other: _verdict(figures[f"{kind}_gain_over_{other}"]) for other in MAPS[1:]} for kind in KINDS}
    deletion, insertion = verdicts["deletion"], verdicts["insertion"]
    if deletion == insertion:
        found = (
            "hiding what the map marks lowered the probability of its class, and showing it first raised it, "
            f"{_against(deletion)}"
        )
    else:
        found = (
            f"hiding what the map marks lowered the probability of its class {_against(deletion)}; showing it first "
            f"raised it {_against(insertion)}"
        )
    return f"On {n:,} validation pictures, {found}{_randomised(agreement)}."


def check_maps(
    score: Score,
    images: np.ndarray,
    maps: np.ndarray,
    groups: np.ndarray,
    *,
    steps: int = STEPS,
    seed: int = 0,
    what: str = "Checking the heat maps",
    progress: ProgressCallback = ignore_progress,
) -> Faithfulness:
    """Runs both checks for the maps, for random ones and for a Gaussian in the middle.

    Args:
        score: see `Score`; asked once a picture, with `passes` pictures.
        images: uint8 (N, S, S, 3).
        maps: float (N, h, w), high where it matters; a NaN is a pixel that the network did not see.
        groups: (N,), lesion or patient.
        steps: how many parts the pixels are taken away in.
        seed: of the random maps, and of the order of pixels that tie.
        what: told to ``progress``, with the number of pictures.
    """
    found: dict[str, dict[str, list[np.ndarray]]] = {kind: {name: [] for name in MAPS} for kind in KINDS}
    pairs = enumerate(zip(images, maps, strict=True))
    for number, (image, given) in tracked(pairs, what, len(images), progress):
        generator = np.random.default_rng([seed, number])
        side = image.shape[0]
        ranked = {"map": resized(given, side), "random": generator.random((side, side)), "centre": centre_map(side)}
        places = {name: ranks(saliency, generator) for name, saliency in ranked.items()}
        for kind, curves in _curves(lambda some, n=number: score(some, n), image, places, steps).items():
            for name, curve in curves.items():
                found[kind][name].append(curve)
    stacked = {
        kind: {name: np.array(rows, dtype=np.float64).reshape(-1, steps + 1) for name, rows in by_name.items()}
        for kind, by_name in found.items()
    }
    return Faithfulness(np.linspace(0, 1, steps + 1), stacked["deletion"], stacked["insertion"], np.asarray(groups))


def passes(steps: int = STEPS) -> int:
    """How many predictions `check_maps` asks for each picture: both ways through it for each map, the ends once."""
    return 2 * len(MAPS) * (steps - 1) + 3


def _curves(
    score: Callable[[np.ndarray], np.ndarray], image: np.ndarray, places: Mapping[str, np.ndarray], steps: int
) -> dict[str, dict[str, np.ndarray]]:
    """Kind → name → float (steps + 1,). The whole, the blurred and the empty picture are the ends of all curves."""
    empty = np.rint(np.broadcast_to(image.mean(axis=(0, 1)), image.shape)).astype(np.uint8)
    ends = {"deletion": (image, empty), "insertion": (blurred(image), image)}
    between = [exchanged(*ends[kind], places[name], steps)[1:-1] for kind in KINDS for name in MAPS]
    answers = score(np.concatenate([np.stack([image, empty, ends["insertion"][0]]), *between]))
    whole, nothing, soft = answers[:3]
    inner = iter(np.split(answers[3:], 2 * len(MAPS)))
    first = {"deletion": whole, "insertion": soft}
    last = {"deletion": nothing, "insertion": whole}
    return {kind: {name: np.r_[first[kind], next(inner), last[kind]] for name in MAPS} for kind in KINDS}


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
    weights should not agree with those of the trained one; where they do, they show the picture and nothing learnt.

    Args:
        maps, others: float (N, h, w), without NaN.
    """
    found = []
    for one, other in zip(maps, others, strict=True):
        first, second = _ranks(one.ravel()), _ranks(other.ravel())
        spread = first.std() * second.std()
        product = ((first - first.mean()) * (second - second.mean())).mean()
        found.append(product / spread if spread > 0 else np.nan)
    return np.array(found)


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1, those that tie with the mean of theirs; `scipy.stats` takes longer to load than a page waits."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _verdict(gain: Mapping[str, float]) -> str:
    if gain["low"] > 0:
        return "faster"
    return "more slowly" if gain["high"] < 0 else "not clearly faster"


def _against(verdicts: Mapping[str, str]) -> str:
    """``faster than with random pixels, but not clearly faster than with the middle of the picture``."""
    (one, first), (other, second) = ((_OTHERS[name], verdict) for name, verdict in verdicts.items())
    if first == second:
        return f"{first} than with {one} or with {other}"
    return f"{first} than with {one}, but {second} than with {other}"


def _randomised(agreement: Mapping[str, float] | None) -> str:
    if agreement is None or np.isnan(agreement["value"]):
        return ""
    told = f"(rank agreement {agreement['value']:.2f}, where 1 is the same map)"
    if agreement["high"] < _ALIKE:
        return f"; a network with random weights draws other maps {told}"
    if agreement["low"] > _ALIKE:
        return (
            f"; but a network with random weights draws much the same maps {told}, so they hardly show what was learnt"
        )
    return f"; a network with random weights may draw similar maps {told}"
