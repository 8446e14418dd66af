"""What is fitted to an engine's own outputs on validation: calibration of the classes and the risk, operating points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skin_core.evaluation.bootstrap import Groups
from skin_core.evaluation.calibration import calibrated, expected_bias, fit_calibration
from skin_core.evaluation.class_rule import weighing_shares
from skin_core.evaluation.operating_point import PROPOSED, fit_point
from skin_core.evaluation.risk import fit_risk
from skin_core.evaluation.scored import Scored
from skin_core.screening.record import BundleInfo, Calibration, Evaluation, Figure, OperatingPoint
from skin_core.screening.risk import risk_of, risk_score
from skin_core.screening.truth import scored, training_shares

if TYPE_CHECKING:
    import pandas as pd


def fitted(
    info: BundleInfo,
    frame: pd.DataFrame,
    labels: np.ndarray,
    groups: np.ndarray,
    logits: np.ndarray,
    *,
    seed: int,
    word: str,
    equal_shares: bool = False,
) -> BundleInfo:
    """The record with calibration, operating points and validation figures.

    Validation is never resampled or weighted, so what is fitted there undoes what training did to the priors.

    Args:
        info: the record without them.
        frame: manifest rows of validation (N), with ``label`` and ``risk_level``.
        labels: int (N,), column of each label.
        groups: (N,), lesion or patient. word: what a group is.
        logits: float32 (N, C) of the engine.
        seed: of folds and resamples.
        equal_shares: whether training balanced the classes; see `calibration.expected_bias`.
    """
    info = with_calibration(info, frame, labels, groups, logits, seed=seed, equal_shares=equal_shares)
    if info.has_risk:
        info = _with_points(info, frame, logits)
    truth = scored(info, frame, groups, logits, group_word=word)
    validation = as_evaluation("validation", truth, Groups(groups, word).sentence(), seed=seed)
    return info.model_copy(update={"validation": validation})


def with_calibration(
    info: BundleInfo,
    frame: pd.DataFrame,
    labels: np.ndarray,
    groups: np.ndarray,
    logits: np.ndarray,
    *,
    seed: int,
    equal_shares: bool,
) -> BundleInfo:
    """The record with the calibration of its classes and, where it has a risk, of that. Args: as `fitted`."""
    expected = expected_bias(training_shares(info), equal_shares=equal_shares)
    temperature, bias = fit_calibration(logits, labels, expected)
    shares = weighing_shares(calibrated(logits, temperature, bias)) if len(logits) else ()
    calibration = Calibration(temperature=temperature, bias=bias, shares=tuple(float(share) for share in shares))
    info = info.model_copy(update={"calibration": calibration})
    if not info.has_risk:
        return info
    known, positive = _endpoint(frame)
    score = risk_score(info, logits[known], "classes")
    return info.model_copy(update={"risk_calibration": fit_risk(score, positive, groups[known], seed=seed)})


def as_evaluation(split: str, truth: Scored, intervals: str, *, seed: int) -> Evaluation:
    """Figures of a split for ``bundle.json``: NaN becomes null."""
    figures = {
        name: Figure(**{part: None if np.isnan(value) else value for part, value in entry.items()})
        for name, entry in truth.metrics(seed=seed).items()
    }
    n = len(truth.labels)
    return Evaluation(split=split, n=n, metrics=figures, intervals=intervals, class_rule=truth.class_rule)


def _with_points(info: BundleInfo, frame: pd.DataFrame, logits: np.ndarray) -> BundleInfo:
    known, positive = _endpoint(frame)
    risk = risk_of(info, logits[known])
    points = [fit_point(risk, positive, rule) for rule in PROPOSED]
    first, *further = [None if point is None else OperatingPoint(**vars(point)) for point in points]
    found = tuple(point for point in further if point is not None)
    return info.model_copy(update={"operating_point": first, "further_points": found})


def _endpoint(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have a risk level, bool (N,), and which of those are malignant or premalignant, bool (M,)."""
    known = frame["risk_level"].notna().to_numpy(dtype=bool)
    return known, (frame["risk_level"] != "benign").fillna(False).to_numpy(dtype=bool)[known]
