"""Curves, histograms and cells of the confusion matrix of an evaluated run, from the predictions that were kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_core.errors import RunError
from skin_core.evaluation import curves
from skin_core.evaluation.class_rule import CLASS_RULES, RULE_WORDS, ClassRule
from skin_core.evaluation.curves import Curve, Decision, Reliability
from skin_core.evaluation.ranking import auc
from skin_core.evaluation.scored import UNKNOWN, Scored
from skin_core.services.kept import Split, manifest_of, predictions_of

__all__ = [
    "RULE_WORDS",
    "Cases",
    "ClassRule",
    "Curve",
    "Curves",
    "Decision",
    "Endpoint",
    "Reliability",
    "cases_of",
    "curves_of",
    "endpoints",
]

RISK, MELANOMA = "risk", "melanoma"
# A band needs fewer draws than a p-value, and a page does not wait for more.
BAND_RESAMPLES = 500
REFERRED, LEFT = "referred", "not referred"


@dataclass(frozen=True)
class Endpoint:
    """A question with yes or no as its answer.

    Attributes:
        key: "risk", "melanoma", or "class:NAME".
        title: the question's positive answer, for people.
        n, n_positive: images that are known, and those that are positive.
    """

    key: str
    title: str
    n: int
    n_positive: int


@dataclass(frozen=True)
class Curves:
    """All curves of one endpoint on one split.

    Attributes:
        endpoint, split: of what.
        n_groups, group_word: what the bands drew.
        roc, precision_recall, reliability: see `evaluation.curves`.
        decision: net benefit, for the risk and for melanoma; None for other classes.
        edges: float (B + 1,); positives, negatives: int (B,), the scores' histogram by outcome.
        auc: plain figure; its interval stands in the run's figures.
        threshold: of the decision; None where the endpoint is not what it decides on.
    """

    endpoint: Endpoint
    split: Split
    n_groups: int
    group_word: str
    roc: Curve
    precision_recall: Curve
    reliability: Reliability
    decision: Decision | None
    edges: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    auc: float
    threshold: float | None


@dataclass(frozen=True)
class Cases:
    """Images by truth and prediction.

    Attributes:
        root: folder of the data set; table's locations are below it.
        rule: by which the predicted class is named; see `evaluation.class_rule`.
        rules: those that can be asked for, the figures' own first.
        classes: rows and columns of ``counts``.
        counts: int (C, C), true class by row.
        decisions: images by outcome ("benign", "positive") and decision ("referred", "not referred"); empty without.
        table: one row an image: image_id, location, true, predicted, confidence (of the predicted class, as the rule
            weighs it), own (of the true class), risk, positive (of the endpoint; NA where not known), referred.
    """

    root: str
    rule: ClassRule
    rules: tuple[ClassRule, ...]
    classes: tuple[str, ...]
    counts: np.ndarray
    decisions: pd.DataFrame
    table: pd.DataFrame

    def cell(self, true: str, predicted: str) -> pd.DataFrame:
        """The images of one cell, the most confident prediction first."""
        found = self.table[(self.table["true"] == true) & (self.table["predicted"] == predicted)]
        return found.sort_values("confidence", ascending=False, kind="stable", ignore_index=True)

    def decided(self, *, positive: bool, referred: bool) -> pd.DataFrame:
        """The images of one outcome and decision, the most confidently wrong (or right) first."""
        known = self.table[self.table["positive"].notna()]
        found = known[(known["positive"].astype(bool) == positive) & (known["referred"] == referred)]
        return found.sort_values("risk", ascending=not referred, kind="stable", ignore_index=True)


def endpoints(run_id: str, split: Split) -> tuple[Endpoint, ...]:
    """What can be asked of a run: malignancy and melanoma first, then each class.

    Raises:
        RunError: if it was not judged on that split.
    """
    _, truth = predictions_of(run_id, split)
    found = []
    for key, title in _questions(truth):
        positive, _, _ = _scores(truth, key)
        found.append(Endpoint(key, title, len(positive), int(positive.sum())))
    return tuple(found)


def curves_of(run_id: str, split: Split, key: str = RISK, *, resamples: int = BAND_RESAMPLES, seed: int = 0) -> Curves:
    """The curves of one endpoint, with bands by drawing lesions or patients anew.

    Raises:
        RunError: if the run was not judged on that split, or knows no such endpoint.
    """
    _, truth = predictions_of(run_id, split)
    titles = dict(_questions(truth))
    if key not in titles:
        raise RunError(f"Run {run_id} has no endpoint '{key}'; it has {', '.join(titles)}.")
    return curves_of_scored(truth, split, key, titles[key], resamples=resamples, seed=seed)


def curves_of_scored(
    truth: Scored, split: Split, key: str, title: str, *, resamples: int = BAND_RESAMPLES, seed: int = 0
) -> Curves:
    """As `curves_of`, of predictions in memory."""
    positive, score, groups = _scores(truth, key)
    how = {"resamples": resamples, "seed": seed}
    edges, positives, negatives = curves.score_histogram(positive, score)
    return Curves(
        endpoint=Endpoint(key, title, len(positive), int(positive.sum())),
        split=split,
        n_groups=len(np.unique(groups.astype(str))),
        group_word=truth.group_word,
        roc=curves.roc_curve(positive, score, groups, **how),
        precision_recall=curves.precision_recall_curve(positive, score, groups, **how),
        reliability=curves.reliability_diagram(positive, score, groups, **how),
        decision=curves.decision_curve(positive, score, groups, **how) if key in (RISK, MELANOMA) else None,
        edges=edges,
        positives=positives,
        negatives=negatives,
        auc=float(auc(np.ones((1, len(positive))), positive, score)[0]),
        threshold=truth.threshold if key == RISK else None,
    )


def cases_of(run_id: str, split: Split, rule: ClassRule | None = None) -> Cases:
    """Every image with its truth and what was said of it; reads no picture.

    Args:
        run_id, split: as `judged.judged` takes them.
        rule: by which the predicted class is named; the figures' own by default.

    Raises:
        RunError: if the run was not judged on that split.
    """
    ids, truth = predictions_of(run_id, split)
    manifest = manifest_of(run_id, split)
    rule = rule or truth.class_rule
    weighed = truth.weighed(rule)
    locations = manifest.frame.set_index("image_id")["location"]
    names = np.array([*truth.classes, None], dtype=object)
    guesses = weighed.argmax(axis=1)
    rows = np.arange(len(ids))
    own = np.where(truth.labels == UNKNOWN, np.nan, weighed[rows, truth.labels])
    table = pd.DataFrame(
        {
            "image_id": ids.astype(str),
            "location": locations.loc[ids.tolist()].to_numpy(dtype=object),
            "true": names[truth.labels],
            "predicted": names[guesses],
            "confidence": weighed[rows, guesses],
            "own": own,
            "risk": np.nan if truth.risk is None else truth.risk,
            "positive": pd.array([None if level == UNKNOWN else level > 0 for level in truth.levels], dtype="boolean"),
            "referred": False if truth.referred is None else truth.referred,
        }
    )
    rules = (truth.class_rule,) if truth.priors is None else CLASS_RULES
    return Cases(
        root=str(manifest.root),
        rule=rule,
        rules=rules,
        classes=truth.classes,
        counts=truth.confusion(rule),
        decisions=_decisions(truth),
        table=table,
    )


def _decisions(truth: Scored) -> pd.DataFrame:
    if truth.referred is None:
        return pd.DataFrame()
    known = truth.levels != UNKNOWN
    positive, referred = truth.levels[known] > 0, truth.referred[known]
    counts = [
        [int(((positive == is_one) & (referred == sent)).sum()) for sent in (True, False)] for is_one in (True, False)
    ]
    return pd.DataFrame(counts, index=["malignant or premalignant", "benign"], columns=[REFERRED, LEFT])


def _questions(truth: Scored) -> list[tuple[str, str]]:
    found = []
    known = truth.levels[truth.levels != UNKNOWN] > 0
    if truth.risk is not None and known.any() and not known.all():
        found.append((RISK, "Malignant or premalignant"))
    melanoma = truth.melanoma[truth.melanoma != UNKNOWN]
    if truth.melanoma_column is not None and melanoma.any() and not melanoma.all():
        found.append((MELANOMA, "Melanoma"))
    for index, name in enumerate(truth.classes):
        own = truth.labels[truth.labels != UNKNOWN] == index
        if index != truth.melanoma_column and own.any() and not own.all():
            found.append((f"class:{name}", name))
    return found


def _scores(truth: Scored, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome bool (N,), score float (N,) and group (N,) of the images of which the answer is known."""
    if key == RISK:
        known = truth.levels != UNKNOWN
        return truth.levels[known] > 0, truth.risk[known], truth.groups[known]
    if key == MELANOMA:
        known = truth.melanoma != UNKNOWN
        return truth.melanoma[known] == 1, truth.probabilities[known, truth.melanoma_column], truth.groups[known]
    known, index = truth.labels != UNKNOWN, truth.classes.index(key.partition(":")[2])
    return truth.labels[known] == index, truth.probabilities[known, index], truth.groups[known]
