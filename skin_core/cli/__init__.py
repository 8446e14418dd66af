"""The command line: ``python -m skin_core VERB``. The same services as the pages."""

from __future__ import annotations

import typer

from skin_core.cli import cross_validation, datasets, ensembles, recipes, screening, search, training

app = typer.Typer(
    name="skin_core",
    help="LesionLab on the command line: audit a data set, train, evaluate, publish and screen. "
    "Research software, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verbs in (datasets, recipes, training, cross_validation, search, screening, ensembles):
    verbs.register(app)
