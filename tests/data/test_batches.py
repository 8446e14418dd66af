import numpy as np
import pytest

from skin_core.config import Augmentation
from skin_core.data.batches import feature_batches, n_batches, plain_batches, training_batches, view_batches

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
TARGETS = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 50)]
TABULAR = RNG.normal(size=(50, 4)).astype(np.float32)
WEIGHTS = RNG.random(50).astype(np.float32)
STRENGTHS = {name: 0.2 for name, field in Augmentation.model_fields.items() if field.annotation is float}
EVERYTHING = Augmentation(
    **STRENGTHS | {"flip": "both", "erasing": 0.5, "mixup": 0.4, "cutmix": 1.0, "rand_augment": 3}
)
ROWS = np.arange(5, 50)


def epoch(augmentation=EVERYTHING, **changes):
    settings = {"batch_size": 8, "seed": 1, "epoch": 3, "tabular": TABULAR, "sample_weights": WEIGHTS, **changes}
    return list(training_batches(PIXELS, ROWS, TARGETS, augmentation=augmentation, **settings))


def assert_same(first, second):
    assert len(first) == len(second)
    for (inputs, target, weight), (other_inputs, other_target, other_weight) in zip(first, second, strict=True):
        np.testing.assert_array_equal(inputs["image"], other_inputs["image"])
        np.testing.assert_array_equal(inputs["tabular"], other_inputs["tabular"])
        np.testing.assert_array_equal(target, other_target)
        np.testing.assert_array_equal(weight, other_weight)


@pytest.fixture(scope="module")
def whole():
    return epoch()


def test_an_epoch_is_the_same_each_time(whole):
    assert_same(whole, epoch())


@pytest.mark.parametrize("start", [1, 4, 5, 6])
def test_an_epoch_started_in_the_middle_goes_on_as_the_unbroken_one(whole, start):
    assert len(whole) == n_batches(len(ROWS), 8) == 6
    assert_same(epoch(start_batch=start), whole[start:])


def test_another_epoch_or_seed_is_another(whole):
    for other in (epoch(epoch=4), epoch(seed=2)):
        assert not np.array_equal(other[0][0]["image"], whole[0][0]["image"])


def test_every_row_comes_once_with_what_belongs_to_it():
    seen = []
    for inputs, target, weight in epoch(Augmentation()):
        assert inputs["image"].dtype == np.uint8  # The step casts.
        rows = [int(np.flatnonzero((image == PIXELS).all(axis=(1, 2, 3)))[0]) for image in inputs["image"]]
        np.testing.assert_array_equal(target, TARGETS[rows])
        np.testing.assert_array_equal(inputs["tabular"], TABULAR[rows])
        np.testing.assert_array_equal(weight, WEIGHTS[rows])
        seen += rows
    assert sorted(seen) == ROWS.tolist() and seen != ROWS.tolist()


def test_augmented_pixels_stay_in_range(whole):
    pixels = np.concatenate([inputs["image"] for inputs, _, _ in whole])
    assert pixels.dtype == np.float32 and pixels.min() >= 0 and pixels.max() <= 255
    assert pixels.max() > 200


def test_repeated_rows_are_changed_each_in_its_own_way():
    ((inputs, _, _),) = training_batches(
        PIXELS, np.zeros(4, int), TARGETS, batch_size=4, seed=0, epoch=0, augmentation=Augmentation(rotation=0.5)
    )
    assert len({image.tobytes() for image in inputs["image"]}) == 4


def test_only_copies_are_changed_where_augmentation_is_off():
    ((inputs, _, _),) = training_batches(
        PIXELS, np.arange(8), TARGETS, batch_size=8, seed=0, epoch=0, copies=np.arange(8) >= 6
    )
    assert sum((PIXELS[:8] == image).all(axis=(1, 2, 3)).any() for image in inputs["image"]) == 6


def test_mixing_needs_targets_that_can_be_mixed():
    with pytest.raises(ValueError, match="MixUp and CutMix need targets of shape"):
        training_batches(
            PIXELS, ROWS, np.zeros(50, int), batch_size=8, seed=0, epoch=0, augmentation=Augmentation(mixup=0.2)
        )


def test_plain_batches_keep_the_order_and_the_pixels():
    found = list(plain_batches(PIXELS, ROWS, batch_size=32, targets=TARGETS, tabular=TABULAR))
    np.testing.assert_array_equal(np.concatenate([inputs["image"] for inputs, _ in found]), PIXELS[ROWS])
    np.testing.assert_array_equal(np.concatenate([target for _, target in found]), TARGETS[ROWS])
    (first,), *_ = plain_batches(PIXELS, ROWS, batch_size=4)
    assert set(first) == {"image"}


def views(view, rows=ROWS):
    batches = view_batches(PIXELS, rows, batch_size=16, seed=1, view=view, augmentation=EVERYTHING)
    return np.concatenate([inputs["image"] for (inputs,) in batches])


def test_a_view_depends_on_seed_view_and_image_alone():
    np.testing.assert_array_equal(views(0), PIXELS[ROWS])
    np.testing.assert_array_equal(views(2), views(2))
    np.testing.assert_array_equal(views(2, ROWS[[7, 3]]), views(2)[[7, 3]])
    assert not np.array_equal(views(1), views(2))


def test_cached_features_come_in_views_drawn_by_epoch():
    features = np.stack([np.arange(50), 100 + np.arange(50)]).astype(np.float16)[..., None]

    def drawn(number, start=0, copies=None):
        batches = feature_batches(
            features, ROWS, TARGETS, batch_size=8, seed=1, epoch=number, start_batch=start, copies=copies
        )
        return np.concatenate([inputs["features"] for inputs, _, _ in batches])[:, 0]

    first = drawn(0)
    assert first.dtype == np.float32
    assert sorted(first % 100) == ROWS.tolist()
    assert 5 < (first >= 100).sum() < 40
    np.testing.assert_array_equal(drawn(0, start=2), first[16:])
    assert not np.array_equal(drawn(1), first)
    assert (drawn(0, copies=np.ones(len(ROWS), bool)) >= 100).all()
