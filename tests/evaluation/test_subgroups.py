"""Figures by level against those of the level alone, too small levels told, and the gap that was made found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skin_core.evaluation.subgroups import NOT_KNOWN, Gap, age_bands, subgroup_figures


def _made(n: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """A model that sees less on dark skin and does alike for both sexes."""
    generator = np.random.default_rng(1)
    groups = np.arange(n) // 2
    sex = np.array(["female", "male"], dtype=object)[generator.integers(0, 2, n // 2)][groups]
    tone = np.array(["light", "dark"], dtype=object)[(generator.random(n // 2) < 0.3).astype(int)][groups]
    positive = (generator.random(n // 2) < 0.3)[groups]
    signal = np.where(tone == "dark", 0.5, 2.5)
    risk = 1 / (1 + np.exp(-(signal * (positive - 0.5) * 2 + generator.normal(0, 1, n))))
    tone[:7] = None
    return positive, risk, groups, {"sex": sex, "skin tone (estimated)": tone}


def test_each_level_has_its_own_figures() -> None:
    positive, risk, groups, attributes = _made()
    levels, _ = subgroup_figures(positive, risk, 0.5, groups, attributes, resamples=100)
    assert [level.name for level in levels] == ["female", "male", "dark", "light", NOT_KNOWN]
    female = attributes["sex"] == "female"
    level = levels[0]
    assert (level.n, level.n_positive) == (female.sum(), positive[female].sum())
    assert level.figures["auc"]["value"] == pytest.approx(roc_auc_score(positive[female], risk[female]))
    assert level.figures["sensitivity"]["value"] == pytest.approx((risk[female & positive] >= 0.5).mean())
    assert level.figures["specificity"]["value"] == pytest.approx((risk[female & ~positive] < 0.5).mean())
    assert level.figures["auc"]["low"] < level.figures["auc"]["value"] < level.figures["auc"]["high"]


def test_the_gap_that_was_made_is_named() -> None:
    positive, risk, groups, attributes = _made()
    _, gap = subgroup_figures(positive, risk, 0.5, groups, attributes, resamples=300)
    assert (gap.attribute, gap.best, gap.worst) == ("skin tone (estimated)", "light", "dark")
    assert gap.low > 0 and gap.p < 0.05 and gap.comparisons == 6
    assert "light above dark" in gap.sentence() and "largest of 6 gaps" in gap.sentence()


def test_a_gap_in_words() -> None:
    gap = Gap("sex", "auc", "female", "male", 0.25, 0.1, 0.4, 0.01, 6)
    assert gap.sentence() == (
        "Largest gap: AUC by sex, female above male by 0.250 (0.100 to 0.400). The interval does not hold 0. It is the "
        "largest of 6 gaps, and the largest of several is partly chance."
    )
    assert "The interval holds 0. It" in replace(gap, low=-0.1).sentence()
    alone = replace(gap, figure="sensitivity", low=float("nan"), high=float("nan"), comparisons=1)
    assert alone.sentence() == "Largest gap: sensitivity by sex, female above male by 0.250 (interval not known)."


def test_a_level_too_small_is_told_and_takes_no_part() -> None:
    positive = np.r_[np.ones(9, bool), np.zeros(11, bool), np.arange(60) < 20]
    risk = np.where(positive, 0.9, 0.1)
    site = np.array(["scalp"] * 20 + ["back"] * 60, dtype=object)
    levels, gap = subgroup_figures(positive, risk, 0.5, np.arange(80), {"site": site}, resamples=50)
    back, scalp = levels
    assert not back.too_small and scalp.too_small and scalp.n == 20 and scalp.n_positive == 9
    assert set(scalp.figures) == {"prevalence"} and gap is None
    # Right each time: the exact interval of 20 images of 20.
    assert back.figures["sensitivity"]["low"] == pytest.approx(0.025 ** (1 / 20))


def test_without_a_threshold_there_is_the_auc_alone() -> None:
    positive, risk, groups, attributes = _made()
    levels, gap = subgroup_figures(positive, risk, None, groups, attributes, resamples=50)
    assert set(levels[0].figures) == {"auc", "prevalence"} and gap.figure == "auc"


def test_ages_stand_in_their_order() -> None:
    ages = age_bands(np.tile([80.0, 20, 40, 60, np.nan], 40))
    levels, _ = subgroup_figures(
        np.arange(200) % 2 > 0, np.full(200, 0.5), None, np.arange(200), {"age": ages}, resamples=5
    )
    assert [level.name for level in levels] == ["under 30", "30 to 49", "50 to 69", "70 and over", NOT_KNOWN]


def test_age_bands() -> None:
    found = age_bands(np.array([5, 30, 49.9, 50, 85, np.nan]))
    assert found.tolist() == ["under 30", "30 to 49", "30 to 49", "50 to 69", "70 and over", None]
