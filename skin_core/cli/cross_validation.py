"""The verb ``cross-validate``."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, figure, print_json, progress_bar

if TYPE_CHECKING:
    from skin_core.services.cross_validation import CrossValidated


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("cross-validate")(cross_validate)


def cross_validate(
    data: Annotated[str, typer.Argument(help="Folder or csv of the data set; not needed with --resume.")] = "",
    family: Annotated[str, typer.Option(help="Model family (efficientnet_b7, isic_cnn, light_cnn, ...).")] = "",
    folds: Annotated[int, typer.Option(min=2, max=20, help="How many folds of whole lesions or patients.")] = 5,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, as key=value (epochs=3, cv_select=last); may be repeated."),
    ] = None,
    resume: Annotated[
        str, typer.Option(help="Run to go on with, in the fold where it ended; a finished one is told again.")
    ] = "",
    report_file: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="Where to copy the report, as one HTML page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train one network for each fold of training and validation, and judge each on the pictures that it never saw.

    The locked test split stays locked. What comes is no network to publish: it tells how good the settings are.
    """
    from skin_core.config import RunConfig
    from skin_core.models.registry import default_config
    from skin_core.overrides import apply_overrides
    from skin_core.services import cross_validation as service
    from skin_core.services import recorded, reporting, runs

    with domain_errors(), progress_bar() as report:
        if resume:
            if data or family or set_:
                raise typer.BadParameter("--resume takes the run's own data, family and settings; give nothing else.")
            run_id = resume
        else:
            if not data or not family:
                raise typer.BadParameter("give the data set and --family, or --resume RUN.")
            values = {**default_config(family, data).model_dump(), "folds": folds}
            config = RunConfig.parse(apply_overrides(values, set_ or []))
            run_id = service.create_cross_validation(config=config)
            typer.echo(f"Run {run_id}", err=True)
        found = service.finish_cross_validation(run_id=run_id, progress=report)
        page = reporting.written_report(run_id, report, split="out_of_fold")
        if report_file is not None:
            reporting.copy_report(run_id, report_file, split="out_of_fold")
        subgroups = recorded.recorded_subgroups(run_id, "out_of_fold")
        if as_json:
            print_json(_document(found, runs.get_run(run_id)) | {"subgroups": subgroups, "report": page})
        else:
            _print(found)
            _print_subgroups(subgroups)
            for note in found.pooled.notes:
                typer.echo(f"Note: {note}")
            typer.echo(f"Report: {page}")


def _document(found: CrossValidated, run) -> dict[str, Any]:
    pooled = found.pooled
    return {
        "run": found.run_id,
        "status": run.status,
        "family": run.config.family,
        "data": run.config.data,
        "directory": str(run.directory),
        "folds": found.folds,
        "select": found.select,
        "n": pooled.n,
        "groups": {"n": pooled.n_groups, "word": pooled.group_word},
        "metrics": {
            **{row.name: asdict(row.figure) for row in pooled.rows},
            **{
                f"{name}_{entry.name}": asdict(value)
                for entry in pooled.classes
                for name, value in entry.figures.items()
            },
        },
        "spread": {entry.name: {"mean": entry.mean, "sd": entry.sd, "values": entry.values} for entry in found.spread},
        "members": [asdict(member) for member in found.members],
        "intervals": pooled.intervals,
        "notes": pooled.notes,
    }


def _print(found: CrossValidated) -> None:
    from skin_core.services.judged import HEADLINES

    pooled = found.pooled
    typer.echo(
        f"Run {found.run_id}: {found.folds} folds, {pooled.n} pictures of {pooled.n_groups} {pooled.group_word}, each "
        "predicted by the network that never saw its group"
    )
    typer.echo(pooled.intervals)
    part = ""
    for row in pooled.rows:
        if row.part != part:
            part = row.part
            typer.echo(part)
        over = found.over_folds(row.name)
        folds = "" if over is None or math.isnan(over.mean) else f"; folds {over.mean:.3f} ± {_words(over.sd)}"
        typer.echo(f"  {row.title}: {row.figure.in_words()}{folds}")
    typer.echo("By fold (pictures held, learnt from, epoch kept):")
    for member in found.members:
        figures = ", ".join(
            f"{name.replace('_', ' ')} {_words(member.figures[name])}" for name in HEADLINES if name in member.figures
        )
        typer.echo(f"  {member.fold}: {member.n}, {member.n_train}, {member.epoch} of {member.epochs}; {figures}")


def _print_subgroups(found: dict[str, Any] | None) -> None:
    if found is None:
        return
    typer.echo(f"Subgroups. {found['sentence']}")
    for level in found["levels"]:
        told = "too few to say" if level["too_small"] else f"AUC {figure(level['figures']['auc'])}"
        typer.echo(
            f"  {level['attribute']}, {level['name']}: {told}; {level['n']} pictures, {level['n_positive']} positive"
        )


def _words(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
