"""A bundle at a clinic's own prevalence."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from skin_core.errors import BundleError, ConfigError
from skin_core.screening.record import OperatingPoint
from skin_core.services.clinic import at_clinic_prevalence


def _info(**changes: object) -> SimpleNamespace:
    point = OperatingPoint(threshold=0.25, sensitivity=0.9, specificity=0.8, n_positive=50, n_negative=50)
    return SimpleNamespace(**{"name": "x", "operating_point": point, "prevalence": 0.5, **changes})


def test_by_hand() -> None:
    found = at_clinic_prevalence(_info(), 0.1, 0.25)
    # Odds of 1 to 3, nine times rarer: 1 in 28. Of 1,000: 90 of 100 found, 180 of 900 referred needlessly.
    assert found.risk == found.threshold == pytest.approx(1 / 28)
    assert found.ppv == pytest.approx(90 / 270) and found.npv == pytest.approx(720 / 730)
    assert found.referred == pytest.approx(0.27) and found.number_needed_to_refer == pytest.approx(3)
    assert (found.prevalence, found.fitted) == (0.1, 0.5)
    assert at_clinic_prevalence(_info(), 0.5, 0.3).risk == pytest.approx(0.3)
    assert at_clinic_prevalence(_info(), 0.5).risk is None


def test_a_decision_stays_what_it_was() -> None:
    for risk in (0.0, 0.2499, 0.25, 0.9, 1.0):
        found = at_clinic_prevalence(_info(), 0.02, risk)
        assert (found.risk >= found.threshold) == (risk >= 0.25)


def test_another_of_the_bundles_points() -> None:
    other = OperatingPoint(threshold=1.0000001, sensitivity=0.0, specificity=1.0, n_positive=50, n_negative=50)
    found = at_clinic_prevalence(_info(), 0.1, 1.0, point=other)
    assert found.threshold > found.risk == 1.0 and found.npv == pytest.approx(0.9)


def test_what_cannot_be_worked_out_is_told() -> None:
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        at_clinic_prevalence(_info(), 0.0)
    for changes in ({"operating_point": None}, {"prevalence": None}):
        with pytest.raises(BundleError, match="no operating point"):
            at_clinic_prevalence(_info(**changes), 0.1)
