"""Verbs on runs: ``train``, ``runs``, ``evaluate`` and ``publish``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, figure, print_json, progress_bar
from skin_core.errors import RunError

if TYPE_CHECKING:
    from skin_core.config import RunConfig
    from skin_core.services.runs import RunView

EngineOption = Annotated[
    Literal["float32", "float16", "dynamic", "int8"],
    typer.Option(help="Size of the engine: 32 or 16 bits, 8 bits stored (dynamic), or 8 bits stored and computed."),
]
PruneOption = Annotated[float, typer.Option(help="Share of each convolution's weights to set to zero (0.5).")]
# A run whose classes know no malignancy has no threshold, and is published without one unless a rule is asked for.
DEFAULT_RULE = "sensitivity=0.95"
ViewsOption = Annotated[
    int,
    typer.Option(
        help="Views of each picture whose answers are averaged: 1, 2 (mirrored), 4, or 8 (quarter turns too)."
    ),
]
CompactOption = Annotated[bool, typer.Option("--compact", hidden=True, help="As --engine float16.")]
RecipeOption = Annotated[str, typer.Option(help="A recipe, as `recipes` lists it; the family follows from it.")]
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
    recipe: RecipeOption = "",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, as key=value (epochs=3, augmentation.flip=both); may be repeated."),
    ] = None,
    resume: Annotated[str, typer.Option(help="Run to go on with, from where it was stopped or killed.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Train a model family or a recipe on a data set, in the foreground, and print the run's id."""
    from skin_core.services import runs as service

    with domain_errors(), progress_bar() as report:
        if resume:
            if data or family or recipe or set_:
                raise typer.BadParameter("--resume takes the run's own data, family and settings; give nothing else.")
            run_id = resume
        else:
            if not data or not (family or recipe):
                raise typer.BadParameter("give the data set and --family or --recipe, or --resume RUN.")
            config = configured(data, family, recipe, set_ or [])
            run_id = service.create_run(config, recipe=recipe)
            typer.echo(f"Run {run_id}", err=True)
        service.run_in_foreground(run_id, report)
        run = service.get_run(run_id)
        if run.status == "failed":
            raise RunError(f"Run {run_id} failed: {run.error}")
        if as_json:
            print_json(_summary(run))
        else:
            if run.status == "finished":
                _say_what_next(run)
            typer.echo(run_id)


def _say_what_next(run: RunView) -> None:
    """On standard error: standard output is the run's id alone, for scripts."""
    monitor = run.config.monitor
    value = run.best.get(monitor)
    if value is not None:
        typer.echo(f"Best epoch {run.best_epoch} of {run.epoch}: {monitor} {value:.3f}", err=True)
    typer.echo(f"Next: python -m skin_core evaluate {run.run_id}", err=True)


def configured(data: str, family: str, recipe: str, overrides: list[str]) -> RunConfig:
    """The configuration of a family or a recipe on a data set, with what was set by hand.

    Raises:
        typer.BadParameter: for wrong usage.
        ConfigError: for values that do not work.
    """
    from skin_core.config import RunConfig
    from skin_core.models.registry import default_config
    from skin_core.overrides import apply_overrides
    from skin_core.recipes import recipe as recipe_of

    if family and recipe:
        raise typer.BadParameter("--recipe says which family it trains; leave --family out.")
    if recipe and any(override.partition("=")[0].strip() == "family" for override in overrides):
        raise typer.BadParameter("--recipe says which family it trains; --set family would make another recipe of it.")
    config = recipe_of(recipe).config(data) if recipe else default_config(family, data)
    return RunConfig.parse(apply_overrides(config.model_dump(), overrides))


# Of the best epoch, on validation; --json has all.
_LISTED = {
    "val_auc": "AUC",
    "val_malignancy_auc": "malignancy AUC",
    "val_balanced_accuracy": "balanced accuracy",
    "val_loss": "loss",
}


def _is_told(run: dict, name: str) -> bool:
    value = run["best"].get(name)
    return value is not None and not math.isnan(value)


def runs(as_json: JsonOption = False) -> None:
    """List the runs with their state, the validation figures of their best epoch, and their titles."""
    from skin_core.services import runs as service

    with domain_errors():
        listed = [_summary(run) for run in service.list_runs()]
        if as_json:
            print_json(listed)
            return
        if not listed:
            typer.echo("There are no runs yet; start one with: python -m skin_core train DATA --family NAME")
        for run in listed:
            figures = ", ".join(
                f"{words} {run['best'][name]:.3f}" for name, words in _LISTED.items() if _is_told(run, name)
            )
            fold = f"fold {run['fold'] or 0}/{run['folds']}, " if run["folds"] else ""
            typer.echo(
                f"{run['run']}  {run['status']:<11}  {run['family']:<16}  {fold}epoch {run['epoch']}/{run['epochs']}  {figures}"
                f"  {run['title']}"
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
    rule: Annotated[
        str,
        typer.Option(
            help="How the threshold is chosen, on validation only: youden, sensitivity=0.95, specificity=0.9, cost=20 (a "
            "missed lesion in needless referrals), cost=20@0.04 (at a clinic's prevalence), prevalence=0.04 (as many "
            "referred as are ill).",
        ),
    ] = DEFAULT_RULE,
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
            rule="" if rule == DEFAULT_RULE else rule,
        )
        point = bundle.operating_point
        if as_json:
            print_json(
                {
                    "name": bundle.name,
                    "path": str(bundle.path),
                    "engine": bundle.engine.model_dump(),
                    "operating_point": point.model_dump() if point else None,
                }
            )
        else:
            typer.echo(f"Published as {bundle.name} in {bundle.path}.")
            if point:
                typer.echo(f"Threshold {point.threshold:.4f}, chosen on validation as {point.chosen}.")
            for sentence in engine_sentences(bundle.engine):
                typer.echo(sentence)


def _summary(run) -> dict:
    return {
        "run": run.run_id,
        "title": run.title,
        "status": run.status,
        "family": run.config.family,
        "data": run.config.data,
        "tags": dict(run.tags),
        "epoch": run.epoch,
        "epochs": run.epochs,
        "folds": run.config.folds,
        "fold": run.fold,
        "best_epoch": run.best_epoch,
        "best": dict(run.best),
        "error": run.error,
        "directory": str(run.directory),
    }


def print_evaluation(result: dict, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    blind = "" if result.get("blind", True) else ", not blind: the model was made with some of them"
    typer.echo(f"{result['n']} images{blind}")
    if "intervals" in result:
        typer.echo(result["intervals"])
    for name, entry in result["metrics"].items():
        typer.echo(f"  {name.replace('_', ' ')}: {figure(entry)}")
    for label, name in result.get("mapping", {}).items():
        typer.echo(f"Class '{label}' of the set: {name or 'none of the bundle'}")
    if "heat_maps" in result:
        typer.echo(result["heat_maps"]["sentence"])
    for note in result.get("notes", []):
        typer.echo(f"Note: {note}")
