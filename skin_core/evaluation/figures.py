"""Which figures a scored set has, by name: of melanoma, of the risk, of the classes.

Each takes weights (B, N) and gives name → (B,). Where a probability is NaN, every figure that reads it is NaN: a model
that gave no number for one image is not judged on the others; leave that image out knowingly, and say so.
"""

from __future__ import annotations

import numpy as np

from skin_core.evaluation import metrics
from skin_core.evaluation.class_rule import rule_of, weighed
from skin_core.evaluation.patients import top_sensitivity
from skin_core.evaluation.ranking import Ranked
from skin_core.evaluation.recalibration import calibration_in_the_large, calibration_slope
from skin_core.evaluation.reliability import expected_calibration_error
from skin_core.evaluation.sums import of_images

SPECIFICITIES = (90, 95)
SENSITIVITIES = (90, 95)
_BENIGN, _PREMALIGNANT = 0, 1
OF_DECISION = ("sensitivity", "specificity", "ppv", "npv", "number_needed_to_refer", "referred")

Found = dict[str, np.ndarray]


def of_melanoma(weights: np.ndarray, positive: np.ndarray, score: np.ndarray, referred: np.ndarray | None) -> Found:
    """Melanoma against everything else.

    Args:
        weights: (B, N). positive: bool (N,). score: float (N,), P(melanoma).
        referred: bool (N,), the decision on the risk; None without one.
    """
    found = _ranked("melanoma", Ranked.of(weights, positive, score, corners=True))
    if referred is not None:
        found["melanoma_sensitivity"] = metrics.mean_of(of_images(weights, positive), referred[positive].astype(float))
    return found


def of_risk(
    weights: np.ndarray,
    levels: np.ndarray,
    risk: np.ndarray,
    referred: np.ndarray | None,
    patients: np.ndarray | None = None,
) -> Found:
    """Malignant or premalignant against benign.

    Args:
        weights: (B, N). levels: int (N,), 0 benign, 1 premalignant, 2 malignant. risk: float (N,), 0–1.
        referred: bool (N,), the decision; None without one.
        patients: (N,), for the rank within a patient; None where the set does not tell.
    """
    positive = levels != _BENIGN
    clear = levels != _PREMALIGNANT
    found = _ranked("malignancy", Ranked.of(weights, positive, risk, corners=True))
    found["malignancy_auc_without_premalignant"] = Ranked.of(
        of_images(weights, clear), positive[clear], risk[clear]
    ).auc()
    found |= _of_decision(weights, positive, referred)
    if patients is not None:
        found["malignancy_top_15_sensitivity"] = top_sensitivity(weights, positive, risk, patients)
    slope, _ = calibration_slope(weights, positive, risk)
    found["malignancy_prevalence"] = metrics.mean_of(weights, positive.astype(float))
    found["malignancy_brier"] = metrics.mean_of(weights, (risk - positive) ** 2)
    found["malignancy_calibration_slope"] = slope
    found["malignancy_calibration_intercept"] = calibration_in_the_large(weights, positive, risk)
    found["malignancy_ece"] = expected_calibration_error(weights, positive, risk)
    return found


def undefined_risk(resamples: int) -> Found:
    """The names of `of_risk`, where the classes know no endpoint."""
    one = np.zeros((resamples, 1))
    undefined = of_risk(one, np.zeros(1, int), np.full(1, np.nan), np.zeros(1, bool))
    return {name: np.full(resamples, np.nan) for name in undefined}


def of_classes(
    weights: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: tuple[str, ...],
    priors: np.ndarray | None = None,
) -> Found:
    """All classes together, then each, then accuracy with the share of the largest class beside it.

    Every figure that is counted from named classes, but for accuracy and ``balanced_accuracy_likeliest``, is of the class
    that `class_rule` names; without priors that is the likeliest one, too.

    Args:
        weights: (B, N). labels: int (N,), 0 to C - 1. probabilities: float (N, C). classes: C names.
        priors: float (C,), above 0, under which the probabilities hold; None where not known.
    """
    n_classes = len(classes)
    guesses = probabilities.argmax(axis=1)
    named = weighed(probabilities, priors, rule_of(priors)).argmax(axis=1)
    table, likeliest = (metrics.confusion(weights, labels, given, n_classes) for given in (named, guesses))
    if np.isnan(probabilities).any():
        table, likeliest = np.full_like(table, np.nan), np.full_like(likeliest, np.nan)
    support = np.bincount(labels, minlength=n_classes)
    present = support > 0
    recalls, scores = metrics.recalls(table), metrics.f1_scores(table)
    precisions, specificities = metrics.precisions(table), metrics.specificities(table)
    ranked = [Ranked.of(weights, labels == index, probabilities[:, index], corners=True) for index in range(n_classes)]
    areas = np.stack([one.auc() for one in ranked], axis=1)
    truth = np.eye(n_classes)[labels]
    own = np.clip((probabilities * truth).sum(axis=1), 1e-12, 1)
    found = {
        "balanced_accuracy": metrics.mean_over(recalls, present),
        "balanced_accuracy_likeliest": metrics.mean_over(metrics.recalls(likeliest), present),
        "macro_auc": metrics.mean_over(areas, present),
        "macro_f1": metrics.mean_over(scores, present),
        "weighted_f1": metrics.mean_by_support(scores, table),
        "brier": metrics.mean_of(weights, ((probabilities - truth) ** 2).sum(axis=1)),
        "log_loss": metrics.mean_of(weights, -np.log(own)),
        "ece": expected_calibration_error(weights, guesses == labels, probabilities.max(axis=1, initial=0)),
    }
    for index, name in enumerate(classes):
        found[f"auc_{name}"] = areas[:, index]
        found[f"average_precision_{name}"] = ranked[index].average_precision()
        found[f"sensitivity_{name}"] = recalls[:, index]
        found[f"specificity_{name}"] = specificities[:, index]
        found[f"precision_{name}"] = precisions[:, index]
        found[f"f1_{name}"] = scores[:, index]
    found["accuracy"] = metrics.accuracy(likeliest)
    found["accuracy_floor"] = metrics.mean_of(weights, (labels == support.argmax()).astype(float))
    return found


def _ranked(prefix: str, ranked: Ranked) -> Found:
    found = {
        f"{prefix}_auc": ranked.auc(),
        f"{prefix}_pauc_above_80_sensitivity": ranked.partial_auc(0.8),
        f"{prefix}_average_precision": ranked.average_precision(),
    }
    for specificity in SPECIFICITIES:
        found[f"{prefix}_sensitivity_at_{specificity}_specificity"] = ranked.sensitivity_at(specificity / 100)
    for sensitivity in SENSITIVITIES:
        found[f"{prefix}_specificity_at_{sensitivity}_sensitivity"] = ranked.specificity_at(sensitivity / 100)
    return found


def _of_decision(weights: np.ndarray, positive: np.ndarray, referred: np.ndarray | None) -> Found:
    if referred is None:
        return {f"malignancy_{name}": np.full(len(weights), np.nan) for name in OF_DECISION}
    right = (referred == positive).astype(float)
    values = (
        metrics.mean_of(of_images(weights, positive), right[positive]),
        metrics.mean_of(of_images(weights, ~positive), right[~positive]),
        metrics.mean_of(of_images(weights, referred), right[referred]),
        metrics.mean_of(of_images(weights, ~referred), right[~referred]),
        metrics.number_needed_to_refer(weights, positive, referred),
        metrics.mean_of(weights, referred.astype(float)),
    )
    return {f"malignancy_{name}": value for name, value in zip(OF_DECISION, values, strict=True)}
