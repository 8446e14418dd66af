"""The report of an evaluation, beside its record: one HTML page, a csv of figures, everything as JSON.

Of a run MLflow gets the same files. Nothing here looks at the test split again: the report is made of what the evaluation kept.
No picture and no image id goes into the HTML page or the csv.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import skin_core
from skin_core.evaluation.scored import UNKNOWN
from skin_core.paths import write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening.spreadsheet import without_formula
from skin_core.services import report_folds
from skin_core.services import report_page as page
from skin_core.services import report_parts as parts
from skin_core.services.cross_validation import CrossValidated, cross_validated
from skin_core.services.heat_maps import recorded_heat_maps
from skin_core.services.judged import Interval, Judged, judged, predictions_of
from skin_core.services.judged_curves import MELANOMA, RISK, Curves, curves_of, endpoints
from skin_core.services.kept import Split, artifacts_of
from skin_core.services.recorded import DOCUMENT, FIGURES, REPORT, plain, record_subgroups, recorded_subgroups
from skin_core.services.referral import referral_of
from skin_core.services.report_about import About, about_bundle, about_folds, about_run
from skin_core.services.runs import get_run
from skin_core.training.tracking import attach

_ABOUT = {"test": about_run, "out_of_fold": about_folds, "external": about_bundle}


@dataclass(frozen=True)
class _Kept:
    """What an evaluation kept, for the page and the JSON file.

    Attributes:
        folds: of a cross-validated run. points: as `_points`. subgroups: as `recorded.record_subgroups`.
    """

    about: About
    found: Judged
    folds: CrossValidated | None
    curves: list[Curves]
    points: list[dict[str, Any]]
    subgroups: dict[str, Any] | None


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
        of: an evaluated run, or a cross-validated one; for the split "external" an evaluation of a bundle on another set.
        progress: told what is done.
        split: "test", "out_of_fold" or "external".

    Returns:
        The path of the HTML page.

    Raises:
        RunError: if there is no such run or evaluation, or it was not judged on that split.
    """
    found = judged(of, split)
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
    kept = _Kept(
        about=_ABOUT[split](found),
        found=found,
        folds=cross_validated(run_id=of) if split == "out_of_fold" else None,
        curves=drawn,
        points=_points(found),
        subgroups=subgroups,
    )
    target = folder / REPORT
    write_text(target, _page(kept))
    write_text(folder / FIGURES, _csv(found))
    write_text(folder / DOCUMENT, _json(kept))
    if split != "external":
        figures = {f"{split}_{row.name}": row.figure.value for row in found.rows}
        attach(get_run(of).tracking_id, folder, figures)
    return str(target)


def _points(found: Judged) -> list[dict[str, Any]]:
    """Every operating point on the test split, at the prevalence of validation."""
    if not found.points or found.prevalence is None:
        return []
    _, truth = predictions_of(found.run_id, found.split)
    if not (truth.levels != UNKNOWN).any():
        return []
    told = []
    for point in found.points:
        at = referral_of(truth, point.threshold, found.prevalence, fitted=found.prevalence)
        told.append({"chosen": point.chosen, **asdict(at)})
    return told


def _page(kept: _Kept) -> str:
    about, found = kept.about, kept.found
    body = [*(page.paragraph(line) for line in about.lines), page.bullets(about.warnings), *parts.figures(found)]
    if kept.folds is not None:
        body += report_folds.folds(kept.folds)
    for curves in kept.curves:
        body += parts.curves(curves)
    body += [*parts.operating(found, kept.points), *parts.classes(found), *parts.subgroups(found, kept.subgroups)]
    if found.split == "test":
        body += parts.heat_maps(found)
    body += [
        page.heading(about.how),
        page.bullets(about.facts),
        page.table(about.columns, about.rows),
    ]
    return page.page(about.title, body)


def _csv(found: Judged) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("name", "part", "title", "class", "value", "low", "high", "n"))
    for row in found.rows:
        writer.writerow((row.name, row.part, row.title, "", *_cells(row.figure), row.n))
    for entry in found.classes:
        name = without_formula(entry.name)
        for figure, value in entry.figures.items():
            writer.writerow((figure, "Class", figure, name, *_cells(value), entry.n))
    return out.getvalue()


def _cells(value: Interval) -> list[str]:
    return ["" if math.isnan(part) else repr(part) for part in (value.value, value.low, value.high)]


def _json(kept: _Kept) -> str:
    found = kept.found
    maps = recorded_heat_maps(found.run_id) if found.split == "test" else None
    document = {
        **kept.about.document,
        "evaluation": asdict(found) | {"points": [point.model_dump() for point in found.points]},
        "curves": {curves.endpoint.key: _arrays(asdict(curves)) for curves in kept.curves},
        "operating_points": kept.points,
        "subgroups": kept.subgroups,
        "heat_maps": None if maps is None else maps.model_dump(),
        "program": f"LesionLab {skin_core.__version__}",
    }
    if kept.folds is not None:
        document["cross_validation"] = report_folds.document(kept.folds)
    return json.dumps(plain(document), indent=1, allow_nan=False) + "\n"


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _arrays(item) for name, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def written_report(of: str, progress: ProgressCallback = ignore_progress, *, split: Split = "test") -> str:
    """The path of the HTML page of an evaluation; it is written first where it is missing.

    Args, Raises: as `write_report`.
    """
    source = artifacts_of(of, split) / REPORT
    return str(source) if source.is_file() else write_report(of, progress, split=split)


def copy_report(of: str, target: Path, *, split: Split = "test") -> None:
    """Copies the HTML page of an evaluation elsewhere; it is written first where it is missing.

    Args:
        of, split: as `write_report` takes them. target: the file to write.

    Raises:
        RunError: if there is no such run or evaluation, or it was not evaluated.
        WorkspaceError: if the page cannot be written there.
    """
    write_text(target, Path(written_report(of, split=split)).read_text(encoding="utf-8"))
