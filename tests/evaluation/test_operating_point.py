"""Thresholds keep their promise on the images they were fitted on, ties and all."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.errors import ConfigError
from skin_core.evaluation.operating_point import PROPOSED, Rule, fit_point

RISK = np.array([0.9, 0.8, 0.6, 0.2, 0.7, 0.5, 0.1, 0.05])
POSITIVE = np.array([True, True, True, True, False, False, False, False])


def test_threshold_by_hand() -> None:
    # Three of four positives suffice for 0.75: 0.6 is the last, 0.5 the next lower risk.
    point = fit_point(RISK, POSITIVE, Rule("sensitivity", 0.75))
    assert point.threshold == pytest.approx(0.55)
    assert (point.sensitivity, point.specificity) == (0.75, 0.75)
    assert (point.n_positive, point.n_negative) == (4, 4)
    assert point.chosen == "the highest with a sensitivity of at least 0.75"


def test_threshold_at_95_of_20_lets_one_go() -> None:
    risk = np.linspace(0.05, 1, 20)
    point = fit_point(np.r_[risk, 0.01], np.r_[np.ones(20, bool), False], Rule())
    assert point.sensitivity == pytest.approx(0.95)
    assert 0.05 < point.threshold < 0.1


def test_specificity_by_hand() -> None:
    # One of four negatives may be referred for 0.75: down to, and without, the second (0.5).
    point = fit_point(RISK, POSITIVE, Rule("specificity", 0.75))
    assert point.threshold == pytest.approx(0.55) and point.specificity == 0.75 and point.sensitivity == 0.75
    strict = fit_point(RISK, POSITIVE, Rule("specificity", 0.9))
    assert strict.threshold == pytest.approx(0.75) and strict.specificity == 1 and strict.sensitivity == 0.5


def test_youden_and_cost_by_hand() -> None:
    # Sums: 1.5 above 0.75, 1.5 above 0.55 (more sensitive, so taken), 1.5 above 0.15, which is more sensitive still.
    point = fit_point(RISK, POSITIVE, Rule("youden"))
    assert point.sensitivity == 1 and point.specificity == 0.5 and point.threshold == pytest.approx(0.15)
    # A needless referral that costs three times a missed lesion: refer the first two only.
    careful = fit_point(RISK, POSITIVE, Rule("cost", cost_ratio=1 / 3))
    assert careful.sensitivity == 0.5 and careful.specificity == 1
    # A missed lesion that costs 1,000 referrals: refer all positives.
    bold = fit_point(RISK, POSITIVE, Rule("cost", cost_ratio=1000))
    assert bold.sensitivity == 1
    # Where the endpoint is rare the same costs refer fewer.
    rare = fit_point(RISK, POSITIVE, Rule("cost", cost_ratio=10, prevalence=0.001))
    assert rare.sensitivity == 0.5 and rare.specificity == 1


def test_as_many_referred_as_are_ill_by_hand() -> None:
    # Half of the images are ill; of the four highest risks three are: 0.75 · 0.5 + 0.25 · 0.5 = 0.5 referred.
    point = fit_point(RISK, POSITIVE, Rule("prevalence"))
    assert point.threshold == pytest.approx(0.55) and (point.sensitivity, point.specificity) == (0.75, 0.75)
    # At 0.1: the two highest make 0.05, the third, which is benign, brings it to 0.05 + 0.225.
    rare = fit_point(RISK, POSITIVE, Rule("prevalence", prevalence=0.1))
    assert rare.threshold == pytest.approx(0.75) and (rare.sensitivity, rare.specificity) == (0.5, 1.0)
    assert rare.chosen == "the one that refers as many as are malignant or premalignant at a prevalence of 0.1"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("youden", Rule("youden")),
        ("sensitivity=0.9", Rule("sensitivity", 0.9)),
        (" specificity=0.85 ", Rule("specificity", 0.85)),
        ("cost=20", Rule("cost", cost_ratio=20)),
        ("cost=20@0.04", Rule("cost", cost_ratio=20, prevalence=0.04)),
        ("prevalence=0.04", Rule("prevalence", prevalence=0.04)),
    ],
)
def test_a_rule_as_it_is_typed(text: str, rule: Rule) -> None:
    assert Rule.parse(text).words() == rule.words()


@pytest.mark.parametrize(
    "text",
    ["", "best", "sensitivity", "sensitivity=", "sensitivity=high", "youden=1", "youden@0.1", "sensitivity=0.9@0.1"],
)
def test_what_is_no_rule_is_told_with_what_is_one(text: str) -> None:
    with pytest.raises(ConfigError, match=r"A rule reads youden, sensitivity=0\.95, .*got"):
        Rule.parse(text)


@pytest.mark.parametrize("text", ["sensitivity=95", "cost=0", "cost=20@4", "prevalence=1"])
def test_a_number_that_cannot_be_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="got"):
        Rule.parse(text)


@pytest.mark.parametrize("rule", [*PROPOSED, Rule("sensitivity", 1.0), Rule("specificity", 1.0)], ids=Rule.words)
@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_the_promise_holds_with_ties(rule: Rule, decimals: int) -> None:
    for seed in range(20):
        generator = np.random.default_rng(seed)
        positive = generator.random(97) < 0.3
        risk = np.round(np.clip(generator.normal(0.3 + 0.3 * positive, 0.2), 0, 1), decimals)
        point = fit_point(risk, positive, rule)
        referred = risk >= point.threshold
        assert point.sensitivity == pytest.approx(referred[positive].mean())
        assert point.specificity == pytest.approx((~referred[~positive]).mean())
        if rule.kind in ("sensitivity", "specificity"):
            assert getattr(point, rule.kind) >= rule.target - 1e-12


def test_neighbouring_numbers_and_constant_risks() -> None:
    low = 0.5
    high = np.nextafter(low, 1)
    point = fit_point(np.array([high, low]), np.array([True, False]), Rule("specificity", 1.0))
    assert point.threshold == high and (point.sensitivity, point.specificity) == (1, 1)
    constant, positive = np.full(4, 1.0), np.array([True, False, True, False])
    nobody = fit_point(constant, positive, Rule("specificity", 0.9))
    assert nobody.sensitivity == 0 and nobody.specificity == 1 and nobody.threshold > 1
    everybody = fit_point(constant, positive, Rule("sensitivity", 0.95))
    assert everybody.sensitivity == 1 and everybody.threshold == 1


def test_no_positive_no_threshold() -> None:
    for rule in PROPOSED:
        assert fit_point(np.array([0.1, 0.2]), np.array([False, False]), rule) is None
    assert fit_point(np.array([0.4]), np.array([True]), Rule()).specificity is None
    assert fit_point(np.array([0.4]), np.array([True]), Rule("youden")) is None
    with pytest.raises(ValueError, match="NaN"):
        fit_point(np.array([0.4, np.nan]), np.array([True, False]), Rule())


@pytest.mark.parametrize(
    "wrong", [{"kind": "guess"}, {"target": 0.0}, {"target": 1.1}, {"cost_ratio": 0.0}, {"prevalence": 1.0}]
)
def test_a_rule_that_is_none_is_told(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        Rule(**wrong)
