"""Verbs on ensembles of bundles: ``ensemble`` and ``evaluate-ensemble``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, print_json, progress_bar
from skin_core.cli.training import print_evaluation


def register(app: typer.Typer) -> None:
    """Adds the verbs to the command line."""
    app.command("ensemble")(ensemble)
    app.command("evaluate-ensemble")(evaluate_ensemble)


def ensemble(
    bundles: Annotated[list[str], typer.Argument(help="Two bundles or more, by name in models/ or by folder.")],
    name: Annotated[str, typer.Option(help="Name of the ensemble: lower-case letters, digits, - and _.")],
    how: Annotated[
        Literal["mean", "rank"],
        typer.Option(help="Mean of calibrated logits, or mean of ranks among validation pictures."),
    ] = "mean",
    data: Annotated[
        str,
        typer.Option(
            help="Labelled set of which no member has seen a picture, to calibrate on; without it, the validation "
            "pictures that the members' runs have in common."
        ),
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle of that name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make one bundle of several: each picture goes through all of them."""
    from skin_core.screening.card import engine_sentences, ensemble_sentences
    from skin_core.services.ensembles import make_ensemble

    with domain_errors(), progress_bar() as report:
        made = make_ensemble(bundles, name, progress=report, how=how, data=data or None, overwrite=overwrite)
        if as_json:
            print_json(
                {
                    "name": made.name,
                    "path": str(made.path),
                    "ensemble": made.ensemble.model_dump(),
                    "engine": made.engine.model_dump(),
                    "parity": made.parity,
                }
            )
            return
        typer.echo(f"Made {made.name} in {made.path}.")
        for sentence in [*ensemble_sentences(made), *engine_sentences(made.engine)]:
            typer.echo(sentence)


def evaluate_ensemble(
    name: Annotated[str, typer.Argument(help="Name of an ensemble in models/, or its folder.")],
    as_json: JsonOption = False,
) -> None:
    """Judge an ensemble on the locked test split of its members' runs. This is recorded; do it once."""
    from skin_core.services import ensembles

    with domain_errors(), progress_bar() as report:
        print_evaluation(ensembles.evaluate_ensemble(name, progress=report), as_json)
