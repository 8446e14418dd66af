"""What is done to pixels, on images small enough to work out by hand."""

import numpy as np
import pytest

from skin_core.augmentation import Augmentation
from skin_core.config import RunConfig
from skin_core.data.augment import (
    _DRAWS,
    _PICKED,
    _RAND_DRAWS,
    ERASED_AREA,
    epoch_draws,
    parameters,
    view_draws,
)
from skin_core.data.changes import changed as apply
from skin_core.data.mixing import mixed, mixing
from skin_core.errors import ConfigError

ALL_DRAWS = (*_DRAWS, *_RAND_DRAWS)


def middle(**chosen):
    """One row of draws: everything in the middle, where nothing is changed, but for what is given."""
    draws = np.full((1, len(ALL_DRAWS)), 0.5, np.float32)
    for name, value in chosen.items():
        draws[0, ALL_DRAWS.index(name)] = value
    return draws


@pytest.fixture
def image():
    return np.arange(4 * 4 * 3, dtype=np.uint8).reshape(1, 4, 4, 3)


def test_draws_depend_on_what_they_are_for():
    first = epoch_draws(5, seed=1, epoch=2)
    np.testing.assert_array_equal(first, epoch_draws(5, seed=1, epoch=2))
    # A longer epoch begins with the same numbers; another epoch, seed or purpose has others.
    np.testing.assert_array_equal(first, epoch_draws(9, seed=1, epoch=2)[:5])
    for other in (epoch_draws(5, seed=1, epoch=3), epoch_draws(5, seed=2, epoch=2), view_draws(5, seed=1, view=2)):
        assert not (first == other).any()


def test_nothing_is_drawn_for_what_is_off():
    assert parameters(Augmentation(), epoch_draws(3, seed=0, epoch=0), 8) == {}


def test_flips_mirror(image):
    yes, no = np.array([True]), np.array([False])
    np.testing.assert_array_equal(apply(image, {"across": yes, "down": no}), image[:, :, ::-1])
    np.testing.assert_array_equal(apply(image, {"across": no, "down": yes}), image[:, ::-1])
    np.testing.assert_array_equal(apply(image, {"across": no, "down": no}), image)


def test_the_two_ways_of_a_flip_are_independent():
    given = parameters(Augmentation(flip="both"), epoch_draws(4000, seed=0, epoch=0), 8)
    pairs = 2 * given["across"].astype(int) + given["down"]
    assert (np.abs(np.bincount(pairs) / 4000 - 0.25) < 0.03).all()
    assert set(parameters(Augmentation(flip="horizontal"), epoch_draws(3, seed=0, epoch=0), 8)) == {"across"}
    assert set(parameters(Augmentation(flip="vertical"), epoch_draws(3, seed=0, epoch=0), 8)) == {"down"}


def test_a_quarter_turn_is_a_quarter_turn(image):
    turned = apply(image, parameters(Augmentation(rotation=0.25), middle(angle=1.0), 4))
    np.testing.assert_array_equal(turned[0], np.rot90(image[0]))


def test_no_turn_and_no_zoom_leave_the_image(image):
    everything = Augmentation(rotation=0.5, zoom=0.5, aspect=0.5, shift=0.5)
    np.testing.assert_array_equal(apply(image, parameters(everything, middle(), 4)), image)


def test_zoom_keeps_the_centre():
    images = np.zeros((1, 9, 9, 3), np.uint8)
    images[:, 4, 4] = 90
    # Factor 1/2: each output pixel lies half as far from the centre in the input.
    zoomed = apply(images, parameters(Augmentation(zoom=0.5), middle(zoom=0.0), 9))
    np.testing.assert_array_equal(zoomed[0, 4, 3:6, 0], [45, 90, 45])


