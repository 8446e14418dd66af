"""What is done to pixels, on images small enough to work out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from skin_core.config import Augmentation
from skin_core.data.augment import ERASED_AREA, Augmenter, Mixer, epoch_draws, mixing, parameters, view_draws


def apply(images, given):
    return Augmenter(tuple(given))(
        tf.constant(images, tf.float32), {k: tf.constant(v) for k, v in given.items()}
    ).numpy()


@pytest.fixture
def image():
    return np.arange(4 * 4 * 3, dtype=np.float32).reshape(1, 4, 4, 3)


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
    draws = np.full((1, 11), 0.5, np.float32)
    draws[0, 2] = 1.0
    turned = apply(image, parameters(Augmentation(rotation=0.25), draws, 4))
    np.testing.assert_allclose(turned[0], np.rot90(image[0]), atol=1e-3)


def test_no_turn_and_no_zoom_leave_the_image(image):
    draws = np.full((1, 11), 0.5, np.float32)
    unchanged = apply(image, parameters(Augmentation(rotation=0.5, zoom=0.5), draws, 4))
    np.testing.assert_allclose(unchanged, image, atol=1e-4)


def test_zoom_keeps_the_centre():
    images = np.zeros((1, 9, 9, 3), np.float32)
    images[:, 4, 4] = 90
    draws = np.full((1, 11), 0.5, np.float32)
    draws[0, 3] = 0.0
    # Factor 1/2: each output pixel lies half as far from the centre in the input.
    zoomed = apply(images, parameters(Augmentation(zoom=0.5), draws, 9))
    np.testing.assert_allclose(zoomed[0, 4, 3:6, 0], [45, 90, 45], atol=1e-3)


def test_brightness_and_contrast_work_on_the_range_0_to_255():
    images = np.full((1, 2, 2, 3), 100, np.float32)
    images[0, 0, 0] = 140
    draws = np.full((1, 11), 0.5, np.float32)
    draws[0, 4], draws[0, 5] = 1.0, 1.0
    brighter = apply(images, parameters(Augmentation(brightness=0.2), draws, 2))
    np.testing.assert_allclose(np.unique(brighter), [151, 191], atol=1e-3)
    # About the mean of 110: 100 - 10 * 0.5 and 140 + 30 * 0.5.
    contrasted = apply(images, parameters(Augmentation(contrast=0.5), draws, 2))
    np.testing.assert_allclose(np.unique(contrasted), [95, 155], atol=1e-3)
    assert apply(images, {"brightness": np.float32([300])}).max() == 255


def test_erasing_blacks_out_a_rectangle_of_the_stated_area():
    given = parameters(Augmentation(erasing=0.5), epoch_draws(200, seed=0, epoch=0), 64)
    erased = apply(np.full((200, 64, 64, 3), 255, np.float32), given)
    share = (erased[..., 0] == 0).mean(axis=(1, 2))
    hit = share > 0
    assert 0.4 < hit.mean() < 0.6
    # Two sides drawn by their squares; a border pixel more or less.
    assert share[hit].min() > ERASED_AREA[0] * 0.7 and share[hit].max() < ERASED_AREA[1] * 1.1
    assert set(np.unique(erased)) == {0.0, 255.0}


def test_copies_are_changed_even_where_augmentation_is_off():
    copies = np.array([False, True])
    given = parameters(Augmentation(), epoch_draws(2, seed=3, epoch=0), 16, copies=copies)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    changed = apply(images, given)
    np.testing.assert_allclose(changed[0], images[0], atol=1e-2)
    assert np.abs(changed[1] - images[1]).mean() > 5


def mix(augmentation, images, targets, weights, tabular=None):
    given = mixing(augmentation, len(images), batch_size=len(images), size=images.shape[1], seed=0, epoch=0)
    inputs = {"image": tf.constant(images), **({} if tabular is None else {"tabular": tf.constant(tabular)})}
    tensors = {name: tf.constant(value) for name, value in vars(given).items()}
    return given, *Mixer(augmentation)(inputs, tf.constant(targets), tf.constant(weights), tensors)


@pytest.mark.parametrize("augmentation", [Augmentation(mixup=1.0), Augmentation(cutmix=1.0)])
def test_mixing_blends_pixels_and_targets_in_one_proportion(augmentation):
    n = 6
    # Image i is all i, so the mean of a mixed image tells its proportions.
    images = np.broadcast_to(np.arange(n, dtype=np.float32)[:, None, None, None], (n, 16, 16, 3)).copy()
    targets = np.eye(n, dtype=np.float32)
    given, inputs, target, weight = mix(augmentation, images, targets, np.ones(n, np.float32), targets)
    np.testing.assert_allclose(inputs["image"].numpy().mean(axis=(1, 2, 3)), target.numpy() @ np.arange(n), atol=1e-4)
    np.testing.assert_allclose(target.numpy().sum(axis=1), 1, atol=1e-6)
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
