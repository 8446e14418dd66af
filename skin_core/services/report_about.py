"""What a report says before and after its figures: what was judged on what, what must be known, how it was made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import skin_core
from skin_core.screening.record import BundleInfo
from skin_core.services import results
from skin_core.services.external_folder import ExternalFolder
from skin_core.services.judged import Judged
from skin_core.services.runs import RunView, get_run

_WRITTEN = f"Written by LesionLab {skin_core.__version__}."
_UNTOLD = "What was noted as the set was read is left out, for it may name files; LesionLab shows it on its pages."


@dataclass(frozen=True)
class About:
    """The words around the figures.

    Attributes:
        title: of the report. lines: paragraphs under it. warnings: what must be known to read the figures.
        how: heading of what stands at the end: ``facts``, then a table of ``rows`` under ``columns``.
        document: the same for the JSON file.
    """

    title: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    how: str
    facts: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    document: dict[str, Any] = field(default_factory=dict)


def about_run(found: Judged) -> About:
    """Of a run on its locked test split.

    Raises:
        RunError: if there is no such run.
    """
    run = get_run(found.run_id)
    engine = f"; model {found.engine}"
    return About(
        title=f"Evaluation of {run.title}",
        lines=(
            f"{run.config.family} on {run.data_name}, run {run.run_id}, weights of epoch {run.best_epoch}; {found.n:,} images of "
            f"the locked test split, {found.n_groups:,} {found.group_word}.",
            found.evaluated(),
        ),
        **_how(run, found, engine),
    )


def about_folds(found: Judged) -> About:
    """Of a cross-validated run on its out-of-fold pictures.

    Raises:
        RunError: if there is no such run.
    """
    run = get_run(found.run_id)
    group = found.group_word.removesuffix("s")
    return About(
        title=f"Cross-validation of {run.title}",
        lines=(
            f"{run.config.family} on {run.data_name}, run {run.run_id}; {found.n:,} images of training and validation, "
            f"{found.n_groups:,} {found.group_word}, dealt whole into {run.config.folds} folds.",
            f"All figures are out-of-fold: each image was judged by the one of the {run.config.folds} networks that "
            f"learnt from no image of its {group}.",
            "The locked test split was not touched: no network learnt from it and none was judged on it.",
        ),
        **_how(run, found, f"; worked out on {found.time[:10]} at {found.time[11:16]} UTC"),
    )


def _how(run: RunView, found: Judged, made: str) -> dict[str, Any]:
    """What stands around the figures of any run.

    Args:
        made: what goes on the line of the data's fingerprint.
    """
    # Without the paths: they say where things lay on one machine, and may name a person.
    settings = {
        **run.config.model_dump(mode="json"),
        "data": run.data_name,
        "weights": Path(run.config.weights).name,
        "lesion_ids_from": [Path(path).name for path in run.config.lesion_ids_from],
    }
    drawn = ("Trained and tested on drawn lesions: nothing here says anything of skin.",) if run.synthetic else ()
    recorded = results.fingerprint_of(run.run_id)
    fingerprint = recorded.get("fingerprint", "not recorded")
    notes = _without(recorded.get("manifest_notes", ()), run.notes)
    return {
        "warnings": (*drawn, *results.overrides_of(run), *found.notes, *notes),
        "how": "How the run was made",
        "facts": (f"Data fingerprint {fingerprint}{made}.", _WRITTEN),
        "columns": ("Setting", "Value"),
        "rows": tuple((name.replace("_", " "), json.dumps(value)) for name, value in settings.items()),
        "document": {"run": run.run_id, "title": run.title, "config": settings},
    }


def about_bundle(found: Judged) -> About:
    """Of a bundle on another set.

    Raises:
        RunError: if there is no such evaluation.
    """
    folder = ExternalFolder.of(found.run_id)
    record, info = folder.read(), BundleInfo.parse(folder.bundle.read_text(encoding="utf-8"), name=found.run_id)
    mapping = record.get("mapping", {})
    titles = info.titles
    drawn = ("The model was trained on drawn lesions.",) if info.synthetic else ()
    return About(
        title=f"Evaluation of {found.title}",
        lines=(
            f"{info.title} (bundle {info.name}), trained on {info.data.name}, judged on {found.n:,} images of "
            f"{record.get('data', 'another set')}, {found.n_groups:,} {found.group_word}. Calibration, threshold and the "
            "classes' shares are those of its validation; nothing was fitted to this set.",
            found.evaluated(),
        ),
        warnings=(*drawn, *_without(record.get("set_notes", ()), found.notes)),
        how="How the classes met",
        facts=(
            f"Fingerprint of the set {record.get('fingerprint', 'not recorded')}; bundle {record.get('bundle_digest', '')[:16]}, "
            f"run {info.run_id}, published {info.created}.",
            _WRITTEN,
        ),
        columns=("Class in the set", "The model's class"),
        rows=tuple(
            (label, "none of them" if name is None else f"{titles.get(name, name)} ({name})")
            for label, name in mapping.items()
        ),
        document={
            "bundle": info.name,
            "title": found.title,
            "run": info.run_id,
            "data": record.get("data", ""),
            "mapping": mapping,
            "blind": found.blind,
        },
    )


def _without(of_the_set: Sequence[str], notes: Sequence[str]) -> tuple[str, ...]:
    """The notes but for those of the data set, which name pictures and folders; that they are missing is told."""
    kept = tuple(note for note in notes if note not in of_the_set)
    return kept if len(kept) == len(notes) else (*kept, _UNTOLD)
