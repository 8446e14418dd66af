"""How the command line talks: one JSON document or plain text on standard output, progress and messages on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from skin_core.errors import SkinCoreError
from skin_core.paths import machine_error
from skin_core.progress import Progress, ProgressCallback

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def print_json(document: Any) -> None:
    """Prints a document; NaN becomes null, since JSON has no NaN."""
    typer.echo(json.dumps(_plain(document), ensure_ascii=False, indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turns a domain error, and what the machine refuses, into its sentence on standard error and exit code 1."""
    try:
        yield
    except SkinCoreError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        told = machine_error(error)
        if told is None:
            raise
        typer.echo(f"Error: {told}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """A progress bar on standard error; on a pipe, a line each time the work changes."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def line(progress: Progress) -> None:
            if progress.what not in seen:
                seen.add(progress.what)
                typer.echo(f"{progress.what} ...", err=True)

        yield line
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def draw(progress: Progress) -> None:
            if progress.what not in tasks:
                tasks[progress.what] = bar.add_task(progress.what, total=progress.total or None, left="")
            bar.update(
                tasks[progress.what],
                completed=progress.done,
                total=progress.total or None,
                left=time_left(progress.seconds_left),
            )

        yield draw


def time_left(seconds: float | None) -> str:
    """An estimate for people: "about 3 min left"; empty where there is none."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


def figure(entry: dict[str, float] | None) -> str:
    """A metric with its interval: "0.81 (0.78 to 0.84)", or "undefined"."""
    if not entry or entry.get("value") is None or math.isnan(entry["value"]):
        return "undefined"
    low, high = entry.get("low"), entry.get("high")
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} ({low:.3f} to {high:.3f})"
