"""The risk as a quantity of its own: one score an image, one curve from score to probability, fitted on validation.

A sum of calibrated class probabilities is not calibrated itself. The score is the log odds of the endpoint's classes, by
the logits that the classes' calibration gives: class weights, resampling and adjusted logits raise rare classes on both
sides of the endpoint, each by its own amount, so that the order of the pictures itself is another one before the shift
is undone (on HAM10000's validation, an AUC of 0.898 for 0.921). Since validation is never resampled, a curve that is
fitted there has the natural prevalence of the set. Applying a curve needs NumPy only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

METHODS = ("logistic", "temperature", "isotonic")
SCORES = ("classes", "network")
FOLDS = 5
_LEAST_SLOPE = 1e-3


@dataclass(frozen=True)
class RiskCalibration:
    """From a score s to a risk.

    "logistic" (Platt 1999) is ``sigmoid(slope · s + intercept)``; "temperature" (Guo et al. 2017, arXiv:1706.04599)
    the same with intercept 0; "isotonic" (Zadrozny and Elkan 2002, doi:10.1145/775047.775151) goes straight from one
    of ``risks`` at ``scores`` to the next; "none" leaves the score as the network's own log odds.

    Attributes:
        method: as above.
        slope, intercept: of the first two.
        scores, risks: knots of "isotonic", scores rising, risks not falling.
        prevalence: share of positives where it was fitted, which is the prevalence that the risk is for; None if
            nothing could be fitted.
        n, n_positive: images it was fitted on.
        log_loss: method → cross-validated log loss, by which it was chosen; empty if there were too few groups.
        of: what the score is made of: the "classes" as they are calibrated, or, in older bundles, the "network" alone.
    """

    method: str = "none"
    slope: float = 1.0
    intercept: float = 0.0
    scores: tuple[float, ...] = ()
    risks: tuple[float, ...] = ()
    prevalence: float | None = None
    n: int = 0
    n_positive: int = 0
    log_loss: dict[str, float] = field(default_factory=dict)
    of: str = "network"

    def __post_init__(self) -> None:
        if self.method not in (*METHODS, "none"):
            raise ValueError(f"the risk's calibration must be one of {', '.join(METHODS)}; got '{self.method}'")
        if self.of not in SCORES:
            raise ValueError(f"the risk's score must be of {' or '.join(SCORES)}; got '{self.of}'")
        if not (np.isfinite([self.slope, self.intercept]).all() and self.slope > 0):
            raise ValueError("the risk's calibration has a slope that does not rise")
        if self.prevalence is not None and not 0 < self.prevalence < 1:
            raise ValueError("the risk's prevalence is not between 0 and 1")
        if self.method == "isotonic":
            scores, risks = np.array(self.scores, float), np.array(self.risks, float)
            rising = len(scores) > 0 and len(scores) == len(risks) and (np.diff(scores) > 0).all()
            if not (rising and (np.diff(risks) >= 0).all() and np.isfinite(scores).all() and _are_risks(risks)):
                raise ValueError("the risk's calibration has knots that do not rise")

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Risks, float64 (N,), of scores (N,); NaN where the score is NaN."""
        score = np.asarray(score, dtype=np.float64)
        if self.method == "isotonic":
            return np.interp(score, self.scores, self.risks)
        return _sigmoid(self.slope * score + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RiskCalibration:
        """Reads what `to_dict` gave, from JSON too.

        Raises:
            ValueError, TypeError: if the values are none of a calibration.
        """
        return cls(**{**values, "scores": tuple(values["scores"]), "risks": tuple(values["risks"])})


def endpoint_score(logits: np.ndarray, endpoint: list[int]) -> np.ndarray:
    """Log odds of the endpoint's classes together, float64 (N,).

    Args:
        logits: float (N, C), of the network or calibrated; a sigmoid head's as (0, z), whose score is z.
        endpoint: columns of the classes that count as positive; some, not all.
    """
    values = np.asarray(logits, dtype=np.float64)
    inside = np.isin(np.arange(values.shape[1]), endpoint)
    return np.logaddexp.reduce(values[:, inside], axis=1) - np.logaddexp.reduce(values[:, ~inside], axis=1)


def fit_risk(score: np.ndarray, positive: np.ndarray, groups: np.ndarray, *, seed: int = 0) -> RiskCalibration:
    """Chooses a method by cross-validated log loss and fits it to all images of validation.

    Args:
        score: float (N,), see `endpoint_score`. positive: bool (N,). groups: (N,), lesion or patient: each is in one
            fold as a whole.
        seed: of the folds.

    Returns:
        A calibration with method "none" where there is only one outcome; "logistic" where fewer than `FOLDS` groups
        hold an outcome, so that no choice can be judged.
    """
    n, n_positive = len(score), int(positive.sum())
    if n_positive in (0, n):
        return RiskCalibration(n=n, n_positive=n_positive, of="classes")
    losses = _cross_validated(score, positive, groups, seed)
    method = min(losses, key=losses.__getitem__) if losses else "logistic"
    facts = {"prevalence": n_positive / n, "n": n, "n_positive": n_positive, "log_loss": losses, "of": "classes"}
    return RiskCalibration(method=method, **_FITS[method](score, positive), **facts)


def _cross_validated(score: np.ndarray, positive: np.ndarray, groups: np.ndarray, seed: int) -> dict[str, float]:
    from skin_core.data.folds import grouped_folds

    if min(len(set(groups[positive])), len(set(groups[~positive]))) < FOLDS:
        return {}
    fold = grouped_folds(groups, positive, folds=FOLDS, seed=seed)
    losses = {}
    for method in METHODS:
        risk = np.empty(len(score))
        for number in range(FOLDS):
            held = fold == number
            risk[held] = RiskCalibration(method, **_FITS[method](score[~held], positive[~held]))(score[held])
        own = np.clip(np.where(positive, risk, 1 - risk), 1e-12, 1)
        losses[method] = float(-np.log(own).mean())
    return losses


def _logistic(score: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    from scipy.optimize import minimize

    target = _platt_targets(positive)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logit = parameters[0] * score + parameters[1]
        error = _sigmoid(logit) - target
        return float((np.logaddexp(0, logit) - target * logit).mean()), np.array([(error * score).mean(), error.mean()])

    # A slope below 0 would turn the ranking round; a model that bad gets risks that hardly differ.
    bounds = [(_LEAST_SLOPE, 1e3), (-50.0, 50.0)]
    start = [1.0, float(np.log(positive.sum() / (~positive).sum()))]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-8})
    return {"slope": float(found.x[0]), "intercept": float(found.x[1])}


