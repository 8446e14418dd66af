"""Kernel SHAP against what can be worked out by hand, and superpixels on pictures whose parts are known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from skin_core.explain.regions import explain_regions
from skin_core.explain.shapley import coalitions, shapley
from skin_core.explain.superpixels import superpixels


def _linear(coefficients: np.ndarray, start: float = 0.0):
    return lambda there: start + there.astype(float) @ coefficients


@pytest.mark.parametrize(("m", "passes"), [(1, 2), (2, 10), (3, 6), (6, 62), (6, 40), (25, 640), (36, 200)])
def test_a_linear_network_gives_its_coefficients_back(m: int, passes: int) -> None:
    coefficients = np.random.default_rng(m).normal(size=(m, 2))
    found = shapley(_linear(coefficients, 0.25), m, passes=passes)
    assert found.values == pytest.approx(coefficients, abs=1e-9)
    assert found.errors == pytest.approx(np.zeros((m, 2)), abs=1e-9)
    assert found.base == pytest.approx([0.25, 0.25])
    assert found.whole == pytest.approx(0.25 + coefficients.sum(axis=0))


def test_gloves_by_hand() -> None:
    """Two left gloves and a right one: a pair is worth 1. The right one gets 2/3, each left one 1/6."""
    found = shapley(lambda there: ((there[:, 0] | there[:, 1]) & there[:, 2]).astype(float)[:, np.newaxis], 3, passes=6)
    assert found.values[:, 0] == pytest.approx([1 / 6, 1 / 6, 2 / 3], abs=1e-12)
    assert (found.errors == 0).all()


def _by_definition(value, m: int) -> np.ndarray:
    """Mean over all orders in which the players can come."""
    total = np.zeros(m)
    orders = list(permutations(range(m)))
    for order in orders:
        there = np.zeros((m + 1, m), bool)
        for place, player in enumerate(order):
            there[place + 1 :, player] = True
        total[list(order)] += np.diff(value(there)[:, 0])
    return total / len(orders)


def _crooked(there: np.ndarray) -> np.ndarray:
    weights = np.arange(1, there.shape[1] + 1) / there.shape[1]
    together = there.astype(float) @ weights
    return (np.tanh(together - 1) + there[:, 0] * there[:, -1] * 0.5)[:, np.newaxis]


def test_all_coalitions_give_the_values_by_their_definition() -> None:
    found = shapley(_crooked, 7, passes=2**7 - 2)
    assert found.values[:, 0] == pytest.approx(_by_definition(_crooked, 7), abs=1e-10)


def test_drawn_coalitions_come_close_and_say_how_close() -> None:
    expected = shapley(_crooked, 12, passes=2**12 - 2).values[:, 0]
    found = shapley(_crooked, 12, passes=1500)
    apart = np.abs(found.values[:, 0] - expected)
    assert apart.max() < 0.02 and found.errors.max() > 0
    # Standard errors: nearly all within three of them, and not a hundred times too large.
    assert (apart < 3 * found.errors[:, 0] + 1e-12).mean() > 0.8
    assert found.errors.max() < 0.02
    assert found.values.sum() == pytest.approx((found.whole - found.base)[0], abs=1e-10)


def test_the_same_question_gets_the_same_answer() -> None:
    first, again, other = (shapley(_crooked, 12, passes=200, seed=seed).values for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_coalitions_are_pairs_whose_weights_are_the_kernels() -> None:
    there, weights, n_asked = coalitions(5, 30)
    # 5, 10, 10 and 5 coalitions of 1, 2, 3 and 4: all of them.
    assert np.bincount(there.sum(axis=1), minlength=6).tolist() == [0, 5, 10, 10, 5, 0] and n_asked == 30
    assert len(np.unique(there, axis=0)) == 30
    # (5 - 1) / (C(5, s) s (5 - s)) is 4 / 20 for one or four, 4 / 60 for two or three.
    assert weights == pytest.approx(np.where(np.isin(there.sum(axis=1), (1, 4)), 0.2, 1 / 15))
    there, weights, n_asked = coalitions(5, 20)
    assert n_asked == 10 and len(there) == 20
    assert (there[10::2] == ~there[11::2]).all() and set(there[10:].sum(axis=1)) == {2, 3}
    # What was not asked weighs as much as before: 20 times 1 / 15, shared among ten.
    assert weights[10:].sum() == pytest.approx(20 / 15)
    even, shares, n_asked = coalitions(4, 14)
    assert n_asked == 14 and np.bincount(even.sum(axis=1)).tolist() == [0, 4, 6, 4]
    assert shares[even.sum(axis=1) == 2] == pytest.approx(3 / (6 * 2 * 2))


def test_too_few_passes_are_told() -> None:
    with pytest.raises(ValueError, match="at least 1 player and 2 passes for each; got 10 and 19"):
        shapley(_crooked, 10, passes=19)


def test_superpixels_follow_an_edge() -> None:
    square = np.full((64, 64, 3), (224, 172, 150), np.uint8)
    rows, columns = np.indices((64, 64))
    spot = (rows - 30) ** 2 + (columns - 34) ** 2 < 17**2
    square[spot] = (90, 50, 40)
    segments = superpixels(square)
    assert segments.shape == (64, 64) and 16 <= segments.max() + 1 <= 25
    assert np.unique(segments).tolist() == list(range(segments.max() + 1))
    # No region lies on both sides.
    for number in range(segments.max() + 1):
        inside = spot[segments == number].mean()
        assert inside < 0.05 or inside > 0.95, number
    assert np.array_equal(segments, superpixels(square))


def test_each_superpixel_is_one_piece_on_noise_too() -> None:
    from scipy.ndimage import label

    segments = superpixels(np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8))
    eight = np.ones((3, 3))
    assert max(label(segments == number, eight)[1] for number in range(segments.max() + 1)) == 1


def test_a_flat_picture_is_cut_into_a_grid() -> None:
    segments = superpixels(np.full((12, 12, 3), 90, np.uint8), across=3)
    assert np.array_equal(segments, np.arange(9).reshape(3, 3).repeat(4, axis=0).repeat(4, axis=1))
    assert superpixels(np.zeros((2, 2, 3), np.uint8)).tolist() == [[0, 1], [2, 3]]


def test_regions_raise_and_lower_what_they_hold() -> None:
    """Red pixels speak for the first target, blue ones for the second and against the first: linear, so by hand."""
    square = np.full((35, 35, 3), 0, np.uint8)
    square[0:7, 0:7] = (255, 0, 0)
    square[28:35, 28:35] = (0, 0, 255)

    def probabilities(pictures: np.ndarray) -> np.ndarray:
        red, blue = ((pictures[..., part] > 200).mean(axis=(1, 2)) * 25 for part in (0, 2))
        return np.stack([0.5 + 0.3 * red - 0.2 * blue, 0.1 * blue], axis=1)

    told = []
    found = explain_regions(square, probabilities, ("one", "two"), progress=told.append)
    assert found.segments.max() + 1 == 25
    red, blue = found.segments[3, 3], found.segments[31, 31]
    expected = np.zeros(25)
    expected[red], expected[blue] = 0.3, -0.2
    assert found.of("one") == pytest.approx(expected, abs=1e-9)
    assert found.map("one")[0, 0] == pytest.approx(0.3) and found.map("two")[34, 34] == pytest.approx(0.1)
    assert found.base == pytest.approx([0.5, 0]) and found.whole == pytest.approx([0.6, 0.1])
    assert found.clear("one")[[red, blue]].all()
    assert found.passes == 642 and told[-1].done == told[-1].total
