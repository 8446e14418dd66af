"""The verb on recipes: ``recipes``."""

from __future__ import annotations

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, print_json


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("recipes")(recipes)


def recipes(as_json: JsonOption = False) -> None:
    """List the recipes: what each is, how long it takes, which figure to expect."""
    from skin_core.recipes import all_recipes

    with domain_errors():
        listed = list(all_recipes().values())
        if as_json:
            fields = ("name", "title", "paragraph", "source", "family", "layout", "takes", "expect", "command")
            print_json(
                [{**{key: getattr(one, key) for key in fields}, "settings": dict(one.settings)} for one in listed]
            )
            return
        for number, one in enumerate(listed):
            if number:
                typer.echo()
            typer.echo(f"{one.name}: {one.title}")
            typer.echo(f"  {one.paragraph}")
            typer.echo(f"  Source: {one.source}. Made for the layout {one.layout}; trains {one.family}.")
            typer.echo(f"  Time: {one.takes}")
            typer.echo(f"  Figure: {one.expect}")
            typer.echo(f"  {one.command}")
