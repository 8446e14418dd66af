"""Each family under the backend that Keras runs on: it learns, and comes back from its file as it was."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from backend_cases import CASES, TRAINED, Case, keep

from skin_core.models.objective import objective_of
from skin_core.models.registry import family
from skin_core.models.split import split_at_frozen
from skin_core.training import network
from skin_core.training.features import Backbone
from skin_core.training.step import Step
from skin_core.training.steps import forward

pytestmark = [pytest.mark.timeout(1200)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_family_learns_and_is_saved_as_what_it_is(case: Case, tmp_path) -> None:
    if case.heavy and not TRAINED:
        pytest.skip("takes minutes: make test-backends")
    model = family(case.family).build(case.spec())
    inputs = case.inputs()
    trained, given = model, inputs
    if case.frozen:
        features, trained = split_at_frozen(model, family(case.family))
        given = {"features": Backbone(features).run(inputs), **inputs}
    # An untrained backbone passes next to nothing on; brought to size, it is enough to learn from in a dozen steps.
    shown = given if not case.frozen else {**given, "features": given["features"] / np.std(given["features"])}
    objective = objective_of(model, 3)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(trained.trainable_variables)
    step = Step(trained, objective.loss(), optimizer)
    targets, weights = objective.targets(np.arange(8) % 3), np.ones(8, np.float32)
    losses = [step.train(shown, targets, weights)[0] for _ in range(12)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])

    # So few steps leave moving statistics that are mostly what they were built with.
    step.recalibrate([given])
    outputs = step.predict(given)
    assert outputs.shape == (8, 3) and outputs.dtype == np.float32
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
    if case.frozen:
        network.take_layers(model, trained)
    network.save(model, tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(forward(again)(inputs), outputs, atol=1e-5)
    if TRAINED:
        keep(case, tmp_path / "model.keras", inputs, outputs)
    keras.backend.clear_session()
