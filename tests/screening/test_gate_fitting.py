"""A gate that knows the changes which training made: marked lesions pass, what is no lesion does not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from handmade_bundle import SIZE
from PIL import Image
from test_screen_image import strangers

from skin_core.augmentation import Augmentation
from skin_core.config import RunConfig
from skin_core.data.augment import epoch_draws, parameters
from skin_core.data.changes import changed
from skin_core.imaging.decode import fit
from skin_core.progress import ignore_progress
from skin_core.screening import export
from skin_core.screening.engine import Engine
from skin_core.screening.gate import Gate
from skin_core.screening.gate_fitting import fit_gate
from skin_core.screening.outputs import outputs_of

OFTEN = Augmentation(hair=0.5, marks=0.5, vignette=0.5, color=0.2)


@pytest.fixture(scope="module")
def engine(networks) -> Engine:
    return Engine(export.export(networks.pooled))


@pytest.fixture(scope="module")
def pixels(lesions) -> np.ndarray:
    decoded = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in lesions)
    return np.stack([fit(picture, SIZE, "crop") for picture in decoded])


def gate_of(engine: Engine, pixels: np.ndarray, augmentation: Augmentation) -> Gate:
    config = RunConfig(data="x", family="light_cnn", augmentation=augmentation)
    rows = {"train": np.arange(60), "validation": np.arange(60, 90)}
    on_validation = outputs_of(engine, pixels, rows["validation"], None)
    return fit_gate(engine, config, pixels, None, rows, on_validation, ignore_progress)


def refused(gate: Gate, engine: Engine, images: np.ndarray) -> float:
    return float((gate.score(outputs_of(engine, images, np.arange(len(images)), None).features, images) > 1).mean())


def test_what_training_made_of_its_pictures_is_let_through(engine, pixels):
    unseen = pixels[90:]
    draws = epoch_draws(len(unseen), seed=5, epoch=0)
    marked = changed(unseen, parameters(Augmentation(hair=1.0, marks=1.0, vignette=1.0), draws, SIZE))
    plain, taught = (gate_of(engine, pixels, strengths) for strengths in (Augmentation(), OFTEN))
    assert refused(taught, engine, marked) < refused(plain, engine, marked) / 2
    assert refused(taught, engine, unseen) <= 0.1
    # MixUp makes no picture that anybody takes: it changes nothing here.
    mixed = gate_of(engine, pixels, Augmentation(mixup=0.4, cutmix=1.0, erasing=0.5))
    np.testing.assert_allclose(refused(mixed, engine, unseen), refused(plain, engine, unseen), atol=0.1)


@pytest.mark.parametrize("name", strangers())
def test_what_is_no_lesion_is_still_refused(engine, pixels, name):
    assert refused(gate_of(engine, pixels, OFTEN), engine, fit(strangers()[name], SIZE, "crop")[np.newaxis]) == 1
