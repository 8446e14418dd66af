"""Deletion and insertion with a predictor whose reasons are known."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.evaluation.faithfulness import (
    KINDS,
    MAPS,
    blurred,
    centre_map,
    check_maps,
    exchanged,
    map_agreement,
    passes,
    ranks,
    resized,
    sentence,
)

SIDE = 32


def _pictures(n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Grey noise, and a fine red check on a patch near a corner; and where the patch is."""
    generator = np.random.default_rng(0)
    images = generator.integers(110, 140, (n, SIDE, SIDE, 3)).astype(np.uint8)
    where = np.zeros((n, SIDE, SIDE))
    checks = np.indices((8, 8)).sum(axis=0) % 2 * 255
    for image, marks, corner in zip(images, where, generator.integers(0, 4, (n, 2)), strict=True):
        box = slice(corner[0], corner[0] + 8), slice(corner[1], corner[1] + 8)
        image[box] = np.stack([checks, np.zeros_like(checks), np.zeros_like(checks)], axis=-1)
        marks[box] = 1
    return images, where


def _by_patch(images: np.ndarray, number: int = 0) -> np.ndarray:
    """P = how much of the picture's upper left corner is saturated red."""
    corner = images[:, :12, :12].astype(float)
    return np.minimum(((corner[..., 0] > 200) & (corner[..., 1] < 60)).mean(axis=(1, 2)) * 144 / 32, 1)


def test_a_true_map_beats_chance_and_the_middle() -> None:
    images, where = _pictures()
    figures = check_maps(_by_patch, images, where, np.arange(12), seed=1).figures(resamples=200)
    for kind in KINDS:
        for other in MAPS[1:]:
            assert figures[f"{kind}_gain_over_{other}"]["low"] > 0, (kind, other)
    assert sentence(figures, 12) == (
        "On 12 validation pictures, hiding what the map marks lowered the probability of its class, and showing it first "
        "raised it, faster than with random pixels or with the middle of the picture."
    )


def test_a_map_of_the_wrong_place_is_told() -> None:
    images, where = _pictures()
    found = check_maps(_by_patch, images, 1 - where, np.arange(12)).figures(resamples=200)
    assert "more slowly than with random pixels" in sentence(found, 12)
    nothing = check_maps(_by_patch, images, np.zeros_like(where), np.arange(12), seed=1).figures(resamples=200)
    assert "not clearly faster than with random pixels" in sentence(nothing, 12)


def _figures(**gains: tuple[float, float]) -> dict[str, dict[str, float]]:
    """Low and high of each gain; the others run from 0.1 to 0.3."""
    names = [f"{kind}_gain_over_{other}" for kind in KINDS for other in MAPS[1:]]
    ends = {name: gains.get(name, (0.1, 0.3)) for name in names}
    found = {name: {"value": (low + high) / 2, "low": low, "high": high} for name, (low, high) in ends.items()}
    return {"deletion_map": {"value": 0.4, "low": 0.3, "high": 0.5}, **found}


def test_the_sentence_says_no_more_than_the_intervals() -> None:
    middle = _figures(deletion_gain_over_centre=(-0.1, 0.2), insertion_gain_over_centre=(-0.01, 0.2))
    assert sentence(middle, 64).endswith(
        "raised it, faster than with random pixels, but not clearly faster than with the middle of the picture."
    )
    apart = sentence(_figures(insertion_gain_over_random=(-0.3, -0.1)), 1204)
    assert apart == (
        "On 1,204 validation pictures, hiding what the map marks lowered the probability of its class faster than with "
        "random pixels or with the middle of the picture; showing it first raised it more slowly than with random "
        "pixels, but faster than with the middle of the picture."
    )
    unknown = sentence(_figures(deletion_gain_over_random=(np.nan, np.nan)), 64)
    assert "lowered the probability of its class not clearly faster than with random pixels" in unknown


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 0.2, "; a network with random weights draws other maps (rank agreement 0.10, where 1 is the same map)."),
        (0.6, 0.8, "; but a network with random weights draws much the same maps (rank agreement 0.70, where 1 is the"),
        (
            0.4,
            0.6,
            "; a network with random weights may draw similar maps (rank agreement 0.50, where 1 is the same map).",
        ),
        (np.nan, np.nan, "random pixels or with the middle of the picture."),
    ],
)
def test_whether_a_map_depends_on_what_was_learnt(low: float, high: float, words: str) -> None:
    agreement = {"value": (low + high) / 2, "low": low, "high": high}
    assert words in sentence(_figures(), 64, agreement)
    assert ("random weights" in sentence(_figures(), 64, agreement)) == (not np.isnan(low))


