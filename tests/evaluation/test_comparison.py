"""Intervals and comparisons: they cover what they promise, agree with each other, and say when they cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.evaluation import metrics
from skin_core.evaluation.bootstrap import Groups, draws, resamples_for, with_intervals
from skin_core.evaluation.delong import auc_covariance, auc_difference
from skin_core.evaluation.paired import paired_differences
from skin_core.evaluation.ranking import auc


def _share(values: np.ndarray):
    return lambda weights: {"share": metrics.mean_of(weights, values.astype(float))}


def _auc(positive: np.ndarray, score: np.ndarray):
    return lambda weights: {"auc": auc(weights, positive, score)}


def _clustered(seed: int, n_groups: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positive, two scores and groups of one to four images that share much of their noise."""
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), generator.integers(1, 5, n_groups))
    positive = (generator.random(n_groups) < 0.3)[groups]
    shared = generator.normal(0, 1, n_groups)[groups]
    first = positive * 1.2 + shared + generator.normal(0, 0.4, len(groups))
    second = positive * 0.8 + shared + generator.normal(0, 0.8, len(groups))
    return positive, first, second, groups


def test_draws_take_whole_groups_and_repeat() -> None:
    groups = np.array(["a", "a", "b", "c", "c", "c"])
    weights = np.concatenate(list(draws(groups, resamples=500, seed=3)))
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (np.concatenate(list(draws(groups, resamples=500, seed=3))) == weights).all()


def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(150):
        right = generator.random(80) < 0.7
        found = with_intervals(_share(right), np.arange(80), resamples=300, seed=trial)["share"]
        covered += found["low"] <= 0.7 <= found["high"]
    assert 0.88 <= covered / 150 <= 0.99


def test_a_share_of_all_or_none_gets_the_exact_interval_of_its_groups() -> None:
    groups = np.repeat(np.arange(10), 2)
    shares = {"share": np.arange(20) < 16}
    all_right = with_intervals(_share(np.ones(20, bool)), groups, resamples=50, shares=shares)["share"]
    # Clopper and Pearson of 8 lesions of 8: 0.025^(1/8).
    assert (all_right["low"], all_right["high"]) == (pytest.approx(0.6306, abs=1e-4), 1)
    none_right = with_intervals(_share(np.zeros(20, bool)), groups, resamples=50, shares=shares)["share"]
    assert (none_right["low"], none_right["high"]) == (0, pytest.approx(0.3694, abs=1e-4))


def test_what_resampling_cannot_tell_has_no_interval() -> None:
    one_positive = np.arange(30) == 7
    found = with_intervals(_auc(one_positive, np.arange(30.0)), np.arange(30), resamples=400)["auc"]
    # A third of the resamples lack the one positive.
    assert found["value"] == pytest.approx(7 / 29) and np.isnan(found["low"])
    constant = with_intervals(_auc(np.arange(30) < 15, np.ones(30)), np.arange(30), resamples=50)["auc"]
    assert constant["value"] == 0.5 and np.isnan(constant["low"])
    empty = with_intervals(_share(np.zeros(0, bool)), np.zeros(0))["share"]
    assert all(np.isnan(value) for value in empty.values())


def test_what_was_drawn_is_told() -> None:
    assert Groups(np.array([1, 1, 2]), "patients").sentence(2000) == (
        "95 % intervals by drawing the 2 patients anew 2,000 times."
    )
    assert "may be too narrow" in Groups(np.arange(3), "twin clusters").sentence()
    assert [resamples_for(n) for n in (0, 1500, 60_000, 120_000, 400_000)] == [2000, 2000, 2000, 1000, 500]


def test_delong_without_clusters_agrees_with_its_definition() -> None:
    positive, first, second, _ = _clustered(1)
    scores = np.stack([first, second])
    m, n = int(positive.sum()), int((~positive).sum())
    # Written out from DeLong et al. 1988: the kernel of each pair, its means by row and column, their covariances.
    kernels = [
        (score[positive][:, None] > score[~positive]) + 0.5 * (score[positive][:, None] == score[~positive])
        for score in scores
    ]
    by_row = np.cov([kernel.mean(axis=1) for kernel in kernels])
    by_column = np.cov([kernel.mean(axis=0) for kernel in kernels])
    areas, covariance = auc_covariance(positive, scores, np.arange(len(positive)))
    assert areas == pytest.approx([kernel.mean() for kernel in kernels])
    # Obuchowski's cross term, which unclustered sets do not have, is 0 here: no image is both.
    assert covariance == pytest.approx(by_row / m + by_column / n)


def test_clustered_delong_agrees_with_the_bootstrap_and_is_wider_than_plain() -> None:
    positive, first, second, groups = _clustered(2)
    found = auc_difference(positive, first, second, groups)
    compared = paired_differences(_auc(positive, first), _auc(positive, second), groups, seed=1)["auc"]
    assert found.difference == pytest.approx(compared.difference)
    spread = np.concatenate(
        [auc(weights, positive, first) - auc(weights, positive, second) for weights in draws(groups, seed=5)]
    ).std()
    assert found.standard_error == pytest.approx(spread, rel=0.1)
    assert (found.low, found.high) == (pytest.approx(compared.low, abs=0.01), pytest.approx(compared.high, abs=0.01))
    assert found.p == pytest.approx(compared.p, abs=0.02)
    alone, plain = auc_covariance(positive, first[np.newaxis], np.arange(len(positive)))
    clustered = auc_covariance(positive, first[np.newaxis], groups)
    assert alone == clustered[0] and clustered[1][0, 0] > 1.5 * plain[0, 0]


def test_a_cluster_may_hold_positives_and_negatives() -> None:
    generator = np.random.default_rng(6)
    groups = np.repeat(np.arange(60), 5)
    positive = generator.random(300) < 0.3
    score = positive + np.repeat(generator.normal(0, 1.5, 60), 5) + generator.normal(0, 0.5, 300)
    _, covariance = auc_covariance(positive, score[np.newaxis], groups)
    spread = np.concatenate([auc(weights, positive, score) for weights in draws(groups, seed=2)]).std()
    assert np.sqrt(covariance[0, 0]) == pytest.approx(spread, rel=0.1)


def test_twice_the_same_model_does_not_differ() -> None:
    positive, first, _, groups = _clustered(3)
    same = paired_differences(_auc(positive, first), _auc(positive, first), groups, resamples=100)["auc"]
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert np.isnan(auc_difference(positive, first, first, groups).p)


def test_a_clear_difference_and_none() -> None:
    generator = np.random.default_rng(7)
    positive = np.arange(400) < 150
    strong, weak = positive + generator.normal(0, 0.6, 400), positive + generator.normal(0, 3, 400)
    clear = paired_differences(_auc(positive, strong), _auc(positive, weak), np.arange(400), resamples=500)["auc"]
    assert clear.low > 0 and clear.p == pytest.approx(2 / 501)
    rejected = 0
    for _ in range(60):
        one, other = positive + generator.normal(0, 1, 400), positive + generator.normal(0, 1, 400)
        found = paired_differences(_auc(positive, one), _auc(positive, other), np.arange(400), resamples=200)["auc"]
        rejected += found.p < 0.05
    assert rejected <= 9


def test_a_comparison_of_what_is_undefined_is_undefined() -> None:
    nobody = np.zeros(20, bool)
    found = paired_differences(_auc(nobody, np.arange(20.0)), _auc(nobody, np.ones(20)), np.arange(20), resamples=20)
    assert all(np.isnan(value) for value in vars(found["auc"]).values())
    assert np.isnan(auc_difference(nobody, np.arange(20.0), np.ones(20), np.arange(20)).p)
