"""The report of an evaluated run, into its artifacts: one HTML page, a csv of figures, everything as JSON.

MLflow gets the same files. Nothing here looks at the test split again: the report is made of what the evaluation kept.
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
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.services import report_page as page
from skin_core.services import report_pictures as pictures
from skin_core.services import results
from skin_core.services.judged import BY_CLASS, HEADLINES, Interval, Judged, judged, predictions_of
from skin_core.services.judged_curves import MELANOMA, RISK, Curves, curves_of, endpoints
from skin_core.services.recorded import DOCUMENT, FIGURES, REPORT, plain, record_subgroups, recorded_subgroups
from skin_core.services.referral import referral_of
from skin_core.services.runs import RunView, get_run
from skin_core.training.folder import RunFolder
from skin_core.training.tracking import attach


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


def write_report(run_id: str, progress: ProgressCallback = ignore_progress) -> str:
    """Writes the report's three files into the run's artifacts, and hands them to the tracking store.

    Returns:
        The path of the HTML page.

    Raises:
        RunError: if there is no such run, or it was not evaluated.
    """
    folder = RunFolder.of(run_id)
    run, found = get_run(run_id), judged(run_id, "test")
    folder.artifacts.mkdir(exist_ok=True)
    subgroups = recorded_subgroups(run_id)
    if subgroups is None and any(
        row.name == "malignancy_auc" and not math.isnan(row.figure.value) for row in found.rows
    ):
        subgroups = record_subgroups(run_id, progress)
    progress(Progress("Writing the report", 0, 0))
    asked = [entry.key for entry in endpoints(run_id, "test")]
    drawn = [curves_of(run_id, "test", key) for key in (RISK, MELANOMA) if key in asked]
    if not drawn and asked:
        drawn = [curves_of(run_id, "test", asked[0])]
    points = _points(found)
    target = folder.artifacts / REPORT
    write_text(target, page.page(f"Evaluation of {run.title}", _parts(run, found, drawn, points, subgroups)))
    write_text(folder.artifacts / FIGURES, _csv(found))
    write_text(folder.artifacts / DOCUMENT, _json(run, found, drawn, points, subgroups))
    attach(run.tracking_id, folder.artifacts, {f"test_{row.name}": row.figure.value for row in found.rows})
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
    run: RunView, found: Judged, drawn: list[Curves], points: list[dict[str, Any]], subgroups: dict[str, Any] | None
) -> list[str]:
    parts = [*_about(run, found), *_figures(found)]
    for curves in drawn:
        parts += _curves(curves)
    parts += [*_operating(found, points), *_classes(found), *_subgroups(found, subgroups), *_how(run, found)]
    return parts


def _about(run: RunView, found: Judged) -> list[str]:
    told = [
        f"{run.config.family} on {run.config.data.rstrip('/').rsplit('/', 1)[-1]}, run {run.run_id}, weights of epoch "
        f"{run.best_epoch}; {found.n:,} images of the locked test split, {found.n_groups:,} {found.group_word}.",
        found.evaluated(),
    ]
    warnings = [*results.overrides_of(run), *found.notes, *run.notes]
    if run.synthetic:
        warnings.insert(0, "Trained and tested on drawn lesions: nothing here says anything of skin.")
    return [*(page.paragraph(line) for line in told), page.bullets(warnings)]


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
        f"for ({found.calibration or 'sum over the classes'}); another clinic's are worked out on the Runs page."
    )
    return [page.heading("Thresholds"), page.paragraph(told, note=True), page.table(columns, rows, numbers=range(1, 7))]


def _classes(found: Judged) -> list[str]:
    columns = ("Class", "Images", "AUC", "Average precision", "Sensitivity", "Specificity", "Precision", "F1")
    rows = [
        (entry.name, f"{entry.n:,}", *(entry.figures[name].in_words(2) for name in BY_CLASS)) for entry in found.classes
    ]
    _, truth = predictions_of(found.run_id, found.split)
    matrix = pictures.confusion(truth.confusion(), truth.classes)
    return [
        page.heading("Class by class"),
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


def _how(run: RunView, found: Judged) -> list[str]:
    recorded = results.fingerprint_of(run.run_id)
    facts = [
        f"Data fingerprint {recorded.get('fingerprint', 'not recorded')}; model {found.engine}.",
        f"Written by LesionLab {skin_core.__version__}.",
    ]
    # The path says where it lay on one machine, and may name a person.
    settings = {**run.config.model_dump(mode="json"), "data": run.config.data.rstrip("/").rsplit("/", 1)[-1]}
    rows = [(name.replace("_", " "), json.dumps(value)) for name, value in settings.items()]
    return [
        page.heading("How the run was made"),
        page.bullets(facts),
        page.table(("Setting", "Value"), rows),
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
    run: RunView, found: Judged, drawn: list[Curves], points: list[dict[str, Any]], subgroups: dict[str, Any] | None
) -> str:
    document = {
        "run": run.run_id,
        "title": run.title,
        "evaluation": asdict(found) | {"points": [point.model_dump() for point in found.points]},
        "curves": {curves.endpoint.key: _arrays(asdict(curves)) for curves in drawn},
        "operating_points": points,
        "subgroups": subgroups,
        "config": {**run.config.model_dump(mode="json"), "data": run.config.data.rstrip("/").rsplit("/", 1)[-1]},
        "program": f"LesionLab {skin_core.__version__}",
    }
    return json.dumps(plain(document), indent=1, allow_nan=False) + "\n"


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _arrays(item) for name, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def copy_report(run_id: str, target: Path) -> None:
    """Copies the HTML page of an evaluated run elsewhere; it is written first where it is missing.

    Raises:
        RunError: if there is no such run, or it was not evaluated.
        WorkspaceError: if the page cannot be written there.
    """
    source = RunFolder.of(run_id).artifacts / REPORT
    if not source.is_file():
        write_report(run_id)
    write_text(target, source.read_text(encoding="utf-8"))
