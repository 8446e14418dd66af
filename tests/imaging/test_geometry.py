"""Squares and the way back, with values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.imaging.geometry import fit, map_to_original


def spot(height: int, width: int, y: int, x: int, side: int) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[y : y + side, x : x + side] = 255
    return pixels


def test_squash_halves_by_averaging():
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, 2:] = 200
    result = fit(pixels, 2, "squash")
    # Across: 4 → 2 with a triangle of half-width 2 pixels, weights 3/4, 3/4, 1/4 for the pixels in reach:
    # left = (3·0 + 3·0 + 1·200) / 7 = 28.6, right = (1·0 + 3·200 + 3·200) / 7 = 171.4
    assert result[:, :, 0].tolist() == [[29, 171], [29, 171]]


def test_same_size_is_untouched():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    for crop in ("squash", "crop", "pad"):
        np.testing.assert_array_equal(fit(pixels, 9, crop), pixels)


def test_crop_takes_the_centre_square():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :2], pixels[:, 2:6], pixels[:, 6:] = 10, 20, 30
    assert (fit(pixels, 4, "crop") == 20).all()


def test_pad_keeps_everything_and_adds_black():
    result = fit(np.full((4, 8, 3), 50, np.uint8), 8, "pad")
    assert (result[2:6] == 50).all() and (result[:2] == 0).all() and (result[6:] == 0).all()


def test_extreme_shapes():
    for shape in ((1, 1), (1, 5000), (5000, 1)):
        for crop in ("squash", "crop", "pad"):
            assert fit(np.full((*shape, 3), 90, np.uint8), 32, crop).shape == (32, 32, 3)
            assert map_to_original(np.ones((4, 4)), shape, crop, 32).shape == shape


@pytest.mark.parametrize("crop", ["squash", "crop", "pad"])
@pytest.mark.parametrize(("height", "width"), [(150, 200), (200, 150), (101, 67), (64, 64)])
def test_a_spot_comes_back_where_it_was(crop, height, width):
    y, x = height // 2 + 8, width // 2 - 20
    square = fit(spot(height, width, y, x, 12), 96, crop)[:, :, 0].astype(np.float32)
    back = np.nan_to_num(map_to_original(square, (height, width), crop, 96))
    assert back.shape == (height, width) and back.dtype == np.float32
    rows, columns = np.mgrid[0:height, 0:width]
    centre = (rows * back).sum() / back.sum(), (columns * back).sum() / back.sum()
    assert centre == pytest.approx((y + 5.5, x + 5.5), abs=1.0)


def test_crop_says_nan_where_the_model_did_not_look():
    back = map_to_original(np.ones((3, 3)), (4, 8), "crop")
    assert np.isnan(back[:, :2]).all() and np.isnan(back[:, 6:]).all() and (back[:, 2:6] == 1).all()


def test_a_coarse_map_keeps_its_cells_centres():
    # 2 cells over 4 pixels: centres at 0.5 and 2.5 (pixel indices), so pixel 1 is 3/4 left + 1/4 right.
    back = map_to_original(np.array([[0.0, 1.0]]), (1, 4), "squash")
    assert back[0].tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0])


def test_wrong_calls():
    with pytest.raises(ValueError, match="crop must be one of"):
        fit(np.zeros((2, 2, 3), np.uint8), 4, "stretch")
    with pytest.raises(ValueError, match="uint8"):
        fit(np.zeros((2, 2, 3), np.float32), 4, "squash")
    with pytest.raises(ValueError, match="heat must be"):
        map_to_original(np.zeros((2, 2, 1)), (4, 4), "squash")