def test_a_stretch_keeps_the_area():
    images = np.zeros((1, 9, 9, 3), np.uint8)
    images[:, 4, 4] = 90
    # Of 3 in all: each output pixel lies √3 times as far from the centre across, and 1/√3 times as far down.
    given = parameters(Augmentation(aspect=2 / 3), middle(aspect=1.0), 9)
    np.testing.assert_allclose(given["matrix"][0, :, :2], [[(5 / 3) ** 0.5, 0], [0, (5 / 3) ** -0.5]], atol=1e-6)
    assert apply(images, given)[0, 3:6, 4, 0].tolist() == [20, 90, 20]  # 1 - 0.7746 of 90, on both sides.


def test_a_shift_moves_and_mirrors_the_edge(image):
    moved = apply(image, parameters(Augmentation(shift=0.25), middle(shift_x=1.0), 4))
    np.testing.assert_array_equal(moved[0, :, :3], image[0, :, 1:])
    np.testing.assert_array_equal(moved[0, :, 3], image[0, :, 3])


def test_brightness_and_contrast_work_on_the_range_0_to_255():
    images = np.full((1, 2, 2, 3), 100, np.uint8)
    images[0, 0, 0] = 140
    draws = middle(brightness=1.0, contrast=1.0)
    brighter = apply(images, parameters(Augmentation(brightness=0.2), draws, 2))
    np.testing.assert_array_equal(np.unique(brighter), [151, 191])
    # About the mean of 110: 100 - 10 * 0.5 and 140 + 30 * 0.5.
    contrasted = apply(images, parameters(Augmentation(contrast=0.5), draws, 2))
    np.testing.assert_array_equal(np.unique(contrasted), [95, 155])
    assert apply(images, {"brightness": np.float32([300])}).max() == 255


def test_other_light_changes_the_balance_and_not_the_brightness():
    grey = np.full((1, 2, 2, 3), 100, np.uint8)
    # Red up and blue down by the same factor, 1.44 with a strength of 0.44.
    warm = apply(grey, parameters(Augmentation(color=0.44), middle(gain_red=1.0, gain_blue=0.0), 2))
    np.testing.assert_array_equal(warm[0, 0, 0], [144, 100, 69])
    colored = np.broadcast_to(np.uint8([120, 90, 60]), (1, 2, 2, 3))
    # Saturation about the mean of 90: half as much color more.
    np.testing.assert_array_equal(
        apply(colored, parameters(Augmentation(color=0.5), middle(saturation=1.0), 2))[0, 0, 0], [135, 90, 45]
    )
    # Gamma 2: (51 / 255)² of the full range.
    darker = apply(np.full((1, 2, 2, 3), 51, np.uint8), parameters(Augmentation(color=1.0), middle(gamma=1.0), 2))
    assert np.unique(darker).tolist() == [10]


def test_blur_spreads_and_sharpening_steepens_an_edge():
    edge = np.zeros((1, 32, 32, 3), np.uint8)
    edge[:, :, :16], edge[:, :, 16:] = 100, 150
    soft = apply(edge, parameters(Augmentation(sharpness=1.0), middle(sharpness=0.0), 32))[0, 0, :, 0].astype(int)
    hard = apply(edge, parameters(Augmentation(sharpness=1.0), middle(sharpness=1.0), 32))[0, 0, :, 0].astype(int)
    assert soft[15] - soft[0] > 3 and soft[16] - soft[15] < 50 < hard[16] - hard[15]
    assert (np.diff(soft) >= 0).all() and soft[0] == hard[0] == 100 and soft[-1] == hard[-1] == 150


def test_lost_resolution_is_the_mean_of_what_was_there():
    checker = np.indices((8, 8)).sum(axis=0) % 2 * 200
    images = np.repeat(checker[None, :, :, None], 3, axis=3).astype(np.uint8)
    # 0.8 · 0.625 of the pixels go: four of eight are left, each the mean of two black and two bright ones.
    lost = apply(images, parameters(Augmentation(resolution=0.625), middle(resolution=1.0), 8))
    assert np.unique(lost).tolist() == [100]
    # The lower half of the draws keeps all.
    np.testing.assert_array_equal(
        apply(images, parameters(Augmentation(resolution=0.625), middle(resolution=0.3), 8)), images
    )


