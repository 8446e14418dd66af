"""Calibrated probabilities: temperature scaling with a bias for each class, fitted on validation.

Temperature scaling (Guo et al. 2017) corrects how sure a network is; the bias (bias-corrected temperature scaling,
Alexandari et al. 2020) corrects for which classes: class weights and resampling shift the priors, which adds a constant
to each logit, and the validation split has the natural prevalence of the data set.
"""

from __future__ import annotations

import numpy as np

# As if this many further images pulled each bias, and the logarithm of the temperature, towards what is expected of it: a
# class with a handful of validation images, or none, must not be pushed to minus infinity, and where validation makes no
# mistake, the temperature must not fall to 0.
_PRIOR_IMAGES = 2.0
_BOUNDS_LOG_TEMPERATURE = (-3.0, 3.0)


def expected_bias(shares: np.ndarray | None, *, equal_shares: bool) -> np.ndarray | None:
    """The bias that takes a network's logits to the natural shares of its classes, as far as training tells it.

    A network that learnt as if its classes were equally frequent (class weights, resampling, adjusted logits) says
    ``softmax(z)`` under equal shares; under the shares π it is ``softmax(z + log π)`` (Menon et al. 2021).

    Args:
        shares: float (C,), above 0, of the classes in training before any balancing; None where not known.
        equal_shares: whether training balanced the classes.

    Returns:
        float64 (C,), summing to 0; None for "no shift".
    """
    if shares is None or not equal_shares:
        return None
    logs = np.log(shares)
    return logs - logs.mean()


def fit_calibration(
    logits: np.ndarray, labels: np.ndarray, expected: np.ndarray | None = None
) -> tuple[float, tuple[float, ...]]:
    """Fits ``softmax(logits / temperature + bias)`` by maximum likelihood.

    Args:
        logits: float (N, C); a sigmoid head's as (0, z).
        labels: int (N,), class of each image.
        expected: float (C,), summing to 0: the bias of a class of which validation says nothing, see `expected_bias`;
            None for zeros.

    Returns:
        The temperature (> 0) and a bias for each class (summing to 0); (1, zeros) for an empty set or a single class.
    """
    from scipy.optimize import minimize

    n_classes = logits.shape[1]
    if len(labels) == 0 or len(np.unique(labels)) < 2:
        return 1.0, (0.0,) * n_classes
    logits = logits.astype(np.float64)
    truth = np.eye(n_classes)[labels]
    penalty = _PRIOR_IMAGES / len(labels)
    expected = np.zeros(n_classes) if expected is None else expected

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        steepness = np.exp(-parameters[0])
        bias = parameters[1:] - parameters[1:].mean()
        scaled = logits * steepness + bias
        scaled -= scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled).sum(axis=1))
        likelihood = (scaled * truth).sum(axis=1) - log_sum
        error = (np.exp(scaled - log_sum[:, np.newaxis]) - truth) / len(labels)
        by_bias = error.sum(axis=0) + penalty * (bias - expected)
        by_temperature = -(error * logits).sum() * steepness + penalty * parameters[0]
        away = ((bias - expected) ** 2).sum() + parameters[0] ** 2
        return float(-likelihood.mean() + penalty / 2 * away), np.r_[by_temperature, by_bias - by_bias.mean()]

    bounds = [_BOUNDS_LOG_TEMPERATURE, *[(-20.0, 20.0)] * n_classes]
    found = minimize(loss, np.r_[0.0, expected], jac=True, method="L-BFGS-B", bounds=bounds)
    bias = found.x[1:] - found.x[1:].mean()
    return float(np.exp(found.x[0])), tuple(float(value) for value in bias)


def calibrated_logits(logits: np.ndarray, temperature: float, bias: tuple[float, ...] = ()) -> np.ndarray:
    """``logits / temperature + bias``, float64 (N, C)."""
    scaled = np.asarray(logits).astype(np.float64) / temperature
    return scaled + np.asarray(bias) if bias else scaled


def calibrated(logits: np.ndarray, temperature: float, bias: tuple[float, ...] = ()) -> np.ndarray:
    """``softmax(logits / temperature + bias)``, float64 (N, C)."""
    scaled = calibrated_logits(logits, temperature, bias)
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    powers = np.exp(scaled)
    return powers / powers.sum(axis=1, keepdims=True)
