"""The operating point that a bundle is published with, where its publisher chose the rule: fitted on validation only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from skin_core.errors import BundleError, RunError
from skin_core.evaluation.operating_point import Rule
from skin_core.evaluation.scored import Scored
from skin_core.screening.draft import VALIDATION, Draft
from skin_core.screening.fitted import as_evaluation
from skin_core.screening.predictions import load_predictions
from skin_core.screening.record import BundleInfo, Evaluation
from skin_core.screening.thresholds import fitted
from skin_core.training.folder import RunFolder

# Figures of the decision: with another threshold they are other ones.
_OF_DECISION = ("sensitivity", "specificity", "ppv", "npv", "number_needed_to_refer", "referred")
OF_THRESHOLD = ("melanoma_sensitivity", *(f"malignancy_{name}" for name in _OF_DECISION))


def decided_by(
    rule: Rule, folder: RunFolder, made: Draft, test: Evaluation | None
) -> tuple[BundleInfo, Evaluation | None]:
    """A draft and its test figures with the threshold that a rule gives on validation.

    The figures at the threshold are worked out anew from the predictions that were kept: no picture is looked at again,
    and the test split has no part in the choice.

    Args:
        rule: how to choose. folder: of the run. made: its draft. test: its recorded figures, or None.

    Raises:
        BundleError: if the classes know no malignancy, or validation has one outcome only.
    """
    info, seed = made.info, folder.read_config().seed
    truth = _kept(made.path / VALIDATION)
    point = None if truth is None else fitted(truth, rule)
    if point is None:
        raise BundleError(
            f"No threshold can be chosen for run {folder.run_id} as {rule.words()}: its classes know no malignancy, or validation has one outcome only; publish it without a rule."
        )
    others = (info.operating_point, *info.further_points)
    validation = as_evaluation(
        "validation",
        replace(truth, threshold=point.threshold),
        info.validation.intervals if info.validation else "",
        seed=seed,
    )
    changed = {
        "operating_point": point,
        "further_points": tuple(other for other in others if other is not None and other.chosen != point.chosen),
        "validation": validation,
    }
    return info.model_copy(update=changed), None if test is None else _tested(rule, folder, test, seed)


def _tested(rule: Rule, folder: RunFolder, test: Evaluation, seed: int) -> Evaluation:
    """Test figures at the threshold of the engine that was judged, which may be of another size than the published one."""
    try:
        judged = str(json.loads(folder.evaluation.read_text(encoding="utf-8")).get("model", ""))
    except (OSError, ValueError):
        judged = ""
    on_validation = _kept(folder.path / "export" / judged / VALIDATION) if judged else None
    point = None if on_validation is None else fitted(on_validation, rule)
    truth = _kept(folder.test_predictions)
    if point is None or truth is None:
        metrics = {name: figure for name, figure in test.metrics.items() if name not in OF_THRESHOLD}
        return test.model_copy(update={"metrics": metrics})
    return as_evaluation("test", replace(truth, threshold=point.threshold), test.intervals, seed=seed)


def _kept(path: Path) -> Scored | None:
    try:
        return load_predictions(path)[1]
    except RunError:
        return None
