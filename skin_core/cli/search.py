"""The verb on searches: ``search``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, print_json, progress_bar, time_left
from skin_core.cli.training import RecipeOption, configured
from skin_core.errors import SearchError

if TYPE_CHECKING:
    from skin_core.services.searches import SearchView, Trial


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("search")(search)


def search(
    data: Annotated[str, typer.Argument(help="Folder or csv of the data set; not needed with --resume.")] = "",
    family: Annotated[str, typer.Option(help="Model family whose settings are searched.")] = "",
    recipe: RecipeOption = "",
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all (20); with --resume, a new number.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting that stays as it is, as key=value; may be repeated.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting to try, as key=low:high, key=low:high:log or key=a,b,c; may be repeated. "
            "Without any, the family's own space."
        ),
    ] = None,
    study: Annotated[str, typer.Option(help="A name for the search; without, the time and the family.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search that --study names.")] = False,
    pruner: Annotated[
        Literal["median", "hyperband", "none"],
        typer.Option(help="How trials that fall behind on validation are given up."),
    ] = "median",
    startup: Annotated[int, typer.Option(min=1, help="Trials that run to their end before any is given up.")] = 5,
    warmup: Annotated[int, typer.Option(min=1, help="Epochs that each trial has before it may be given up.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is tried.")] = 42,
    as_json: JsonOption = False,
) -> None:
    """Search for better settings on validation, in the foreground; each trial is a run. The test split is not read."""
    from skin_core.services import searches as service

    with domain_errors(), progress_bar() as report:
        if resume:
            if not study or data or family or recipe or set_ or space:
                raise typer.BadParameter(
                    "--resume goes on with --study NAME as it was begun; only --trials may change."
                )
            name = study
            typer.echo(f"Search {name} goes on", err=True)
        else:
            if not data or not (family or recipe):
                raise typer.BadParameter("give the data set and --family or --recipe, or --resume with --study NAME.")
            config = service.propose(
                configured(data, family, recipe, set_ or []),
                recipe=recipe,
                space=space or (),
                fixed=[override.partition("=")[0].strip() for override in set_ or []],
                pruner=pruner,
                startup_trials=startup,
                warmup_epochs=warmup,
                seed=seed,
            )
            name = service.create_search(config, name=study, trials=trials or 20)
            typer.echo(f"Search {name}", err=True)
        found = service.search_in_foreground(name, report, _tell, trials=trials if resume else None)
        if found.status == "failed":
            raise SearchError(f"Search {name} failed: {found.error}")
        if as_json:
            print_json(_summary(found))
        else:
            _print(found)


def _tell(trial: Trial, found: SearchView) -> None:
    words = f"Trial {trial.number} of {found.wanted}: {_figure(trial.value)}"
    if trial.state != "finished":
        words += f", {'given up' if trial.state == 'pruned' else 'failed'}: {trial.why}"
    best = found.best
    if best is not None:
        words += f"; best so far {_figure(best.value)} (trial {best.number})"
    left = time_left(found.progress.seconds_left) if found.progress and len(found.ended) < found.wanted else ""
    typer.echo(f"{words}{f'; {left}' if left else ''}", err=True)


def _print(found: SearchView) -> None:
    from skin_core.services import searches as service

    if found.status == "stopped":
        typer.echo(f"Stopped; to go on: python -m skin_core search --resume --study {found.name}")
    best = found.best
    if best is None:
        typer.echo("No trial ran to its end, so there is no best one.")
        return
    monitor = found.config.run.monitor
    given_up = sum(trial.state == "pruned" for trial in found.trials)
    failed = sum(trial.state == "failed" for trial in found.trials)
    typer.echo(f"{len(found.ended)} trials, {given_up} given up early, {failed} failed")
    typer.echo(f"Best: run {best.run} (trial {best.number}), {monitor} {_figure(best.value)}")
    first = found.baseline
    if first is not None and first.value is not None:
        typer.echo(f"The settings as they were (trial {first.number}): {_figure(first.value)}")
    for key, value in best.settings.items():
        typer.echo(f"  {key} = {value}")
    if found.importance.shares:
        shares = ", ".join(f"{key} {share:.2f}" for key, share in found.importance.shares.items())
        typer.echo(f"Importance, from {found.importance.trials} trials: {shares}")
    typer.echo(service.train_command(found, best))
    typer.echo(service.CAUTION)


def _summary(found: SearchView) -> dict:
    from skin_core.services import searches as service

    best = found.best
    return {
        "search": found.name,
        "status": found.status,
        "monitor": found.config.run.monitor,
        "space": dict(found.config.space),
        "wanted": found.wanted,
        "trials": [
            {
                "trial": trial.number,
                "state": trial.state,
                "value": trial.value,
                "settings": dict(trial.settings),
                "run": trial.run,
                "epochs": len(trial.curve),
                "seconds": trial.seconds,
                "why": trial.why,
            }
            for trial in found.trials
        ],
        "best": None
        if best is None
        else {
            "trial": best.number,
            "run": best.run,
            "value": best.value,
            "settings": dict(best.settings),
            "command": service.train_command(found, best),
        },
        "importance": {"trials": found.importance.trials, "shares": dict(found.importance.shares)},
        "caution": service.CAUTION,
    }


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