def _platt_targets(positive: np.ndarray) -> np.ndarray:
    """As if one more image of each kind had been seen, so that risks of separated outcomes stay off 0 and 1."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    return np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))


def _temperature(score: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    from scipy.optimize import minimize_scalar

    target = _platt_targets(positive)

    def loss(steepness: float) -> float:
        logit = np.exp(steepness) * score
        return float((np.logaddexp(0, logit) - target * logit).mean())

    found = minimize_scalar(
        loss,
        bounds=(float(np.log(_LEAST_SLOPE)), 4.0),
        method="bounded",
    )
    return {"slope": float(np.exp(found.x))}


def _isotonic(score: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    from sklearn.isotonic import IsotonicRegression

    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    # A step of negatives alone does not prove a risk of 0.
    edges = {"y_min": 1 / (n_negative + 2), "y_max": (n_positive + 1) / (n_positive + 2)}
    model = IsotonicRegression(**edges, out_of_bounds="clip").fit(score, positive.astype(float))
    scores, risks = model.X_thresholds_.tolist(), model.y_thresholds_.tolist()
    return {"scores": tuple(scores), "risks": tuple(risks)}


_FITS = {"logistic": _logistic, "temperature": _temperature, "isotonic": _isotonic}


def _are_risks(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(values / 2))
