"""What the page shows of an evaluation, kept between reruns until the evaluation changes."""

from __future__ import annotations

import streamlit as st

from skin_core.services import cross_validation, judged, judged_curves, referral
from skin_core.services.cross_validation import CrossValidated
from skin_core.services.judged import Judged, Split
from skin_core.services.judged_curves import Cases, ClassRule, Curves, Endpoint
from skin_core.services.referral import Referral

_KEPT = 12


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _judged(run_id: str, split: Split, stamp: tuple[int, ...]) -> Judged:
    return judged.judged(run_id, split)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _endpoints(run_id: str, split: Split, stamp: tuple[int, ...]) -> tuple[Endpoint, ...]:
    return judged_curves.endpoints(run_id, split)


@st.cache_resource(max_entries=2 * _KEPT, show_spinner="Drawing the bands …")
def _curves(run_id: str, split: Split, key: str, stamp: tuple[int, ...]) -> Curves:
    return judged_curves.curves_of(run_id, split, key)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _cases(run_id: str, split: Split, rule: ClassRule | None, stamp: tuple[int, ...]) -> Cases:
    return judged_curves.cases_of(run_id, split, rule)


@st.cache_resource(max_entries=4 * _KEPT, show_spinner=False)
def _referral(
    run_id: str, split: Split, threshold: float, prevalence: float, fitted: float | None, stamp: tuple[int, ...]
) -> Referral:
    return referral.referral_of_run(run_id, split, threshold, prevalence, fitted=fitted)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _cross_validated(run_id: str, stamp: tuple[int, ...]) -> CrossValidated:
    return cross_validation.cross_validated(run_id=run_id)


def cross_validated(run_id: str) -> CrossValidated:
    """See `services.cross_validation.cross_validated`."""
    return _cross_validated(run_id, judged.stamp(run_id))


def judged_run(run_id: str, split: Split) -> Judged:
    """See `services.judged.judged`."""
    return _judged(run_id, split, judged.stamp(run_id, split))


def endpoints(run_id: str, split: Split) -> tuple[Endpoint, ...]:
    """See `services.judged_curves.endpoints`."""
    return _endpoints(run_id, split, judged.stamp(run_id, split))


def curves(run_id: str, split: Split, key: str) -> Curves:
    """See `services.judged_curves.curves_of`."""
    return _curves(run_id, split, key, judged.stamp(run_id, split))


def cases(run_id: str, split: Split, rule: ClassRule | None = None) -> Cases:
    """See `services.judged_curves.cases_of`."""
    return _cases(run_id, split, rule, judged.stamp(run_id, split))


def referral_at(found: Judged, threshold: float, prevalence: float) -> Referral:
    """See `services.referral.referral_of_run`."""
    return _referral(
        found.run_id, found.split, threshold, prevalence, found.prevalence, judged.stamp(found.run_id, found.split)
    )