def test_curves_start_and_end_at_whole_pictures() -> None:
    images, where = _pictures(3)
    found = check_maps(_by_patch, images, where, np.arange(3), steps=5)
    whole = _by_patch(images)
    for name in MAPS:
        assert found.deletion[name].shape == (3, 6)
        assert found.deletion[name][:, 0] == pytest.approx(whole)
        assert found.insertion[name][:, -1] == pytest.approx(whole)
        assert found.deletion[name][:, -1] == pytest.approx(np.zeros(3))
    again = check_maps(_by_patch, images, where, np.arange(3), steps=5)
    assert (again.deletion["random"] == found.deletion["random"]).all()


def test_each_picture_is_asked_once_with_its_number() -> None:
    images, where = _pictures(2)
    asked = []

    def score(some: np.ndarray, number: int) -> np.ndarray:
        asked.append((number, len(some)))
        return np.zeros(len(some))

    told = []
    check_maps(score, images, where, np.arange(2), steps=4, progress=told.append)
    # Whole, empty and blurred, and three steps between the ends for two ways through three maps.
    assert asked == [(0, 21), (1, 21)] and passes(4) == 21 and passes() == 57
    assert (told[-1].done, told[-1].total) == (2, 2)


def test_area_and_band_by_hand() -> None:
    """The upper left pixel is taken for the probability."""
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[:, :4] = 255
    exact = check_maps(lambda some, _: some[:, 0, 0, 0] / 255, images, images[..., 0] / 255, [0, 1], steps=2)
    # The upper half goes first, and with it the corner: from 1 to 128/255, which stays. Area by trapezoids of width 1/2.
    assert exact.areas("deletion")["map"] == pytest.approx([(1 + 3 * 128 / 255) / 4] * 2)
    curve = exact.curve("deletion", "map", resamples=50)
    assert curve.x.tolist() == [0, 0.5, 1]
    assert curve.y == pytest.approx([1, 128 / 255, 128 / 255])
    # Two pictures that are alike: every resample gives the same curve.
    assert curve.low == pytest.approx(curve.y) and curve.high == pytest.approx(curve.y)


def test_pixels_go_in_the_order_of_the_map() -> None:
    saliency = np.array([[0.1, 0.9], [np.nan, 0.5]])
    places = ranks(saliency, np.random.default_rng(0))
    assert places.tolist() == [[2, 0], [3, 1]]
    start, end = np.zeros((2, 2, 3)), np.full((2, 2, 3), 7.0)
    on_the_way = exchanged(start, end, places, steps=4)
    assert on_the_way.shape == (5, 2, 2, 3) and on_the_way.dtype == np.uint8
    assert (on_the_way[..., 0] == 7).sum(axis=(1, 2)).tolist() == [0, 1, 2, 3, 4]
    assert on_the_way[1, 0, 1, 0] == 7
    tied = [ranks(np.zeros((4, 4)), np.random.default_rng(seed)) for seed in (1, 2)]
    assert sorted(tied[0].ravel()) == list(range(16)) and (tied[0] != tied[1]).any()


def test_helpers() -> None:
    spot = centre_map(9)
    assert spot.argmax() == 40 and spot[4, 4] == 1 and spot == pytest.approx(spot.T)
    images, _ = _pictures(1)
    assert blurred(images[0]).std() < images[0].std()
    assert resized(np.array([[0.0, 1.0]]), 8).shape == (8, 8)


def test_agreement_of_maps() -> None:
    from scipy.stats import spearmanr

    generator = np.random.default_rng(0)
    maps, others = generator.random((3, 6, 6)), generator.random((3, 6, 6)).round(1)
    expected = [spearmanr(one.ravel(), other.ravel()).statistic for one, other in zip(maps, others, strict=True)]
    assert map_agreement(maps, others) == pytest.approx(expected)
    assert map_agreement(maps, maps**3) == pytest.approx(np.ones(3))
    assert np.isnan(map_agreement(maps[:1], np.ones((1, 6, 6))))


def test_nothing_to_check_is_told() -> None:
    none = check_maps(_by_patch, np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 2, 2)), np.zeros(0))
    assert sentence(none.figures(), 0) == ("Whether the heat maps show what the network looks at was not measured.")
