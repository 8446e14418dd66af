"""The figures of an evaluation as its record holds them: of a run on its test split, of a bundle on another set."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from skin_core.errors import WorkspaceError
from skin_core.evaluation.bootstrap import Groups
from skin_core.evaluation.scored import Scored
from skin_core.screening.record import BundleInfo

Evaluated = dict[str, Any]


def earlier_look(record: Path) -> Evaluated:
    """The record of the last look at a test split, which counts them; empty where nobody looked yet.

    Raises:
        WorkspaceError: if it is damaged or may not be read: to count anew would tell a second look as the first.
    """
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("It is no JSON object.")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            f"The record of earlier looks at the test split, {record}, cannot be read; restore it from a backup, or delete "
            "it if the looks may be counted anew."
        ) from error
    return found


def measured(info: BundleInfo, truth: Scored, seed: int) -> Evaluated:
    """The figures, and what a reader must know to read them; None where undefined.

    Args:
        info: of the model. truth: what it said, beside what is known. seed: of the bootstrap.
    """
    groups = Groups(truth.groups, truth.group_word)
    point = info.operating_point
    metrics = truth.metrics(seed=seed)
    return {
        "metrics": {
            name: {part: None if math.isnan(value) else value for part, value in entry.items()}
            for name, entry in metrics.items()
        },
        "classes": list(truth.classes),
        "class_rule": truth.class_rule,
        "confusion": truth.confusion().tolist(),
        "groups": {"n": groups.count, "word": groups.word},
        "intervals": groups.sentence(),
        "prevalence_of_the_risk": info.prevalence,
        "risk_calibration": info.risk_calibration.method if info.risk_calibration else "sum over the classes",
        "operating_point": point.model_dump() if point else None,
    }
