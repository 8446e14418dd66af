"""How members' answers become one: both formulas against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.errors import BundleError
from skin_core.evaluation.calibration import calibrated
from skin_core.screening.pooling import Pool

# Two members, three validation pictures, two classes; the first class leads by 0, 1, 2 and by 0, 10, 20.
ODDS = np.array([[0.0, 1.0, 2.0], [0.0, 10.0, 20.0]])
VALIDATION = np.stack([ODDS, np.zeros((2, 3))], axis=-1)


def _rank() -> Pool:
    return Pool.fit("rank", VALIDATION, np.ones(2), np.zeros((2, 2)))


def _sigmoid(value: float) -> float:
    return 1 / (1 + np.exp(-value))


def test_the_mean_is_of_calibrated_logits() -> None:
    pool = Pool.fit("mean", VALIDATION, np.array([2.0, 4.0]), np.array([[0, 0], [0.5, -0.5]]))
    # (2, 0) / 2 = (1, 0) and (0, 4) / 4 + (0.5, -0.5) = (0.5, 0.5).
    assert pool(np.array([[[2.0, 0.0]], [[0.0, 4.0]]])) == pytest.approx(np.array([[0.75, 0.25]]))
    assert pool.map_weights == pytest.approx(np.array([[1 / 4, 1 / 4], [1 / 8, 1 / 8]]))


def test_the_rank_is_read_back_by_the_mean_quantile_function() -> None:
    # The first member sees its middle picture (rank 0.5), the second its surest (rank 1): 0.75 on the mean quantiles
    # 0, 5.5, 11 of the first class, which is 8.25; of the second class -8.25.
    found = _rank()(np.array([[[1.0, 0.0]], [[20.0, 0.0]]]))
    assert found == pytest.approx(np.log([[_sigmoid(8.25), _sigmoid(-8.25)]]))
    assert calibrated(found, 1.0)[0, 0] == pytest.approx(_sigmoid(8.25))


def test_members_on_other_scales_count_alike_in_rank_and_not_in_mean() -> None:
    one, other = np.array([[[2.0, 0.0]], [[0.0, 0.0]]]), np.array([[[0.0, 0.0]], [[20.0, 0.0]]])
    rank, mean = _rank(), Pool.fit("mean", VALIDATION, np.ones(2), np.zeros((2, 2)))
    assert rank(one) == pytest.approx(rank(other))
    assert mean(other)[0, 0] == 10 * mean(one)[0, 0]
    # Quartiles 0.5 to 1.5 and 5 to 15: a unit of the first member's score is worth ten of the second's.
    assert rank.map_weights == pytest.approx(np.array([[2.75, 2.75], [0.275, 0.275]]))


@pytest.mark.parametrize("how", ["mean", "rank"])
def test_a_member_pooled_with_itself_says_what_it_said(how: str) -> None:
    generator = np.random.default_rng(3)
    logits = np.repeat(generator.normal(0, 3, (1, 300, 4)), 2, axis=0)
    temperature, bias = 1.7, generator.normal(0, 1, 4)
    pool = Pool.fit(how, logits, np.full(2, temperature), np.stack([bias, bias]))
    new = np.repeat(generator.normal(0, 4, (1, 50, 4)), 2, axis=0)
    assert calibrated(pool(new), 1.0) == pytest.approx(calibrated(new[0], temperature, tuple(bias)), abs=1e-9)
    assert pool.map_weights == pytest.approx(0.5 / temperature)


def test_beyond_validation_the_surer_picture_still_comes_first() -> None:
    lead = np.linspace(-3, 25, 57)
    pictures = np.stack([np.stack([lead / 10, 0 * lead], axis=-1), np.stack([lead, 0 * lead], axis=-1)])
    assert (np.diff(_rank()(pictures)[:, 0]) > 0).all()


def test_scores_that_are_all_the_same_still_rise() -> None:
    pool = Pool.fit("rank", np.ones((2, 5, 3)), np.ones(2), np.zeros((2, 3)))
    assert (np.diff(pool.knots) > 0).all()
    assert np.isfinite(pool(np.ones((2, 1, 3)))).all() and np.isfinite(pool.map_weights).all()


def test_numbers_survive_their_file_and_another_formula_is_refused() -> None:
    pool = _rank()
    again = Pool.from_bytes(pool.to_bytes())
    new = np.random.default_rng(0).normal(size=(2, 6, 2))
    assert np.array_equal(again(new), pool(new)) and again.how == "rank"
    with pytest.raises(BundleError, match=r"by mean or rank; got 'median'\."):
        Pool.fit("median", VALIDATION, np.ones(2), np.zeros((2, 2)))
