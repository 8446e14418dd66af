"""The figures of an epoch, exact and pure: labels and probabilities in, numbers out; what is undefined is NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

POSITIVE_LEVELS = ("malignant", "premalignant")


def epoch_scores(
    labels: np.ndarray,
    probabilities: np.ndarray,
    risk_levels: Sequence[str | None],
    shares: np.ndarray | None = None,
) -> dict[str, float]:
    """Scores of one split.

    Args:
        labels: int (N,), class numbers.
        probabilities: float (N, C), rows sum to 1.
        risk_levels: the risk level of each of the C classes; None where it is not known.
        shares: float (C,), of the classes in training, where it balanced them: the areas are of the probabilities at these
            shares, as an evaluation's are. A balance changes the order of pictures, since it raises each class by its own
            amount. The accuracies are of the network as it is, which weighs classes alike. None where nothing was balanced.

    Returns:
        ``auc``, ``accuracy``, ``balanced_accuracy`` and ``malignancy_auc``.
    """
    natural = probabilities if shares is None else as_frequent(probabilities, shares)
    return {
        "auc": auc_score(labels, natural),
        "accuracy": accuracy_score(labels, probabilities),
        "balanced_accuracy": balanced_accuracy_score(labels, probabilities),
        "malignancy_auc": malignancy_auc_score(labels, natural, risk_levels),
    }


def as_frequent(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Probabilities of a network that learnt as if its classes were equally frequent, for the shares that they have.

    With ``loss=logit_adjusted`` it was ``p · π / Σ p · π`` that was fitted to the labels (Menon et al. 2021), and class
    weights or resampling do the same by other means, so that is what such a teacher says of a picture.

    Args:
        probabilities: float (N, C), rows sum to 1.
        shares: float (C,), π.
    """
    values = np.asarray(probabilities, np.float64) * shares
    return values / values.sum(axis=1, keepdims=True)


def cross_entropy_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -ln P(true class), in nats; probabilities are clipped at 1e-7 as Keras does."""
    if not len(labels):
        return math.nan
    true = np.asarray(probabilities, dtype=np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(true, 1e-7, 1.0)).mean())


def accuracy_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of images whose most probable class is the true one."""
    return float((probabilities.argmax(axis=1) == labels).mean()) if len(labels) else math.nan


def balanced_accuracy_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean recall over the classes that occur among the labels."""
    if not len(labels):
        return math.nan
    n_classes = probabilities.shape[1]
    hits = np.bincount(labels[probabilities.argmax(axis=1) == labels], minlength=n_classes)
    support = np.bincount(labels, minlength=n_classes)
    present = support > 0
    return float((hits[present] / support[present]).mean())


def auc_score(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve: of the second class for two, else the mean of one against the rest.

    The mean is over the classes that have images on both sides; NaN if there is none.
    """
    if probabilities.shape[1] == 2:
        return _binary_auc(labels == 1, probabilities[:, 1])
    areas = [_binary_auc(labels == number, probabilities[:, number]) for number in range(probabilities.shape[1])]
    defined = [area for area in areas if not math.isnan(area)]
    return float(np.mean(defined)) if defined else math.nan


def malignancy_auc_score(labels: np.ndarray, probabilities: np.ndarray, risk_levels: Sequence[str | None]) -> float:
    """Area under the ROC curve of the endpoint "malignant or premalignant" against benign.

    The score of an image is the sum of its probabilities of the classes on the endpoint's side. Images of a class
    without a known risk level are left out.
    """
    positive = np.array([level in POSITIVE_LEVELS for level in risk_levels])
    known = np.array([level is not None for level in risk_levels])
    rows = known[labels]
    return _binary_auc(positive[labels][rows], probabilities[rows][:, positive].sum(axis=1))


def _binary_auc(truth: np.ndarray, score: np.ndarray) -> float:
    """P(score of a positive > score of a negative), ties counted half (Hanley and McNeil 1982).

    Counted here: scikit-learn, which gives the same, takes a second to load, in every worker.
    """
    if not truth.any() or truth.all():
        return math.nan
    if np.isnan(score).any():
        raise ValueError("the network gives NaN")
    positives, negatives = score[truth], np.sort(score[~truth])
    below = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
    return float(below.sum() / (2 * len(positives) * len(negatives)))
