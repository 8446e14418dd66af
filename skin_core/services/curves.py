"""Curves of an evaluated run, from the predictions that its evaluation kept: the test split is not read again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skin_core.errors import RunError
from skin_core.evaluation.bootstrap import Groups, resamples_for
from skin_core.evaluation.curves import (
    Curve,
    Decision,
    Reliability,
    decision_curve,
    precision_recall_curve,
    reliability_diagram,
    roc_curve,
    score_histogram,
)
from skin_core.evaluation.scored import UNKNOWN
from skin_core.screening.predictions import load_predictions
from skin_core.training.folder import RunFolder


@dataclass(frozen=True)
class RiskCurves:
    """All curves of the risk, malignant or premalignant against benign.

    Attributes:
        roc, precision_recall, decision, reliability: see `evaluation.curves`.
        edges, positives, negatives: histogram of the risk.
        threshold: of the decision, or None.
        n, n_positive: images behind them.
        intervals: how the bands came about, a sentence.
    """

    roc: Curve
    precision_recall: Curve
    decision: Decision
    reliability: Reliability
    edges: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    threshold: float | None
    n: int
    n_positive: int
    intervals: str


def curves_of_run(run_id: str, *, resamples: int | None = None, seed: int = 0) -> RiskCurves:
    """The curves of a run on its locked test split.

    Raises:
        RunError: if there is no such run, it was not evaluated, or its classes know no malignancy.
    """
    _, scored = load_predictions(RunFolder.of(run_id).test_predictions)
    if scored.risk is None:
        raise RunError(f"The classes of run {run_id} know no malignancy, so it has no curve of the risk.")
    known = scored.levels != UNKNOWN
    positive, risk, groups = scored.levels[known] > 0, scored.risk[known], scored.groups[known]
    resamples = resamples_for(len(risk)) if resamples is None else resamples
    drawn = {"resamples": resamples, "seed": seed}
    edges, positives, negatives = score_histogram(positive, risk)
    return RiskCurves(
        roc=roc_curve(positive, risk, groups, **drawn),
        precision_recall=precision_recall_curve(positive, risk, groups, **drawn),
        decision=decision_curve(positive, risk, groups, **drawn),
        reliability=reliability_diagram(positive, risk, groups, **drawn),
        edges=edges,
        positives=positives,
        negatives=negatives,
        threshold=scored.threshold,
        n=len(risk),
        n_positive=int(positive.sum()),
        intervals=Groups(groups, scored.group_word).sentence(resamples),
    )
