"""Deletion and insertion with a predictor whose reasons are known."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.evaluation.faithfulness import (
    MAPS,
    blurred,
    centre_map,
    check_maps,
    exchanged,
    map_agreement,
    ranks,
    resized,
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


def _by_patch(images: np.ndarray) -> np.ndarray:
    """P = how much of the picture's upper left corner is saturated red."""
    corner = images[:, :12, :12].astype(float)
    red = np.minimum(((corner[..., 0] > 200) & (corner[..., 1] < 60)).mean(axis=(1, 2)) * 144 / 32, 1)
    return np.stack([1 - red, red], axis=1)


def test_a_true_map_beats_chance_and_the_middle() -> None:
    images, where = _pictures()
    found = check_maps(_by_patch, images, where, np.ones(12, int), np.arange(12), steps=10, seed=1)
    figures = found.figures(resamples=200)
    for kind in ("deletion", "insertion"):
        for other in MAPS[1:]:
            assert figures[f"{kind}_gain_over_{other}"]["low"] > 0, (kind, other)
    assert "more than random pixels, and more than a plain spot" in found.sentence(resamples=200)
    assert "12 validation pictures" in found.sentence(resamples=200)


def test_a_map_of_the_wrong_place_is_told() -> None:
    images, where = _pictures()
    found = check_maps(_by_patch, images, 1 - where, np.ones(12, int), np.arange(12), steps=10)
    assert "less than random pixels" in found.sentence(resamples=200)
    nothing = check_maps(_by_patch, images, np.zeros_like(where), np.ones(12, int), np.arange(12), steps=10, seed=1)
    assert "not clearly more than random pixels" in nothing.sentence(resamples=200)


def test_curves_start_and_end_at_whole_pictures() -> None:
    images, where = _pictures(3)
    found = check_maps(_by_patch, images, where, np.ones(3, int), np.arange(3), steps=5)
    whole = _by_patch(images)[:, 1]
    for name in MAPS:
        assert found.deletion[name].shape == (3, 6)
        assert found.deletion[name][:, 0] == pytest.approx(whole)
        assert found.insertion[name][:, -1] == pytest.approx(whole)
        assert found.deletion[name][:, -1] == pytest.approx(np.zeros(3))
    again = check_maps(_by_patch, images, where, np.ones(3, int), np.arange(3), steps=5)
    assert (again.deletion["random"] == found.deletion["random"]).all()


def test_area_by_hand() -> None:
    images, where = _pictures(1)
    # Probabilities that fall in a straight line from 1 to 0 have an area of a half.
    steps = iter([np.linspace(1, 0, 5)] * 6)
    found = check_maps(lambda _: np.stack([next(steps)] * 2, axis=1), images, where, np.zeros(1, int), [0], steps=4)
    assert found.areas("deletion")["map"] == pytest.approx([0.5])


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
    none = check_maps(_by_patch, np.zeros((0, 8, 8, 3), np.uint8), np.zeros((0, 2, 2)), np.zeros(0, int), np.zeros(0))
    assert none.sentence() == "Whether the heat maps show what the network looks at was not checked."
