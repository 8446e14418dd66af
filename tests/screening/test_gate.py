"""The gate's arithmetic: what it calls leading components are those of a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from skin_core.screening.gate import COMPONENTS, Gate


def fitted(features: np.ndarray) -> Gate:
    images = np.random.default_rng(9).integers(0, 256, (len(features), 32, 32, 3), dtype=np.uint8)
    return Gate.fit(features, images, features, images)


def drawn(n: int, width: int) -> np.ndarray:
    """Features that hang together, each component with another variance."""
    generator = np.random.default_rng(n + width)
    spread = 1 / np.arange(1, min(n, width) + 1)
    return ((generator.normal(size=(n, len(spread))) * spread) @ generator.normal(size=(len(spread), width))).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("n", "width", "dead", "kept"),
    [
        (300, 40, 0, 40),  # more pictures than features
        (60, 200, 0, 12),  # fewer: a fifth as many components as pictures
        (260, 300, 0, COMPONENTS),
        (300, 40, 15, 40),  # features that training never woke: more components asked for than there are
        (260, 300, 270, COMPONENTS),
    ],
)
def test_components_are_those_of_a_singular_value_decomposition(n: int, width: int, dead: int, kept: int) -> None:
    features = drawn(n, width)
    features[:, width - dead :] = 0
    gate = fitted(features)
    standard = (features.astype(np.float64) - features.astype(np.float64).mean(axis=0)) / gate.scale
    _, singular, rows = np.linalg.svd(standard, full_matrices=False)
    deviation = singular[:kept] / np.sqrt(n)
    assert gate.components.shape == (kept, width)
    np.testing.assert_allclose(gate.deviation, np.maximum(deviation, 1e-3), rtol=1e-4)
    components = gate.components.astype(np.float64)
    np.testing.assert_allclose(components @ components.T, np.eye(kept), atol=2e-3)  # kept in half precision
    # The same lines, whichever way they point; where nothing varies any direction is as good.
    real = int((deviation > 1e-3).sum())
    assert real == min(kept, width - dead)
    np.testing.assert_allclose(np.abs((components[:real] * rows[:real]).sum(axis=1)), 1, atol=1e-3)


def test_features_that_never_vary_make_no_gate_of_nothing() -> None:
    gate = fitted(np.full((40, 6), 3.0, np.float32))
    assert np.isfinite(gate.components).all() and (gate.deviation == np.float32(1e-3)).all()
    np.testing.assert_allclose(gate.components.astype(float) @ gate.components.astype(float).T, np.eye(6), atol=1e-6)
