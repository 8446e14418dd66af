"""Which class a picture is given: its likeliest one, or the one that wins where every class weighs alike.

At natural prevalence the likeliest class is the best guess for accuracy, and it hardly ever names a rare class. For
balanced accuracy, in which every class counts alike, the best guess is the class whose probability exceeds the class's
own share most: Bayes' rule where each class costs alike (as in Menon et al. 2021, arXiv:2007.07314).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

ClassRule = Literal["alike", "likeliest"]
CLASS_RULES: tuple[ClassRule, ...] = ("alike", "likeliest")

# After "Each picture is given".
RULE_WORDS: dict[str, str] = {
    "alike": "the class whose probability exceeds the class's own share most, so that every class weighs alike",
    "likeliest": "its likeliest class",
}
_ALIKE, _LIKELIEST = "balanced_accuracy", "balanced_accuracy_likeliest"
_TITLES = {
    _ALIKE: "Balanced accuracy, classes weighed alike",
    _LIKELIEST: "Balanced accuracy of the likeliest class",
}
# Records before class rules judged the likeliest class as `balanced_accuracy` and, later ones, the other under this name.
_OLD_ALIKE = "balanced_accuracy_equal_priors"


def rule_of(priors: np.ndarray | None) -> ClassRule:
    """The rule by which classes are named where their shares are ``priors``: without them no class can be weighed."""
    return "likeliest" if priors is None else "alike"


# A class that validation hardly shows is weighed as if it showed this many pictures: how much rarer it is cannot be known,
# and a handful would make any doubtful picture one of them.
_LEAST_PICTURES = 5


def weighing_shares(probabilities: np.ndarray) -> np.ndarray:
    """The shares by which classes are weighed, from the calibrated probabilities of validation.

    The mean probability of a class is the share under which the probabilities hold, be the class calibrated well or badly:
    so none can exceed its share on average. Counted pictures, of training or validation, agree with it only where a class
    has many. No share is below five pictures' (or an even one, where the pictures are few).

    Args:
        probabilities: float (N, C), rows sum to 1, N > 0.

    Returns:
        float64 (C,), above 0; they sum to 1 where no class was raised.
    """
    n, n_classes = probabilities.shape
    return np.maximum(probabilities.mean(axis=0, dtype=np.float64), min(_LEAST_PICTURES / n, 1 / n_classes))


def weighed(probabilities: np.ndarray, priors: np.ndarray | None, rule: ClassRule) -> np.ndarray:
    """Probabilities as a rule compares them.

    Args:
        probabilities: float (N, C), rows sum to 1.
        priors: float (C,), above 0, the shares under which they hold; needed by "alike".
        rule: "alike" gives the probabilities as they would be if the classes were equally common.

    Returns:
        float (N, C), rows sum to 1; the largest of a row is the class that is named.
    """
    if rule == "likeliest" or priors is None:
        return probabilities
    raised = probabilities / priors
    return raised / raised.sum(axis=1, keepdims=True)


def with_present_names(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of any version under today's names: both balanced accuracies are there if one was."""
    found = dict(metrics)
    if _LIKELIEST in found or _ALIKE not in found:
        return found
    likeliest = found[_ALIKE]
    renamed = {}
    for name, entry in found.items():
        if name == _ALIKE:
            renamed[_ALIKE], renamed[_LIKELIEST] = found.get(_OLD_ALIKE, likeliest), likeliest
        elif name != _OLD_ALIKE:
            renamed[name] = entry
    return renamed


def balanced_titles(metrics: Mapping[str, Any], rule: str) -> dict[str, str]:
    """Titles of the balanced accuracies that a record holds: one only where nothing but the likeliest class was judged.

    Args:
        metrics: under today's names. rule: of the record.
    """
    if _ALIKE not in metrics:
        return {}
    if rule != "alike" and metrics.get(_LIKELIEST) == metrics[_ALIKE]:
        return {_ALIKE: _TITLES[_LIKELIEST]}
    return {name: title for name, title in _TITLES.items() if name in metrics}
