"""The second opinion on a picture: Shapley values of its regions by the bundle's own engine and calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skin_core.errors import BundleError
from skin_core.explain.deeper import explain
from skin_core.imaging.decode import fit
from skin_core.services import screening, second_opinion
from skin_core.services.second_opinion import RISK


@pytest.fixture
def screened(bundle_folder: Path, lesions: list[bytes]):
    bundle = screening.load_bundle("small")
    found = (screening.screen_image(bundle, data) for data in lesions)
    return bundle, next(prediction for prediction in found if prediction.in_distribution)


def test_parts_add_up_to_the_risk_and_to_each_class(screened) -> None:
    bundle, prediction = screened
    progress = []
    found = second_opinion.second_opinion(bundle, prediction, progress=progress.append)
    assert found.targets == (RISK, "bkl", "mel", "nv")
    assert found.whole[0] == pytest.approx(prediction.malignancy, abs=1e-6)
    assert found.whole[1:] == pytest.approx(list(prediction.probabilities.values()), abs=1e-6)
    assert found.base + found.values.sum(axis=0) == pytest.approx(found.whole, abs=1e-9)
    # The classes' probabilities sum to 1 whatever is hidden, so what one gains the others lose.
    assert found.values[:, 1:].sum(axis=1) == pytest.approx(np.zeros(len(found.values)), abs=1e-6)
    assert progress and progress[-1].done == progress[-1].total
    again = second_opinion.second_opinion(bundle, prediction)
    assert np.array_equal(found.values, again.values)

    told = second_opinion.told(bundle.info, prediction, found, RISK)
    assert told.whole == found.whole[0] and told.base == found.base[0]
    assert told.raised >= 0 >= told.lowered
    assert told.raised + told.lowered + told.rest == pytest.approx(told.whole - told.base, abs=1e-9)
    for name, heat in zip(prediction.classes, prediction.maps, strict=True):
        agreement = second_opinion.told(bundle.info, prediction, found, name).agreement
        # Where nothing speaks for a class its Grad-CAM is flat, and there is no order to agree with.
        assert np.isnan(agreement) if heat.max() == 0 else -1 <= agreement <= 1
    sizes = [abs(part.value) for part in told.parts]
    assert sizes == sorted(sizes, reverse=True) and all(found.clear(RISK)[part.number] for part in told.parts)
    picture = second_opinion.signed_picture(prediction, found, RISK, 0.5)
    assert picture.dtype == np.uint8 and max(picture.shape) == 900

    by_method = explain(
        bundle, fit(prediction.pixels, bundle.info.image_size, bundle.info.crop), "shap", "mel", given={}
    )
    assert np.array_equal(by_method, found.map("mel"))
    assert second_opinion.seconds_needed(bundle) > 0


def test_a_refused_picture_gets_no_opinion(screened) -> None:
    import dataclasses

    bundle, prediction = screened
    with pytest.raises(BundleError, match="A refused picture has no explanation"):
        second_opinion.second_opinion(bundle, dataclasses.replace(prediction, in_distribution=False))
