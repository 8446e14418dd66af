"""The skin's tone: colours against published values, and estimates against drawn skin whose tone is known."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.data.synthesis.lesion import KINDS
from skin_core.data.synthesis.picture import SKIN_TONES, Shot, photograph
from skin_core.imaging.skin_tone import BANDS, band_of, cielab, estimated_skin_tone, typology_angle


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        # Lindbloom's values for sRGB under D65.
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_cielab_of_known_colours(rgb: tuple, lab: tuple) -> None:
    assert cielab(np.array(rgb, np.uint8)) == pytest.approx(lab, abs=0.03)


def test_the_angle_by_hand_and_its_bands() -> None:
    assert typology_angle(65, 15) == pytest.approx(45)
    assert typology_angle(50, 10) == 0
    assert typology_angle(35, 15) == pytest.approx(-45)
    assert typology_angle(70, -3) == 90
    assert [band_of(angle) for angle in (56, 55, 35, 20, 0, -31, -90)] == [
        "very light", "light", "intermediate", "tan", "brown", "dark", "dark",
    ]  # fmt: skip
    assert band_of(float("nan")) is None


def _drawn_angle(tone: int) -> float:
    lightness, _, yellow = cielab(np.array(SKIN_TONES[tone - 1], np.uint8))
    return typology_angle(lightness, yellow)


def test_estimates_on_drawn_skin_whose_tone_is_known() -> None:
    """Drawn light and white balance differ from picture to picture, so some degrees are in the pictures themselves."""
    generator = np.random.default_rng(0)
    names = [name for name, _ in BANDS]
    off, bands_off = [], []
    for number in range(108):
        tone, dermoscopic = 1 + number % 6, number % 4 > 0
        width, height = (200, 150) if dermoscopic else (120, 120)
        lesion, view = (int(seed) for seed in generator.integers(2**31, size=2))
        kind = list(KINDS)[number % len(KINDS)]
        found = estimated_skin_tone(photograph(Shot(kind, tone, lesion, view, width, height, dermoscopic)).pixels)
        off.append(found.ita - _drawn_angle(tone))
        bands_off.append(abs(names.index(found.band) - names.index(band_of(_drawn_angle(tone)))))
        assert found.share > 0.1
    assert np.abs(off).mean() < 6 and np.abs(off).max() < 25
    assert np.mean(np.array(bands_off) == 0) > 0.8 and max(bands_off) <= 1


def test_lesion_hair_ruler_and_rim_do_not_count() -> None:
    skin = np.full((150, 200, 3), SKIN_TONES[2], np.uint8)
    clean = estimated_skin_tone(skin).ita
    y, x = np.mgrid[-1:1:150j, -1:1:200j]
    spoilt = skin.copy()
    spoilt[np.hypot(x, y) < 0.8] = (40, 25, 20)
    spoilt[np.hypot(x, y) > 1.2] = (0, 0, 0)
    spoilt[:, ::17] = (30, 20, 18)
    spoilt[140:, ::8] = 10
    assert estimated_skin_tone(spoilt).ita == pytest.approx(clean, abs=1)
    assert clean == pytest.approx(_drawn_angle(3), abs=0.5)


def test_a_picture_without_skin_around_has_no_estimate() -> None:
    pink = np.full((60, 80, 3), (214, 176, 200), np.uint8)
    for pixels in (np.zeros((60, 80, 3), np.uint8), np.full((4, 4, 3), 200, np.uint8), pink):
        found = estimated_skin_tone(pixels)
        assert np.isnan(found.ita) and found.band is None and found.share == 0
