"""Cross-entropy with adjusted logits, in pure Keras."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np


class LogitAdjustedCrossentropy(keras.losses.Loss):
    """Cross-entropy of softmax(logits + log priors), from probabilities.

    Menon et al. 2021 ("Long-tail learning via logit adjustment", arXiv:2007.07314), equation 10 with τ = 1: what the
    network itself gives then ranks classes as if they were equally frequent. Probabilities p are as good as logits, since
    softmax(logits + log π) = p · π / Σ p · π.

    Args:
        priors: C shares of the classes in training, above 0.
        label_smoothing: share of the target that is spread over all classes.
    """

    def __init__(self, priors: Sequence[float], *, label_smoothing: float = 0.0) -> None:
        super().__init__(name="logit_adjusted_crossentropy", reduction="sum_over_batch_size")
        self._log_priors = np.log(np.asarray(priors, np.float64)).astype(np.float32)
        self._smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Loss of each image, float32 (B,), for targets and probabilities of float32 (B, C)."""
        ops = keras.ops
        y_true = ops.cast(y_true, y_pred.dtype)
        if self._smoothing:
            y_true = (1 - self._smoothing) * y_true + self._smoothing / y_pred.shape[-1]
        adjusted = ops.log(ops.maximum(y_pred, keras.config.epsilon())) + self._log_priors
        return -ops.sum(y_true * (adjusted - ops.logsumexp(adjusted, axis=-1, keepdims=True)), axis=-1)
