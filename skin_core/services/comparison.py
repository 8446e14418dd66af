"""Two runs on the same pictures, of the test split or out of fold: is the difference more than chance?"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from skin_core.errors import RunError
from skin_core.evaluation.bootstrap import RESAMPLES, Groups
from skin_core.evaluation.delong import auc_difference
from skin_core.evaluation.paired import paired_differences
from skin_core.evaluation.scored import UNKNOWN, Scored
from skin_core.services.judged import Split, predictions_of


def compare_runs(
    first: str, second: str, *, split: Split = "test", resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Compares two evaluated runs by the pictures that both were tested on.

    Args:
        first, second: run ids; the difference is the first's figure less the second's.
        split: on which pictures; `cross_validation.compare_cross_validated` is the one for "out_of_fold".
        resamples, seed: of the paired bootstrap over lesions, patients or twin clusters.

    Returns:
        ``{"n", "differences": {name: {"first", "second", "difference", "low", "high", "p"}}, "delong": {name: ...},
        "intervals", "class_rule", "notes"}``; NaN where undefined. "delong" holds the AUCs again, by Obuchowski's clustered DeLong.

    Raises:
        RunError: if there is no such run, one was not evaluated, or they share no test picture or no class.
    """
    one, other, alone = _matched(first, second, split)
    if one.classes != other.classes:
        raise RunError(
            f"The runs know different classes ({', '.join(one.classes)} and {', '.join(other.classes)}); compare runs on one data set."
        )
    notes = [f"{alone} pictures that only one of them was tested on were left out."] if alone else []
    differing = (one.levels != other.levels) | (one.melanoma != other.melanoma)
    if differing.any():
        # On two endpoints even one and the same network would differ from itself.
        one, other = _without_endpoint(one, differing), _without_endpoint(other, differing)
        notes.append(
            f"{int(differing.sum())} pictures whose risk level the runs count differently were left out of the figures on melanoma and malignancy."
        )
    if (one.priors is None) != (other.priors is None):
        # Two guesses that were made by different rules say nothing of two networks.
        one, other = replace(one, priors=None), replace(other, priors=None)
        notes.append("Of one run the classes' shares were not kept, so both are judged by their likeliest class.")
    found = paired_differences(one.figures, other.figures, one.groups, resamples=resamples, seed=seed)
    return {
        "n": len(one.labels),
        "differences": {name: asdict(difference) for name, difference in found.items()},
        "delong": _delong(one, other),
        "intervals": Groups(one.groups, one.group_word).sentence(resamples),
        "class_rule": one.class_rule,
        "notes": notes,
    }


def _matched(first: str, second: str, split: Split) -> tuple[Scored, Scored, int]:
    ids, one = predictions_of(first, split)
    other_ids, other = predictions_of(second, split)
    both, here, there = np.intersect1d(ids, other_ids, return_indices=True)
    if not len(both):
        raise RunError(f"Runs {first} and {second} share no test picture; compare runs on one data set and seed.")
    one, other = _rows(one, here), _rows(other, there)
    if one.classes == other.classes and (one.labels != other.labels).any():
        raise RunError(
            f"Runs {first} and {second} have different labels for the same pictures; train one of them anew."
        )
    return one, other, len(ids) + len(other_ids) - 2 * len(both)


def _without_endpoint(scored: Scored, rows: np.ndarray) -> Scored:
    levels, melanoma = (np.where(rows, UNKNOWN, values) for values in (scored.levels, scored.melanoma))
    return replace(scored, levels=levels, melanoma=melanoma)


def _rows(scored: Scored, rows: np.ndarray) -> Scored:
    names = ("labels", "levels", "melanoma", "groups", "probabilities", "risk", "patients")
    kept = {name: values[rows] for name in names if (values := getattr(scored, name)) is not None}
    return replace(scored, **kept)


def _delong(one: Scored, other: Scored) -> dict[str, dict[str, float]]:
    found = {}
    if one.risk is not None and other.risk is not None:
        known = one.levels != UNKNOWN
        found["malignancy_auc"] = auc_difference(
            one.levels[known] > 0, one.risk[known], other.risk[known], one.groups[known]
        )
    column = one.melanoma_column
    if column is not None and other.melanoma_column == column:
        known = one.melanoma != UNKNOWN
        found["melanoma_auc"] = auc_difference(
            one.melanoma[known] == 1,
            one.probabilities[known, column],
            other.probabilities[known, column],
            one.groups[known],
        )
    return {name: asdict(difference) for name, difference in found.items()}
