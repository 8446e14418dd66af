"""Signed regions laid over a picture: geometry, colours and words."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.imaging.decode import fit
from skin_core.screening.signed import LOWERS, RAISES, Part, largest_parts, segments_in_picture, signed_overlay


def _quarters(side: int) -> np.ndarray:
    return np.arange(4).reshape(2, 2).repeat(side // 2, axis=0).repeat(side // 2, axis=1)


@pytest.mark.parametrize("crop", ["squash", "crop", "pad"])
def test_regions_lie_where_the_network_saw_them(crop: str) -> None:
    """A picture whose quarters differ, made square and back: each pixel gets the region of its own colour."""
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[30:, :, 0] = 200
    picture[:, 50:, 1] = 200
    square = fit(picture, 40, crop)
    segments = (square[..., 0] > 100) * 2 + (square[..., 1] > 100)
    found = segments_in_picture(segments, (60, 100), crop)
    expected = (picture[..., 0] > 100) * 2 + (picture[..., 1] > 100)
    seen = found >= 0
    assert seen.mean() == pytest.approx(0.6 if crop == "crop" else 1.0)
    # Along the edges between quarters a pixel may fall to either side.
    assert (found == expected)[seen].mean() > 0.95
    assert found[15, 30] == 0 and found[45, 70] == 3


def test_what_raises_is_vermillion_and_what_lowers_is_blue() -> None:
    pixels = np.full((1000, 1000, 3), 128, np.uint8)
    values, clear = np.array([0.4, -0.2, 0.3, 0.0]), np.array([True, True, False, True])
    drawn = signed_overlay(pixels, _quarters(1000), values, clear, opacity=1.0)
    assert drawn.shape == pixels.shape
    # Full strength for the largest part, half of it for one of half the size; none where it is not clear.
    assert drawn[100, 100].tolist() == list(RAISES)
    assert drawn[100, 900] == pytest.approx(np.rint(0.5 * 128 + 0.5 * np.array(LOWERS)))
    assert (drawn[900, 100] == 128).all() and (drawn[900, 900] == 128).all()
    assert (signed_overlay(pixels, _quarters(1000), values, clear, opacity=0) == pixels).all()
    # The number is written in white with a black rim.
    middle = drawn[200:300, 200:300].reshape(-1, 3).tolist()
    assert [255, 255, 255] in middle and [0, 0, 0] in middle


def test_a_small_picture_is_enlarged_for_its_numbers_and_what_was_not_seen_stays() -> None:
    segments = _quarters(60)
    segments[:, :10] = -1
    drawn = signed_overlay(np.full((60, 60, 3), 100, np.uint8), segments, np.full(4, 0.5), np.ones(4, bool), opacity=1)
    assert drawn.shape == (900, 900, 3)
    assert (drawn[:, :140] == 100).all()


def test_parts_are_told_largest_first_with_their_place() -> None:
    thirds = np.arange(9).reshape(3, 3).repeat(6, axis=0).repeat(6, axis=1)
    values = np.array([0.1, 0.004, -0.3, 0.02, 0.25, 0.2, 0.0, -0.01, 0.03])
    clear = np.ones(9, bool)
    clear[5] = False
    assert largest_parts(thirds, values, clear, most=4) == [
        Part(2, -0.3, "upper right"),
        Part(4, 0.25, "middle"),
        Part(0, 0.1, "upper left"),
        Part(8, 0.03, "lower right"),
    ]
    # One of less than half a point is not told.
    assert [part.place for part in largest_parts(thirds, values, clear, most=9)][4:] == ["left middle", "lower middle"]
