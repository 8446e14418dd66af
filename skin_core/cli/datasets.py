"""Verbs on data sets: ``demo-data`` and ``audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, print_json, progress_bar


def register(app: typer.Typer) -> None:
    """Adds the verbs to the command line."""
    app.command("demo-data")(demo_data)
    app.command("audit")(audit)


def demo_data(
    layout: Annotated[Literal["folder", "ham10000", "isic2024"], typer.Option(help="The published layout to write.")],
    out: Annotated[Path, typer.Option(readable=False, help="A folder that is not there yet, or is empty.")],
    n: Annotated[int, typer.Option(min=1, help="Number of images.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed draws the same images.")] = 42,
    conflicts: Annotated[int, typer.Option(min=0, help="Planted: identical pictures under two labels.")] = 0,
    split_leaks: Annotated[int, typer.Option(min=0, help="Planted: lesions on both sides of the split.")] = 0,
    broken: Annotated[int, typer.Option(min=0, help="Planted: files that are no images.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write a synthetic data set (drawn lesions, no patient) in a published layout."""
    from skin_core.data.demo import DemoFaults, write_demo

    with domain_errors(), progress_bar() as report:
        faults = DemoFaults(conflicts=conflicts, split_leaks=split_leaks, broken=broken)
        path = write_demo(out, layout=layout, n=n, seed=seed, faults=faults, progress=report)
        if as_json:
            print_json({"path": str(path), "layout": layout, "n": n, "seed": seed})
        else:
            typer.echo(f"A synthetic set of {n} images in the {layout} layout is in {path}.")


def audit(
    data: Annotated[str, typer.Argument(help="Folder or csv of the data set.")],
    against: Annotated[
        list[str] | None, typer.Option(help="Another data set to look for the same pictures in; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look for what would make a figure dishonest: twins, conflicts, leaks, unreadable files, missing metadata."""
    from skin_core.data.audit import audit as run_audit
    from skin_core.data.sources import read_manifest

    with domain_errors(), progress_bar() as report:
        manifest = read_manifest(data)
        others = [read_manifest(other) for other in against or []]
        findings = run_audit(manifest, against=others, progress=report).to_json()
        if as_json:
            print_json(findings)
            return
        typer.echo(f"{findings['n_images']} images, read as {findings['source']}")
        for label, count in findings["classes"].items():
            typer.echo(f"  {label}: {count}")
        for key, what in _FINDINGS.items():
            typer.echo(f"{what}: {len(findings[key])}")
            for row in findings[key][:5]:
                typer.echo(f"  {_row(row)}")
            if len(findings[key]) > 5:
                typer.echo(f"  and {len(findings[key]) - 5} more (all of them with --json)")
        for column, count in findings["missing"].items():
            typer.echo(f"Missing {column}: {count}")
        for note in findings.get("notes", []):
            typer.echo(f"Note: {note}")


_FINDINGS = {
    "unreadable": "Unreadable files",
    "identical": "Groups of identical pictures",
    "near_duplicates": "Near-duplicate pairs",
    "across": "Pictures that are also in the other sets",
    "label_conflicts": "Identical pictures under different labels",
    "split_leaks": "Leaks across the published split",
}


def _row(row: object) -> str:
    if isinstance(row, list | tuple):
        return "  =  ".join(f"{item:.3f}" if isinstance(item, float) else str(item) for item in row)
    if isinstance(row, dict):
        return ", ".join(f"{key}: {_row(value)}" for key, value in row.items())
    return str(row)