def test_compression_changes_little_and_keeps_the_channels_apart():
    red = np.zeros((1, 16, 16, 3), np.uint8)
    red[..., 0] = 200
    given = parameters(Augmentation(compression=1.0), middle(compression=1.0), 16)
    assert given["quality"].tolist() == [15.0]
    written = apply(red, given)[0].astype(int)
    assert np.abs(written - red[0]).max() < 30 and (written[..., 0] > 150).all()


def test_what_lies_on_the_skin_is_dark_and_thin_and_is_there_as_often_as_told():
    skin = np.full((300, 64, 64, 3), 200, np.uint8)
    for name in ("hair", "marks"):
        draws = epoch_draws(300, seed=0, epoch=0)
        found = apply(skin, parameters(Augmentation(**{name: 0.4}), draws, 64))
        touched = (found != 200).any(axis=3)
        there = touched.any(axis=(1, 2))
        assert abs(there.mean() - 0.4) < 0.1
        assert touched[there].mean(axis=(1, 2)).max() < 0.5
        np.testing.assert_array_equal(found, apply(skin, parameters(Augmentation(**{name: 0.4}), draws, 64)))
    # Each image gets its own.
    assert len({image.tobytes() for image in found[there]}) == there.sum()


def test_a_vignette_darkens_the_corners_and_leaves_the_middle():
    skin = np.full((100, 32, 32, 3), 200, np.uint8)
    found = apply(skin, parameters(Augmentation(vignette=1.0), epoch_draws(100, seed=0, epoch=0), 32)).astype(int)
    assert (found[:, 16, 16] == 200).all()
    corners = found[:, [0, 0, -1, -1], [0, -1, 0, -1], 0].mean(axis=1)
    assert (corners <= 200).all() and (corners < 150).mean() > 0.5


def test_erasing_blacks_out_a_rectangle_of_the_stated_area():
    given = parameters(Augmentation(erasing=0.5), epoch_draws(200, seed=0, epoch=0), 64)
    erased = apply(np.full((200, 64, 64, 3), 255, np.uint8), given)
    share = (erased[..., 0] == 0).mean(axis=(1, 2))
    hit = share > 0
    assert 0.4 < hit.mean() < 0.6
    # Two sides drawn by their squares; a border pixel more or less.
    assert share[hit].min() > ERASED_AREA[0] * 0.7 and share[hit].max() < ERASED_AREA[1] * 1.1
    assert set(np.unique(erased)) == {0, 255}


def test_copies_are_changed_even_where_augmentation_is_off():
    copies = np.array([False, True])
    given = parameters(Augmentation(), epoch_draws(2, seed=3, epoch=0), 16, copies=copies)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    changed = apply(images, given)
    np.testing.assert_array_equal(changed[0], images[0])
    assert np.abs(changed[1].astype(int) - images[1]).mean() > 5


def mix(augmentation, images, targets, weights, tabular=None):
    given = mixing(augmentation, len(images), batch_size=len(images), size=images.shape[1], seed=0, epoch=0)
    inputs = {"image": images, **({} if tabular is None else {"tabular": tabular})}
    return given, *mixed(inputs, targets, weights, given)


