"""The gate: tells a picture that is unlike what the bundle was trained on, so that a cat gets no cancer risk.

Three distances, each in units of its own limit; the largest counts:

- Mahalanobis distance of the pooled features within the leading principal components of the training features,
- the residual outside those components (what no training picture has),
- Mahalanobis distance of plain statistics of the pixels (colour, texture, flatness): a network trained from scratch
  maps pictures that it never met onto familiar features, and its features alone would let them pass.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.errors import BundleError
from skin_core.screening.pixel_statistics import pixel_statistics

COMPONENTS = 48
# Limits are this quantile of the validation pictures' distances, times a margin that is wider where few pictures tell
# the tail. On HAM10000 (1,400 training, 300 validation pictures) 1.4 in 100 unseen lesions were refused.
QUANTILE = 0.99
MARGIN = 1.05
MARGIN_OF_FEW = 1.5
UNUSUAL_QUANTILE = 0.95


@dataclass(frozen=True)
class Gate:
    """Statistics of training features and pixels.

    Attributes:
        mean, scale: (D,) of the training features.
        components: (K, D), orthonormal rows.
        deviation: (K,), standard deviation along each.
        pixel_mean: (P,) of the pixel statistics.
        pixel_whitening: (P, P), maps a centred statistic to unit covariance.
        limits: (3,), of the three distances.
        unusual: score above which a picture that passes is told to be unusual.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    deviation: np.ndarray
    pixel_mean: np.ndarray
    pixel_whitening: np.ndarray
    limits: np.ndarray
    unusual: float

    @classmethod
    def fit(
        cls, features: np.ndarray, images: np.ndarray, validation_features: np.ndarray, validation_images: np.ndarray
    ) -> Gate:
        """Learns the training statistics, and the limits from validation.

        Args:
            features: float32 (N, D), pooled features of training pictures.
            images: uint8 (N, S, S, 3), the same pictures.
            validation_features, validation_images: of validation pictures; the limits come from them.
        """
        features = features.astype(np.float64)
        mean = features.mean(axis=0)
        # A feature that is (almost) silent in training would make any whisper elsewhere infinitely far.
        scale = features.std(axis=0)
        scale = np.maximum(scale, 0.05 * scale.mean() + 1e-6)
        standard = (features - mean) / scale
        kept = max(1, min(COMPONENTS, len(features) // 5, features.shape[1]))
        components, deviation = _leading(standard, kept)
        deviation = np.maximum(deviation, 1e-3)

        statistics = pixel_statistics(images)
        pixel_mean = statistics.mean(axis=0)
        covariance = np.cov(statistics, rowvar=False)
        # Shrinkage keeps directions that hardly vary in training from dominating.
        ridge = 0.02 * np.diag(np.diag(covariance)) + 1e-6 * np.eye(len(covariance))
        values, vectors = np.linalg.eigh(covariance + ridge)
        gate = cls(
            mean=mean.astype(np.float32),
            scale=scale.astype(np.float32),
            components=components.astype(np.float16),
            deviation=deviation.astype(np.float32),
            pixel_mean=pixel_mean.astype(np.float32),
            pixel_whitening=(vectors / np.sqrt(values)).astype(np.float32),
            limits=np.ones(3, np.float32),
            unusual=1.0,
        )
        distances = gate.distances(validation_features, validation_images)
        margin = MARGIN + MARGIN_OF_FEW / np.sqrt(len(distances))
        limits = margin * np.quantile(distances, QUANTILE, axis=0) + 1e-6
        unusual = float(np.quantile((distances / limits).max(axis=1), UNUSUAL_QUANTILE))
        return cls(**{**gate._arrays(), "limits": limits.astype(np.float32), "unusual": unusual})

    def distances(self, features: np.ndarray, images: np.ndarray) -> np.ndarray:
        """The three distances, float64 (N, 3), of features (N, D) and their pictures uint8 (N, S, S, 3)."""
        standard = (features.astype(np.float64) - self.mean) / self.scale
        components = self.components.astype(np.float64)
        along = standard @ components.T
        inside = np.sqrt(np.mean((along / self.deviation) ** 2, axis=1))
        outside = np.sqrt(np.mean((standard - along @ components) ** 2, axis=1))
        whitened = (pixel_statistics(images) - self.pixel_mean) @ self.pixel_whitening
        return np.stack([inside, outside, np.sqrt(np.mean(whitened**2, axis=1))], axis=1)

    def score(self, features: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Distance in units of the limit, float64 (N,); above 1 the picture is refused. NaN features are refused."""
        score = (self.distances(features, images) / self.limits).max(axis=1)
        return np.where(np.isnan(score), np.inf, score)

    def to_bytes(self) -> bytes:
        """As the bytes of an ``.npz``."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **self._arrays())
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Gate:
        """Reads what `to_bytes` wrote.

        Raises:
            BundleError: if it is something else.
        """
        try:
            values = read_arrays(raw)
            return cls(**{**values, "unusual": float(values["unusual"])})
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError("gate.npz is not a bundle's gate; publish the bundle again.") from error

    def _arrays(self) -> dict[str, np.ndarray | float]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def _leading(standard: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading principal components and the standard deviation along each, the largest first.

    They are the first rows of a singular value decomposition (but for the sign of each), which finds all of them: from
    the smaller of the two Gram matrices the few that are wanted come in a tenth of the time.

    Args:
        standard: float64 (N, D), centred.
        kept: K, at most min(N, D).

    Returns:
        float64 (K, D) with orthonormal rows, and float64 (K,).
    """
    from scipy.linalg import eigh

    n, width = standard.shape
    gram = standard @ standard.T if n < width else standard.T @ standard
    values, vectors = eigh(gram, subset_by_index=(len(gram) - kept, len(gram) - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    if n < width:
        # The columns of the product are orthogonal already, those of no variance are 0: this fills them up as well.
        vectors = np.linalg.qr(standard.T @ vectors)[0]
    return vectors.T, np.sqrt(np.maximum(values, 0.0) / n)
