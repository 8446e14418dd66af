"""Shades of grey, on pictures small enough to work out by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from skin_core.imaging.color_constancy import in_white_light, shades_of_grey
from skin_core.imaging.decode import fit, to_input


@pytest.fixture
def square() -> np.ndarray:
    """2 × 2 pixels: red is 100 in all four, green in one, blue in two."""
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 0] = 100
    pixels[0, 0, 1] = 100
    pixels[0, :, 2] = 100
    return pixels


def test_shades_of_grey_by_hand(square):
    # p = 6: (100^6 · 4/4, 1/4, 2/4)^(1/6) = 100, 79.37, 89.09; |e|/√3 = 89.88; gains 0.8988, 1.1325, 1.0089.
    found = shades_of_grey(square)
    assert found.dtype == np.uint8
    assert found[0, 0].tolist() == [90, 113, 101]
    assert found[0, 1].tolist() == [90, 0, 101]
    assert found[1, 0].tolist() == [90, 0, 0]
    # p = 1, grey world: means of 100, 25 and 50; |e|/√3 = 66.14; gains 0.661, 2.646 (cut at 255) and 1.323.
    assert shades_of_grey(square, norm=1)[0, 0].tolist() == [66, 255, 132]
    assert square[0, 0].tolist() == [100, 100, 100]


def test_white_light_and_darkness_change_nothing():
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8), 3, axis=2)
    np.testing.assert_array_equal(shades_of_grey(grey), grey)
    dark = np.zeros((4, 4, 3), np.uint8)
    np.testing.assert_array_equal(shades_of_grey(dark), dark)
    # A channel without light gets none: red alone keeps its own, cut down to its share of white.
    red = dark.copy()
    red[..., 0] = 90
    assert np.unique(shades_of_grey(red).reshape(-1, 3), axis=0).tolist() == [[52, 0, 0]]  # 90 / √3


def test_one_lesion_in_two_lights_looks_the_same():
    lesion = np.random.default_rng(1).integers(40, 120, (32, 32, 3)).astype(np.float64)
    white, warm = (np.round(lesion * light).astype(np.uint8) for light in ([1, 1, 1], [1.6, 1, 0.7]))
    apart = np.abs(white.astype(int) - warm).mean()
    met = shades_of_grey(white).astype(float), shades_of_grey(warm).astype(float)
    # Up to one brightness, and the steps of 8 bits.
    brightness = met[0].sum() / met[1].sum()
    assert apart > 20 and np.abs(met[0] - brightness * met[1]).max() < 2


def test_it_is_the_last_step_from_a_file_to_the_input_and_black_bars_have_no_say():
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (30, 60, 3), dtype=np.uint8)
    pixels[..., 2] //= 3
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    for crop in ("squash", "crop", "pad"):
        plain = to_input(stream.getvalue(), 24, crop)
        found = to_input(stream.getvalue(), 24, crop, "shades_of_grey")
        np.testing.assert_array_equal(found, shades_of_grey(plain))
        np.testing.assert_array_equal(found, fit(pixels, 24, crop, "shades_of_grey"))
        np.testing.assert_array_equal(fit(pixels, 24, crop, "none"), plain)
        assert (found != plain).mean() > 0.3
    # In the padded square the picture stands in the rows 6 to 17; alone, it gets the same light.
    np.testing.assert_array_equal(found[6:18], shades_of_grey(plain[6:18]))
    assert not found[:6].any() and not found[18:].any()


def test_an_unknown_method_is_refused(square):
    with pytest.raises(ValueError, match="color constancy must be one of none, shades_of_grey; got 'grey_edge'"):
        in_white_light(square, "grey_edge")
