"""Which class a picture is given, and what records of older versions call it."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.evaluation.class_rule import (
    balanced_titles,
    rule_of,
    weighed,
    weighing_shares,
    with_present_names,
)

SHARES = np.array([0.8, 0.2])


def test_weighed_alike_by_hand() -> None:
    # 0.6 / 0.8 = 0.75 and 0.4 / 0.2 = 2: the rarer class, with 2 of 2.75.
    found = weighed(np.array([[0.6, 0.4]]), SHARES, "alike")
    assert found[0].tolist() == pytest.approx([0.75 / 2.75, 2 / 2.75])
    assert weighed(np.array([[0.6, 0.4]]), SHARES, "likeliest")[0].tolist() == [0.6, 0.4]
    assert (rule_of(SHARES), rule_of(None)) == ("alike", "likeliest")


def test_equal_shares_change_no_guess() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    assert weighed(probabilities, np.full(4, 0.25), "alike") == pytest.approx(probabilities)


def test_classes_are_weighed_by_what_the_probabilities_say_on_average() -> None:
    # 100 pictures that say 0.7 and 0.3, and 100 that say 0.5 and 0.5.
    said = np.repeat([[0.7, 0.3], [0.5, 0.5]], 100, axis=0)
    assert weighing_shares(said).tolist() == pytest.approx([0.6, 0.4])
    # Weighed by them, no class exceeds its share on average.
    assert (said / weighing_shares(said)).mean(axis=0).tolist() == pytest.approx([1, 1])


def test_a_class_with_hardly_a_picture_is_no_answer_to_every_doubt() -> None:
    # One picture in 200 is of the third class; of any picture 0.005 are said to be.
    said = np.tile([0.6, 0.395, 0.005], (200, 1))
    assert weighing_shares(said).tolist() == pytest.approx([0.6, 0.395, 5 / 200])
    doubtful = np.array([[0.59, 0.39, 0.02]])
    assert weighed(doubtful, weighing_shares(said), "alike").argmax() != 2
    assert weighed(doubtful, said.mean(axis=0), "alike").argmax() == 2
    # Four pictures hold no five of anything: an even share is the most that is asked of a class.
    assert weighing_shares(np.tile([0.9, 0.1], (4, 1))).tolist() == pytest.approx([0.9, 0.5])


def test_old_names_mean_what_they_meant() -> None:
    both = with_present_names({"balanced_accuracy": 0.4, "balanced_accuracy_equal_priors": 0.5, "accuracy": 0.7})
    assert both == {"balanced_accuracy": 0.5, "balanced_accuracy_likeliest": 0.4, "accuracy": 0.7}
    oldest = with_present_names({"balanced_accuracy": 0.4})
    assert oldest == {"balanced_accuracy": 0.4, "balanced_accuracy_likeliest": 0.4}
    assert with_present_names(both) == both and with_present_names({"accuracy": 1.0}) == {"accuracy": 1.0}


def test_the_title_says_which_class_was_judged() -> None:
    alike, likeliest = "Balanced accuracy, classes weighed alike", "Balanced accuracy of the likeliest class"
    new = {"balanced_accuracy": 0.5, "balanced_accuracy_likeliest": 0.4}
    assert list(balanced_titles(new, "alike").values()) == [alike, likeliest]
    # Of the oldest records only the likeliest class is known.
    assert balanced_titles(with_present_names({"balanced_accuracy": 0.4}), "likeliest") == {
        "balanced_accuracy": likeliest
    }
    # Old records that hold both figures tell both, though their tables are of the likeliest class.
    assert list(balanced_titles(new, "likeliest").values()) == [alike, likeliest]
    assert balanced_titles({"accuracy": 1.0}, "alike") == {}
