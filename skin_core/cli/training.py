"""Verbs on runs: ``train``, ``runs``, ``evaluate`` and ``publish``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, figure, print_json, progress_bar
from skin_core.errors import RunError

EngineOption = Annotated[
    Literal["float32", "float16", "dynamic", "int8"],
    typer.Option(help="Size of the engine: 32 or 16 bits, 8 bits stored (dynamic), or 8 bits stored and computed."),
]
PruneOption = Annotated[float, typer.Option(help="Share of each convolution's weights to set to zero (0.5).")]
ViewsOption = Annotated[
    int,
    typer.Option(
        help="Views of each picture whose answers are averaged: 1, 2 (mirrored), 4, or 8 (quarter turns too)."
    ),
]
CompactOption = Annotated[bool, typer.Option("--compact", hidden=True, help="As --engine float16.")]
RunArgument = Annotated[str, typer.Argument(help="Run id, as `runs` lists it.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs to the command line."""
    app.command("train")(train)
    app.command("runs")(runs)
    app.command("evaluate")(evaluate)
    app.command("publish")(publish)


def train(
    data: Annotated[str, typer.Argument(help="Folder or csv of the data set; not needed with --resume.")] = "",
    family: Annotated[str, typer.Option(help="Model family (efficientnet_b7, isic_cnn, light_cnn, ...).")] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, as key=value (epochs=3, augmentation.flip=both); may be repeated."),
    ] = None,
    resume: Annotated[str, typer.Option(help="Run to go on with, from where it was stopped or killed.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Train a model family on a data set, in the foreground, and print the run's id."""
    from skin_core.config import RunConfig, apply_overrides
    from skin_core.models.registry import default_config
    from skin_core.services import runs as service

    with domain_errors(), progress_bar() as report:
        if resume:
            if data or family or set_:
                raise typer.BadParameter("--resume takes the run's own data, family and settings; give nothing else.")
            run_id = resume
        else:
            if not data or not family:
                raise typer.BadParameter("give the data set and --family, or --resume RUN.")
            config = default_config(family, data)
            config = RunConfig.parse(apply_overrides(config.model_dump(), set_ or []))
            run_id = service.create_run(config)
            typer.echo(f"Run {run_id}", err=True)
        service.run_in_foreground(run_id, report)
        run = service.get_run(run_id)
        if run.status == "failed":
            raise RunError(f"Run {run_id} failed: {run.error}")
        if as_json:
            print_json(_summary(run))
        else:
            typer.echo(run_id)


def runs(as_json: JsonOption = False) -> None:
    """List the runs with their state and the figures of their best epoch."""
    from skin_core.services import runs as service

    with domain_errors():
        listed = [_summary(run) for run in service.list_runs()]
        if as_json:
            print_json(listed)
            return
        if not listed:
            typer.echo("There are no runs yet; start one with: python -m skin_core train DATA --family NAME")
        for run in listed:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in run["best"].items() if value is not None)
            typer.echo(
                f"{run['run']}  {run['status']:<11}  {run['family']:<16}  epoch {run['epoch']}/{run['epochs']}  {figures}"
            )


def evaluate(
    run: RunArgument,
    engine: EngineOption = "float32",
    prune: PruneOption = 0.0,
    views: ViewsOption = 1,
    compact: CompactOption = False,
    report_file: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="Where to copy the report, as one HTML page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a run on its locked test split. This is recorded; do it once, when all choices are made."""
    from skin_core.services.reporting import copy_report, evaluate_and_report

    with domain_errors(), progress_bar() as report:
        kind = "float16" if compact else engine
        found = evaluate_and_report(run, progress=report, engine=kind, prune=prune, views=views)
        if report_file is not None:
            copy_report(run, report_file)
        print_evaluation(found, as_json)


def publish(
    run: RunArgument,
    name: Annotated[str, typer.Option(help="Name of the bundle: lower-case letters, digits, - and _.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle of that name.")] = False,
    without_test: Annotated[
        bool,
        typer.Option("--without-test", help="Publish a run that was never evaluated; its card says so."),
    ] = False,
    engine: EngineOption = "float32",
    prune: PruneOption = 0.0,
    views: ViewsOption = 1,
    compact: CompactOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish a run as a bundle that screening can load."""
    from skin_core.screening.card import engine_sentences
    from skin_core.services.publishing import publish_run

    with domain_errors(), progress_bar() as report:
        kind = "float16" if compact else engine
        bundle = publish_run(
            run,
            name,
            progress=report,
            overwrite=overwrite,
            engine=kind,
            prune=prune,
            views=views,
            without_test=without_test,
        )
        if as_json:
            print_json({"name": bundle.name, "path": str(bundle.path), "engine": bundle.engine.model_dump()})
        else:
            typer.echo(f"Published as {bundle.name} in {bundle.path}.")
            for sentence in engine_sentences(bundle.engine):
                typer.echo(sentence)


def _summary(run) -> dict:
    return {
        "run": run.run_id,
        "title": run.title,
        "status": run.status,
        "family": run.config.family,
        "data": run.config.data,
        "epoch": run.epoch,
        "epochs": run.epochs,
        "best_epoch": run.best_epoch,
        "best": dict(run.best),
        "error": run.error,
        "directory": str(run.directory),
    }


def print_evaluation(result: dict, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    typer.echo(f"{result['n']} images")
    if "intervals" in result:
        typer.echo(result["intervals"])
    for name, entry in result["metrics"].items():
        typer.echo(f"  {name.replace('_', ' ')}: {figure(entry)}")
    for note in result.get("notes", []):
        typer.echo(f"Note: {note}")
