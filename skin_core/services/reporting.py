"""The report of an evaluation, beside its record: one HTML page, a csv of figures, everything as JSON.

Of a run MLflow gets the same files. Nothing here looks at the test split again: the report is made of what the evaluation kept.
No picture and no image id goes into the HTML page or the csv.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import skin_core
from skin_core.evaluation.class_rule import RULE_WORDS
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.services import report_page as page
from skin_core.services import report_pictures as pictures
from skin_core.services.heat_maps import NOT_MEASURED, recorded_heat_maps, told
from skin_core.services.judged import BY_CLASS, HEADLINES, Interval, Judged, judged, predictions_of
from skin_core.services.judged_curves import MELANOMA, RISK, Curves, curves_of, endpoints
from skin_core.services.kept import Split, artifacts_of
from skin_core.services.recorded import DOCUMENT, FIGURES, REPORT, plain, record_subgroups, recorded_subgroups
from skin_core.services.referral import referral_of
from skin_core.services.report_about import About, about_bundle, about_run
from skin_core.services.runs import get_run
from skin_core.training.tracking import attach

_EXCHANGED = {"deletion": "Hidden first: it should fall fast", "insertion": "Shown first: it should rise fast"}


def evaluate_and_report(
    run_id: str,
    progress: ProgressCallback = ignore_progress,
    *,
    engine: str = "float32",
    prune: float = 0.0,
    views: int = 1,
) -> dict[str, Any]:
    """Judges a run on its locked test split, once, and writes its report.

    Args, Returns, Raises: as `publishing.evaluate_run`.
    """
    from skin_core.services.publishing import evaluate_run

    found = evaluate_run(run_id, progress, engine=engine, prune=prune, views=views)
    write_report(run_id, progress)
    return found


def write_report(of: str, progress: ProgressCallback = ignore_progress, *, split: Split = "test") -> str:
    """Writes the report's three files beside the evaluation; those of a run also go to the tracking store.

    Args:
        of: an evaluated run; for the split "external" an evaluation of a bundle on another set.
        progress: told what is done.
        split: "test" or "external".

    Returns:
        The path of the HTML page.

    Raises:
        RunError: if there is no such run or evaluation, or it was not evaluated.
    """
    found = judged(of, split)
    about = about_bundle(found) if split == "external" else about_run(found)
    folder = artifacts_of(of, split)
    folder.mkdir(exist_ok=True)
    subgroups = recorded_subgroups(of, split)
    if subgroups is None and any(
        row.name == "malignancy_auc" and not math.isnan(row.figure.value) for row in found.rows
    ):
        subgroups = record_subgroups(of, progress, split=split)
    progress(Progress("Writing the report", 0, 0))
    asked = [entry.key for entry in endpoints(of, split)]
    drawn = [curves_of(of, split, key) for key in (RISK, MELANOMA) if key in asked]
    if not drawn and asked:
        drawn = [curves_of(of, split, asked[0])]
    points = _points(found)
    target = folder / REPORT
    write_text(target, page.page(about.title, _parts(about, found, drawn, points, subgroups)))
    write_text(folder / FIGURES, _csv(found))
    write_text(folder / DOCUMENT, _json(about, found, drawn, points, subgroups))
    if split == "test":
        figures = {f"test_{row.name}": row.figure.value for row in found.rows}
        attach(get_run(of).tracking_id, folder, figures)
    return str(target)


def _points(found: Judged) -> list[dict[str, Any]]:
    """Every operating point on the test split, at the prevalence of validation."""
    if not found.points or found.prevalence is None:
        return []
    _, truth = predictions_of(found.run_id, found.split)
    told = []
    for point in found.points:
        at = referral_of(truth, point.threshold, found.prevalence, fitted=found.prevalence)
        told.append({"chosen": point.chosen, **asdict(at)})
    return told


def _parts(
    about: About, found: Judged, drawn: list[Curves], points: list[dict[str, Any]], subgroups: dict[str, Any] | None
) -> list[str]:
    parts = [*(page.paragraph(line) for line in about.lines), page.bullets(about.warnings), *_figures(found)]
    for curves in drawn:
        parts += _curves(curves)
    parts += [*_operating(found, points), *_classes(found), *_subgroups(found, subgroups)]
    if found.split == "test":
        parts += _heat_maps(found)
    parts += [
        page.heading(about.how),
        page.bullets(about.facts),
        page.table(about.columns, about.rows),
    ]
    return parts


def _figures(found: Judged) -> list[str]:
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


def _curves(curves: Curves) -> list[str]:
    endpoint = curves.endpoint
    drawn = [
        (f"ROC curve, AUC {curves.auc:.3f}", pictures.roc(curves)),
        ("Precision and recall", pictures.precision_recall(curves)),
        ("Does the probability mean what it says?", pictures.reliability(curves)),
        ("Scores by outcome", pictures.histogram(curves)),
    ]
    if curves.decision is not None:
        drawn.append(("Net benefit, at this set's own prevalence", pictures.decision(curves)))
    told = (
        f"{endpoint.n_positive:,} positive of {endpoint.n:,} images. Shaded and whiskers: where 95 in 100 resamples of the "
        f"{curves.n_groups:,} {curves.group_word} lie."
    )
    return [page.heading(endpoint.title), page.paragraph(told, note=True), page.pictures(drawn)]


def _operating(found: Judged, points: list[dict[str, Any]]) -> list[str]:
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


def _classes(found: Judged) -> list[str]:
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


def _subgroups(found: Judged, subgroups: dict[str, Any] | None) -> list[str]:
    if subgroups is None:
        return []
    nothing = math.nan
    rows, cells = [], []
    for level in subgroups["levels"]:
        name = f"{level['attribute']}: {level['name']}"
        entries = [Interval.of(level["figures"].get(figure)) for figure in ("auc", "sensitivity", "specificity")]
        told = ["too few"] * 3 if level["too_small"] else [entry.in_words(2) for entry in entries]
        cells.append((name, f"{level['n']:,}", f"{level['n_positive']:,}", *told))
        if not math.isnan(entries[0].value):
            rows.append((name, level["n"], entries[0].value, entries[0].low, entries[0].high))
    row = found.row("malignancy_auc")
    drawn = []
    if rows:
        drawn = [("AUC", pictures.forest(rows, row.figure.value if row else nothing, "AUC, malignant or premalignant"))]
    columns = ("Level", "Images", "Positive", "AUC", "Sensitivity", "Specificity")
    return [
        page.heading("Subgroups"),
        page.paragraph(subgroups["sentence"]),
        page.bullets(subgroups["notes"]),
        page.pictures(drawn),
        page.table(columns, cells, numbers=range(1, 6)),
    ]


def _heat_maps(found: Judged) -> list[str]:
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


def _csv(found: Judged) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("name", "part", "title", "class", "value", "low", "high", "n"))
    for row in found.rows:
        writer.writerow((row.name, row.part, row.title, "", *_cells(row.figure), row.n))
    for entry in found.classes:
        # A class that is called like a formula must not become one in a spreadsheet.
        name = f"'{entry.name}" if entry.name[:1] in "=+-@" else entry.name
        for figure, value in entry.figures.items():
            writer.writerow((figure, "Class", figure, name, *_cells(value), entry.n))
    return out.getvalue()


def _cells(value: Interval) -> list[str]:
    return ["" if math.isnan(part) else repr(part) for part in (value.value, value.low, value.high)]


def _json(
    about: About, found: Judged, drawn: list[Curves], points: list[dict[str, Any]], subgroups: dict[str, Any] | None
) -> str:
    maps = recorded_heat_maps(found.run_id) if found.split == "test" else None
    document = {
        **about.document,
        "evaluation": asdict(found) | {"points": [point.model_dump() for point in found.points]},
        "curves": {curves.endpoint.key: _arrays(asdict(curves)) for curves in drawn},
        "operating_points": points,
        "subgroups": subgroups,
        "heat_maps": None if maps is None else maps.model_dump(),
        "program": f"LesionLab {skin_core.__version__}",
    }
    return json.dumps(plain(document), indent=1, allow_nan=False) + "\n"


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _arrays(item) for name, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def copy_report(of: str, target: Path, *, split: Split = "test") -> None:
    """Copies the HTML page of an evaluation elsewhere; it is written first where it is missing.

    Args:
        of, split: as `write_report` takes them. target: the file to write.

    Raises:
        RunError: if there is no such run or evaluation, or it was not evaluated.
        WorkspaceError: if the page cannot be written there.
    """
    source = artifacts_of(of, split) / REPORT
    if not source.is_file():
        write_report(of, split=split)
    write_text(target, source.read_text(encoding="utf-8"))
