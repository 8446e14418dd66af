"""The parts of a report's page between its words and its settings: what an evaluation kept, as HTML."""

from __future__ import annotations

import math
from typing import Any

from skin_core.evaluation.class_rule import RULE_WORDS
from skin_core.services import report_page as page
from skin_core.services import report_pictures as pictures
from skin_core.services.heat_maps import NOT_MEASURED, recorded_heat_maps, told
from skin_core.services.judged import BY_CLASS, HEADLINES, Interval, Judged, predictions_of
from skin_core.services.judged_curves import Curves
from skin_core.services.subgroups import figures_told

_LEVEL_WORDS = {"auc": "AUC", "sensitivity": "Sensitivity", "specificity": "Specificity"}
_EXCHANGED = {"deletion": "Hidden first: it should fall fast", "insertion": "Shown first: it should rise fast"}


def figures(found: Judged) -> list[str]:
    """The headlines, then all others."""
    columns = ("Of", "Figure", "Value (95 % interval)", "n", "Beside it")
    parts = [page.heading("Figures"), page.paragraph(found.intervals, note=True)]
    for title, names in (
        ("", [row.name for row in found.rows if row.name in HEADLINES]),
        ("All others", [row.name for row in found.rows if row.name not in HEADLINES]),
    ):
        rows = [found.row(name) for name in names]
        cells = [(row.part, row.title, row.figure.in_words(), f"{row.n:,}", row.beside) for row in rows]
        parts += [page.heading(title, 3) if title else "", page.table(columns, cells, numbers=(2, 3))]
    return parts


def curves(found: Curves) -> list[str]:
    """The curves of one question."""
    endpoint = found.endpoint
    drawn = [
        (f"ROC curve, AUC {found.auc:.3f}", pictures.roc(found)),
        ("Precision and recall", pictures.precision_recall(found)),
        ("Does the probability mean what it says?", pictures.reliability(found)),
        ("Scores by outcome", pictures.histogram(found)),
    ]
    if found.decision is not None:
        drawn.append(("Net benefit, at this set's own prevalence", pictures.decision(found)))
    told = (
        f"{endpoint.n_positive:,} positive of {endpoint.n:,} images. Shaded and whiskers: where 95 in 100 resamples of the "
        f"{found.n_groups:,} {found.group_word} lie."
    )
    return [page.heading(endpoint.title), page.paragraph(told, note=True), page.pictures(drawn)]


def operating(found: Judged, points: list[dict[str, Any]]) -> list[str]:
    """What each threshold does; nothing without any."""
    if not points:
        return []
    names = ("sensitivity", "specificity", "ppv", "npv", "referred")
    rows = []
    for place, point in enumerate(points):
        chosen = point["chosen"] + (" (in use)" if place == 0 else "")
        figures = (Interval(**point[name]).in_words(2) for name in names)
        rows.append((chosen, f"{point['threshold']:.4f}", *figures))
    columns = ("Chosen on validation as", "Threshold", "Sensitivity", "Specificity", "PPV", "NPV", "Referred")
    told = (
        f"Positives: {points[0]['n_positive']:,} images, negatives: {points[0]['n_negative']:,}. PPV, NPV and the share "
        f"referred are for the prevalence of validation, {100 * found.prevalence:.1f} in 100, which the risk is calibrated "
        f"for ({found.calibration or 'sum over the classes'}); another clinic's are worked out on the {'Evaluate' if found.split == 'external' else 'Runs'} page."
    )
    return [page.heading("Thresholds"), page.paragraph(told, note=True), page.table(columns, rows, numbers=range(1, 7))]


def classes(found: Judged) -> list[str]:
    """The figures of each class, and the confusion matrix."""
    columns = ("Class", "Images", "AUC", "Average precision", "Sensitivity", "Specificity", "Precision", "F1")
    rows = [
        (entry.name, f"{entry.n:,}", *(entry.figures[name].in_words(2) for name in BY_CLASS)) for entry in found.classes
    ]
    _, truth = predictions_of(found.run_id, found.split)
    matrix = pictures.confusion(truth.confusion(), truth.classes)
    told = f"In the table each picture is given {RULE_WORDS[found.class_rule]}"
    if found.class_rule != truth.class_rule:
        told += f"; in the matrix, {RULE_WORDS[truth.class_rule]}"
    return [
        page.heading("Class by class"),
        page.paragraph(f"{told}. Accuracy is of the likeliest class.", note=True),
        page.table(columns, rows, numbers=range(1, 8)),
        page.pictures([("Confusion matrix", matrix)]),
    ]


def subgroups(found: Judged, answer: dict[str, Any] | None) -> list[str]:
    """The figures by subgroup, as `recorded.record_subgroups` keeps them; nothing for None."""
    if answer is None:
        return []
    shown = figures_told(answer)
    rows, cells = [], []
    for level in answer["levels"]:
        name = f"{level['attribute']}: {level['name']}"
        entries = [Interval.of(level["figures"].get(figure)) for figure in shown]
        words = ["too few" if level["too_small"] else entry.in_words(2) for entry in entries]
        cells.append((name, f"{level['n']:,}", f"{level['n_positive']:,}", *words))
        if not math.isnan(entries[0].value):
            rows.append((name, level["n"], entries[0].value, entries[0].low, entries[0].high))
    row = found.row("malignancy_auc")
    drawn = []
    if rows:
        drawn = [
            ("AUC", pictures.forest(rows, row.figure.value if row else math.nan, "AUC, malignant or premalignant"))
        ]
    columns = ("Level", "Images", "Positive", *(_LEVEL_WORDS[figure] for figure in shown))
    return [
        page.heading("Subgroups"),
        page.paragraph(answer["sentence"]),
        page.bullets(answer["notes"]),
        page.pictures(drawn),
        page.table(columns, cells, numbers=range(1, len(columns))),
        page.paragraph(answer["intervals"], note=True),
    ]


def heat_maps(found: Judged) -> list[str]:
    """How the heat maps of a run were checked, or that they were not."""
    kept = recorded_heat_maps(found.run_id)
    if kept is None:
        return [page.heading("Heat maps"), page.paragraph(NOT_MEASURED)]
    drawn = [(title, pictures.exchange(kept, kind)) for kind, title in _EXCHANGED.items() if kept.curves]
    cells = [(title, Interval.of(figure.model_dump()).in_words()) for title, figure in told(kept.check)]
    return [
        page.heading("Heat maps"),
        page.paragraph(kept.check.sentence()),
        page.paragraph(kept.check.how(), note=True) if drawn else "",
        page.pictures(drawn) if drawn else "",
        page.table(("Figure", "Value (95 % interval)"), cells, numbers=(1,)) if cells else "",
    ]