@pytest.mark.parametrize("augmentation", [Augmentation(mixup=1.0), Augmentation(cutmix=1.0)])
def test_mixing_blends_pixels_and_targets_in_one_proportion(augmentation):
    n = 6
    # Image i is all i, so the mean of a mixed image tells its proportions.
    images = np.broadcast_to(np.arange(n, dtype=np.float32)[:, None, None, None], (n, 16, 16, 3)).copy()
    targets = np.eye(n, dtype=np.float32)
    given, inputs, target, weight = mix(augmentation, images, targets, np.ones(n, np.float32), targets)
    np.testing.assert_allclose(inputs["image"].mean(axis=(1, 2, 3)), target @ np.arange(n), atol=1e-4)
    np.testing.assert_allclose(target.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(inputs["tabular"], target, atol=1e-6)
    np.testing.assert_allclose(weight, 1, atol=1e-6)
    assert sorted(given.partner) == list(range(n))
    assert given.box.any() == bool(augmentation.cutmix)


def test_a_mixed_sample_weighs_what_its_parts_weigh():
    images = np.zeros((2, 4, 4, 3), np.float32)
    weights = np.float32([1, 3])
    given, _, target, weight = mix(Augmentation(mixup=1.0), images, np.eye(2, dtype=np.float32), weights)
    for i in range(2):
        j, share = given.partner[i], given.share[i]
        expected = np.zeros(2)
        expected[i] += share * weights[i]
        expected[j] += (1 - share) * weights[j]
        np.testing.assert_allclose(weight[i] * target[i], expected, atol=1e-6)


def test_with_both_on_a_batch_gets_one_of_them():
    given = mixing(Augmentation(mixup=1.0, cutmix=1.0), 400, batch_size=10, size=32, seed=0, epoch=0)
    cut = (given.box[:, 1] > 0).reshape(40, 10)
    assert 0.2 < cut.any(axis=1).mean() < 0.8
    # A box may be empty where the share rounds to 1, but no batch has boxes in part and MixUp in part.
    sides = given.box[:, 1] - given.box[:, 0]
    np.testing.assert_allclose(given.share[sides > 0], 1 - (sides[sides > 0] / 32) ** 2, atol=1e-6)
    assert mixing(Augmentation(flip="both"), 5, batch_size=2, size=8, seed=0, epoch=0) is None


def picked(*names, way=1.0):
    """One row of draws that picks these changes, in the order of what is left of the shuffled list."""
    left, draws = list(_PICKED), {}
    for slot, name in enumerate(names):
        place = left.index(name)
        # The middle of the place's share of 0 to 1.
        draws[f"which_{slot + 1}"] = (place - slot + 0.5) / (len(left) - slot)
        draws[f"way_{slot + 1}"] = way
        left[place] = left[slot]
    return middle(**draws)


def rand(n, magnitude, **others):
    return Augmentation(rand_augment=n, rand_magnitude=magnitude, **others)


def test_numbers_that_old_settings_are_made_from_stayed_as_they_were():
    # Written down before RandAugment came, with draws of its own.
    np.testing.assert_allclose(
        epoch_draws(2, seed=42, epoch=3)[1, :4], [0.6283313, 0.1632272, 0.8251164, 0.8255461], rtol=0, atol=5e-8
    )
    np.testing.assert_allclose(
        view_draws(2, seed=42, view=2)[1, :3], [0.5869835, 0.9983178, 0.9049856], rtol=0, atol=5e-8
    )
    alone = np.random.default_rng((42, 3, 21)).random((7, len(_DRAWS)), dtype=np.float32)
    np.testing.assert_array_equal(epoch_draws(7, seed=42, epoch=3)[:, : len(_DRAWS)], alone)


def test_rand_augment_leaves_the_other_changes_as_they_are_where_it_picks_nothing(image):
    others = {"flip": "both", "rotation": 0.2, "color": 0.4, "brightness": 0.2, "sharpness": 0.6, "hair": 1.0}
    draws = middle(flip_across=0.1, angle=0.9, gamma=0.2, brightness=0.8, sharpness=0.9, which_1=0.01)
    alone = parameters(Augmentation(**others), draws, 4)
    both = parameters(rand(1, 1.0, **others), draws, 4)
    np.testing.assert_array_equal(apply(image, both), apply(image, alone))
    for name, value in alone.items():
        np.testing.assert_allclose(both[name], value, atol=1e-6)


def test_rand_augment_shifts_by_its_magnitude(image):
    # 0.45 of the side at magnitude 1: 1.8 pixels of 4, to the right or to the left in the picture it reads from.
    given = parameters(rand(1, 1.0), picked("shift_x"), 4)
    np.testing.assert_allclose(given["matrix"][0], [[1, 0, 1.8], [0, 1, 0]], atol=1e-6)
    given = parameters(rand(1, 0.5), picked("shift_x", way=0.2), 4)
    np.testing.assert_allclose(given["matrix"][0], [[1, 0, -0.9], [0, 1, 0]], atol=1e-6)
    # A shear of 0.3 about the centre at (1.5, 1.5): x + 0.3 (y - 1.5).
    given = parameters(rand(1, 1.0), picked("shear_x"), 4)
    np.testing.assert_allclose(given["matrix"][0], [[1, 0.3, -0.45], [0, 1, 0]], atol=1e-6)
    # A turn by a twelfth, 30 degrees.
    given = parameters(rand(1, 1.0), picked("rotation"), 4)
    np.testing.assert_allclose(given["matrix"][0, :, :2], [[0.75**0.5, -0.5], [0.5, 0.75**0.5]], atol=1e-6)


def test_rand_augment_changes_light_by_its_magnitude():
    skin = np.full((1, 2, 2, 3), 100, np.uint8)
    # 0.45 · 0.4 of 255, up or down: 45.9.
    assert np.unique(apply(skin, parameters(rand(1, 0.4), picked("brightness"), 2))).tolist() == [146]
    assert np.unique(apply(skin, parameters(rand(1, 0.4), picked("brightness", way=0.0), 2))).tolist() == [54]
    # Saturation of 1 - 0.9 · 0.5 about the mean of 90: 0.55 of the color is left.
    colored = np.broadcast_to(np.uint8([120, 90, 60]), (1, 2, 2, 3))
    less = apply(colored, parameters(rand(1, 0.5), picked("saturation", way=0.0), 2))
    assert less[0, 0, 0].tolist() in ([106, 90, 74], [107, 90, 73], [106, 90, 73], [107, 90, 74])  # 106.5 and 73.5
    # Light of hue 0: red by 1.25, green and blue each by 1.25 to the minus a half.
    warm = apply(skin, parameters(rand(1, 0.5), picked("light", way=0.0), 2))
    assert warm[0, 0, 0].tolist() == [125, 89, 89]


def test_rand_augment_picks_so_many_different_changes_each_as_often():
    draws = epoch_draws(2800, seed=0, epoch=0)
    for n in (1, 2, 4):
        given = parameters(rand(n, 0.5), draws, 64)
        neutral = {"matrix": np.eye(3)[:2], "color": np.eye(3), "gamma": 1.0, "brightness": 0.0, "contrast": 1.0}
        rows = len(draws)
        touched = {
            name: ~np.isclose(value, neutral.get(name, 0.0), atol=1e-5).reshape(rows, -1).all(axis=1)
            for name, value in given.items()
        }
        # One of fourteen at n = 1, four of fourteen at n = 4, by whatever order of picking.
        for name in ("gamma", "brightness", "contrast", "sharpness"):
            assert abs(touched[name].mean() - n / len(_PICKED)) < 0.03
        assert np.sum(list(touched.values()), axis=0).max() <= n
    up = given["brightness"][touched["brightness"]]
    assert set(np.round(np.abs(up), 3)) == {np.float32(57.375)} and 0.4 < (up > 0).mean() < 0.6


def test_rand_augment_goes_on_top_of_what_is_drawn():
    skin = np.full((1, 2, 2, 3), 100, np.uint8)
    draws = picked("brightness")
    draws[0, ALL_DRAWS.index("brightness")] = 1.0
    # 0.1 of the range of its own (25.5) and 0.45 · 0.4 of RandAugment (45.9).
    assert np.unique(apply(skin, parameters(rand(1, 0.4, brightness=0.1), draws, 2))).tolist() == [171]
    # A quarter turn, and then a shift of 1.8 pixels across: what is read lies as far down in the picture before the turn.
    draws = picked("shift_x")
    draws[0, ALL_DRAWS.index("angle")] = 1.0
    given = parameters(rand(1, 1.0, rotation=0.25), draws, 4)
    np.testing.assert_allclose(given["matrix"][0], [[0, -1, 3], [1, 0, 1.8]], atol=1e-6)


def test_rand_augment_without_a_strength_is_refused():
    with pytest.raises(
        ConfigError, match="augmentation: rand_augment=2 picks changes whose strength is 0; set rand_mag"
    ):
        RunConfig.parse({"data": "x", "family": "light_cnn", "augmentation": {"rand_augment": 2}})
