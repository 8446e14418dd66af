import numpy as np
import pytest

from skin_core.data.balance import distribution, plan

# Six of class 0, three of class 1, one of class 2, none of class 3.
LABELS = np.array([0, 0, 0, 1, 0, 1, 2, 0, 1, 0])


def counts(found):
    return np.bincount(LABELS[found.rows], minlength=4).tolist()


def test_class_weights_make_the_classes_weigh_the_same():
    found = plan(LABELS, "class_weights", n_classes=4, seed=1)
    # n / (k n_c) with n = 10 and k = 3 classes present.
    np.testing.assert_allclose(found.class_weights, [10 / 18, 10 / 9, 10 / 3, 1], rtol=1e-6)
    assert found.class_weights[LABELS].mean() == pytest.approx(1)
    np.testing.assert_array_equal(found.rows, np.arange(10))


@pytest.mark.parametrize("method", ["oversample", "augment"])
def test_smaller_classes_are_filled_up(method):
    found = plan(LABELS, method, n_classes=4, seed=1)
    assert counts(found) == [6, 6, 6, 0]
    # Every row is there once, and what comes on top is marked as a copy.
    np.testing.assert_array_equal(found.rows[~found.copies], np.arange(10))
    assert found.copies.sum() == 3 + 5
    assert np.bincount(found.rows)[LABELS == 1].tolist() == [2, 2, 2]
    assert (found.class_weights == 1).all()


def test_larger_classes_are_cut_down_to_other_rows_each_epoch():
    epochs = [plan(LABELS, "undersample", n_classes=4, seed=1, epoch=epoch) for epoch in range(8)]
    assert all(counts(found) == [1, 1, 1, 0] for found in epochs)
    assert len({found.rows.tobytes() for found in epochs}) > 1
    assert not any(found.copies.any() for found in epochs)


@pytest.mark.parametrize("method", ["none", "class_weights", "oversample", "undersample", "augment"])
def test_a_plan_depends_on_seed_and_epoch_alone(method):
    first, second = (plan(LABELS, method, n_classes=4, seed=5, epoch=2) for _ in range(2))
    np.testing.assert_array_equal(first.rows, second.rows)
    np.testing.assert_array_equal(first.copies, second.copies)


def test_the_distribution_before_and_after_is_shown():
    shown = distribution(LABELS, plan(LABELS, "class_weights", n_classes=4, seed=1), ["a", "b", "c", "d"])
    assert shown["class"].tolist() == ["a", "b", "c", "d"]
    assert shown["before"].tolist() == shown["after"].tolist() == [6, 3, 1, 0]
    np.testing.assert_allclose(shown["share"], [1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-6)
    shown = distribution(LABELS, plan(LABELS, "oversample", n_classes=4, seed=1), ["a", "b", "c", "d"])
    assert shown["after"].tolist() == [6, 6, 6, 0]
