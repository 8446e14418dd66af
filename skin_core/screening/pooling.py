"""How an ensemble makes one answer of its members': the mean of calibrated logits, or the mean of ranks. NumPy only.

With z_i the logits of member i for one picture and C classes, T_i its temperature and b_i its bias (its own calibration,
``screening.record.Calibration``), y_i = z_i / T_i + b_i:

- "mean": y = mean_i y_i, whose softmax is the geometric mean of the members' calibrated probabilities, scaled to sum to 1:
  the logarithmic opinion pool (Genest and Zidek 1986, doi:10.1214/ss/1177013825) with equal weights. Not the mean of
  probabilities, because calibration makes logits comparable, a mean of logits is linear, so that the ensemble's Grad-CAM
  is the sum of its members' maps exactly, and because what a mean of probabilities loses in sharpness (Ranjan and
  Gneiting 2010, doi:10.1111/j.1467-9868.2009.00726.x) would have to be given back by calibrating once more.
- "rank": s_ic = log(p_ic / (1 - p_ic)) with p_i = softmax(y_i), and F_ic the distribution function of s_ic in
  validation: r_c = mean_i F_ic(s_ic) is the mean rank. A rank knows no prevalence, so it is read back as a log odds by
  the mean of the members' quantile functions, q_c(r_c) with q_c = mean_i inverse of F_ic (quantile averaging, Vincent
  1912; as in quantile normalisation, Bolstad et al. 2003, doi:10.1093/bioinformatics/19.2.185). The classes' odds
  become logits by y_c = log sigmoid(q_c(r_c)), and the softmax makes them sum to 1. Within a class the order is that of
  the mean rank; of a single member y are its own log probabilities.

F and its inverse are linear between quantiles (definition 7 of Hyndman and Fan 1996), at most `KNOTS` of them. Beyond what
validation showed they go on for one range of the scores at either end, from rank 0 to -1 and from 1 to 2, so that a
picture that is surer than any in validation still differs from the surest.

Whatever comes out is calibrated once more on validation like the logits of any engine.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.errors import BundleError

How = Literal["mean", "rank"]
HOWS: dict[str, str] = {
    "mean": "the mean of the members' calibrated logits",
    "rank": "the mean of the members' ranks among validation pictures",
}
KNOTS = 129
# Of the range of a member's scores: quantiles that are equal are moved apart by this much, since F must rise.
_APART = 1e-5


@dataclass(frozen=True)
class Pool:
    """The formula with its numbers, for m members and C classes.

    Attributes:
        how: one of `HOWS`.
        temperatures: float64 (m,), T_i.
        biases: float64 (m, C), b_i.
        knots: float64 (m, C, K), scores at which F_ic has the values ``levels``, rising; (m, C, 0) for "mean".
        levels: float64 (K,), ranks, rising from -1 to 2.
    """

    how: str
    temperatures: np.ndarray
    biases: np.ndarray
    knots: np.ndarray
    levels: np.ndarray

    @classmethod
    def fit(cls, how: str, logits: np.ndarray, temperatures: np.ndarray, biases: np.ndarray) -> Pool:
        """A pool, its ranks learnt from validation.

        Args:
            how: one of `HOWS`.
            logits: float (m, N, C), the members' own on N pictures of validation; N ≥ 2.
            temperatures: (m,). biases: (m, C).

        Raises:
            BundleError: for another ``how``.
        """
        if how not in HOWS:
            raise BundleError(f"Members are pooled by {' or '.join(HOWS)}; got '{how}'.")
        temperatures, biases = np.asarray(temperatures, float), np.asarray(biases, float)
        plain = cls(how, temperatures, biases, np.zeros((*biases.shape, 0)), np.zeros(0))
        if how == "mean":
            return plain
        inner = np.linspace(0, 1, min(KNOTS, logits.shape[1]))
        quantiles = np.moveaxis(np.quantile(_log_odds(plain.calibrated(logits)), inner, axis=1), 0, -1)
        span = np.maximum(quantiles[..., -1:] - quantiles[..., :1], _APART)
        steps = np.maximum(np.diff(quantiles, axis=-1), _APART * span)
        rising = np.concatenate([quantiles[..., :1], quantiles[..., :1] + np.cumsum(steps, axis=-1)], axis=-1)
        knots = np.concatenate([rising[..., :1] - span, rising, rising[..., -1:] + span], axis=-1)
        return cls(how, temperatures, biases, knots, np.concatenate([[-1.0], inner, [2.0]]))

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """The ensemble's logits, float64 (N, C), from its members' (m, N, C)."""
        scaled = self.calibrated(logits)
        if self.how == "mean":
            return scaled.mean(axis=0)
        odds = _log_odds(scaled)
        members, _, classes = odds.shape
        pooled = np.empty(odds.shape[1:])
        for column in range(classes):
            ranks = [np.interp(odds[i, :, column], self.knots[i, column], self.levels) for i in range(members)]
            pooled[:, column] = np.interp(np.mean(ranks, axis=0), self.levels, self.read_back[column])
        return -np.logaddexp(0, -pooled)

    def calibrated(self, logits: np.ndarray) -> np.ndarray:
        """y, float64 (m, N, C), from the members' logits (m, N, C)."""
        return np.asarray(logits, float) / self.temperatures[:, None, None] + self.biases[:, None, :]

    @property
    def read_back(self) -> np.ndarray:
        """float64 (C, K), the log odds of each of ``levels``."""
        return self.knots.mean(axis=0)

    @property
    def map_weights(self) -> np.ndarray:
        """What each member's Grad-CAM map of each class counts in the ensemble's, float64 (m, C).

        The derivative of y_c by z_ic. F's own derivative jumps from knot to knot, so for "rank" the mean slope between
        the quartiles stands for it, in units of the mean quantile function's.
        """
        weights = np.repeat(1 / (len(self.temperatures) * self.temperatures)[:, None], self.biases.shape[1], axis=1)
        if self.how == "mean":
            return weights
        quartiles = np.stack(
            [[np.interp((0.25, 0.75), self.levels, knots) for knots in of_class] for of_class in self.knots]
        )
        spread = quartiles[..., 1] - quartiles[..., 0]
        return weights * spread.mean(axis=0) / spread

    def to_bytes(self) -> bytes:
        """As the bytes of an ``.npz``."""
        raw = io.BytesIO()
        np.savez(raw, **vars(self))
        return raw.getvalue()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Pool:
        """Reads what `to_bytes` wrote."""
        values = read_arrays(raw)
        return cls(**{**values, "how": str(values["how"])})


def _log_odds(scaled: np.ndarray) -> np.ndarray:
    """log(p_c / (1 - p_c)) of softmax, (m, N, C), without ever making p: that would be 1 for a sure network."""
    classes = scaled.shape[-1]
    others = np.where(np.eye(classes, dtype=bool), -np.inf, scaled[..., None, :])
    return scaled - np.logaddexp.reduce(others, axis=-1)
