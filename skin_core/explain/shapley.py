"""Shapley values by Kernel SHAP (Lundberg and Lee 2017, arXiv:1705.07874), without anything else than NumPy.

Each of m players (regions of a picture) is there or not; what a coalition is worth is asked of the network. The Shapley
values are the solution of a least-squares problem whose weights are the Shapley kernel, under the condition that they
sum to what all are worth less what none is. Coalitions are drawn in pairs with their complements, which takes most of
the noise away (Covert and Lee 2021, arXiv:2012.01536, whose closed solution is used).

The package `shap` would bring a compiler (numba, llvmlite) for these few lines, `lime` an image library, and has had no
release since 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

PASSES = 640
_RESAMPLES = 100

# bool (K, m), who is there → float (K, T), what that is worth, for each of T targets.
Value = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Shapley:
    """What each of m players adds to each of T targets.

    Attributes:
        values: float (m, T); their sum is ``whole - base``.
        errors: float (m, T), standard error of the drawing of coalitions; 0 where all were asked.
        base, whole: float (T,), with nobody and with everybody.
    """

    values: np.ndarray
    errors: np.ndarray
    base: np.ndarray
    whole: np.ndarray


def shapley(value: Value, m: int, *, passes: int = PASSES, seed: int = 0) -> Shapley:
    """Shapley values; the same arguments give the same numbers.

    Args:
        value: asked once, with nobody first, everybody second, then the coalitions.
        m: players, at least 1.
        passes: coalitions at most; with ``2 ** m - 2`` of them the values are exact. At least ``2 * m``.
        seed: of the coalitions.

    Raises:
        ValueError: for no player, or fewer passes than tell the players apart.
    """
    if m < 1 or passes < 2 * m:
        raise ValueError(f"expected at least 1 player and 2 passes for each; got {m} and {passes}")
    there, weights, n_asked = coalitions(m, passes, seed)
    worth = np.asarray(value(np.vstack([np.zeros((1, m), bool), np.ones((1, m), bool), there])), dtype=np.float64)
    base, whole = worth[0], worth[1]
    gained = worth[2:] - base
    values = _solved(there, weights, gained, whole - base)
    return Shapley(values, _errors(there, weights, gained, whole - base, n_asked, seed), base, whole)


def coalitions(m: int, passes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, int]:
    """Which coalitions are asked, and what each weighs.

    Sizes 1 and m - 1 come first, then 2 and m - 2, as long as the kernel's share of the passes is enough for all of a
    size; of the other sizes as many as are left are drawn, in pairs that complement each other.

    Returns:
        bool (K, m); float (K,), the Shapley kernel ``(m - 1) / (C(m, s) s (m - s))`` of what was asked, and the mass of
        all that was not asked shared among what was drawn; how many of the K, from the front, were not drawn.
    """
    asked: list[np.ndarray] = []
    weights: list[float] = []
    # Of each size and its complement's: how many there are, and what they weigh together.
    both = {size: 2 if 2 * size < m else 1 for size in range(1, m // 2 + 1)}
    mass = {size: times * (m - 1) / (size * (m - size)) for size, times in both.items()}
    left = passes
    while mass:
        size = min(mass)
        count = both[size] * comb(m, size)
        if left * mass[size] / sum(mass.values()) < count:
            break
        chosen = _all_of_size(m, size)
        asked += [chosen, ~chosen] if both[size] == 2 else [chosen]
        weights += [mass.pop(size) / count] * count
        left -= count
    n_asked = len(weights)
    pairs = left // 2 if mass else 0
    if pairs:
        asked.append(_drawn(m, np.array(list(mass)), np.array(list(mass.values())), pairs, np.random.default_rng(seed)))
        weights += [sum(mass.values()) / (2 * pairs)] * (2 * pairs)
    return (np.vstack(asked) if asked else np.zeros((0, m), bool)), np.array(weights), n_asked


def _all_of_size(m: int, size: int) -> np.ndarray:
    from itertools import combinations

    members = np.array(list(combinations(range(m), size)))
    there = np.zeros((len(members), m), dtype=bool)
    there[np.arange(len(members))[:, np.newaxis], members] = True
    return there


def _drawn(m: int, sizes: np.ndarray, mass: np.ndarray, pairs: int, generator: np.random.Generator) -> np.ndarray:
    # Each size its share of the pairs, rather than sizes by lot: one source of noise less.
    ends = np.cumsum(mass) / mass.sum()
    chosen = sizes[np.searchsorted(ends, (np.arange(pairs) + 0.5) / pairs)]
    order = generator.random((pairs, m)).argsort(axis=1).argsort(axis=1)
    there = order < chosen[:, np.newaxis]
    return np.stack([there, ~there], axis=1).reshape(-1, m)


def _solved(there: np.ndarray, weights: np.ndarray, gained: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Covert and Lee's equation 7: least squares under the condition that the values sum to ``total``, (m, T)."""
    if there.shape[1] == 1:
        return total[np.newaxis].copy()
    members = there.astype(np.float64)
    weighted = members.T * weights
    inverse = np.linalg.inv(weighted @ members)
    free = inverse @ (weighted @ gained)
    too_much = (free.sum(axis=0) - total) / inverse.sum()
    return free - inverse.sum(axis=1)[:, np.newaxis] * too_much


def _errors(
    there: np.ndarray, weights: np.ndarray, gained: np.ndarray, total: np.ndarray, n_asked: int, seed: int
) -> np.ndarray:
    """By drawing the pairs anew."""
    pairs = (len(there) - n_asked) // 2
    if pairs < 2:
        return np.zeros((there.shape[1], len(total)))
    generator = np.random.default_rng([seed, 1])
    found = []
    for _ in range(_RESAMPLES):
        times = np.bincount(generator.integers(pairs, size=pairs), minlength=pairs)
        again = np.r_[np.ones(n_asked), np.repeat(times, 2)]
        found.append(_solved(there, weights * again, gained, total))
    return np.std(found, axis=0, ddof=1)
