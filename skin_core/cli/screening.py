"""Verbs on bundles: ``screen``, ``predict`` and ``evaluate-bundle``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, print_json, progress_bar
from skin_core.cli.training import print_evaluation
from skin_core.errors import ConfigError, SkinCoreError, UnusableImageError, WorkspaceError

BundleArgument = Annotated[str, typer.Argument(help="Name of a bundle in models/, or the path of a bundle's folder.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs to the command line."""
    app.command("screen")(screen)
    app.command("predict")(predict)
    app.command("evaluate-bundle")(evaluate_bundle)


def screen(
    bundle: BundleArgument,
    # Typer's own look at permissions would refuse the whole call for one file that may not be read.
    images: Annotated[list[Path], typer.Argument(readable=False, help="One or more image files.")],
    age: Annotated[float | None, typer.Option(help="Age in years, 0 to 120, if the bundle takes it.")] = None,
    sex: Annotated[str | None, typer.Option(help="female or male, if the bundle takes it.")] = None,
    site: Annotated[str | None, typer.Option(help="Site of the lesion (lower extremity, head/neck, ...).")] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(readable=False, help="Folder to write the Grad-CAM overlays to.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Screen images with a bundle: class probabilities, malignancy risk, decision, warnings.

    Exit code 1 if no file at all could be screened; each file's own error stands beside its name.
    """
    from skin_core.services.screening import load_bundle

    with domain_errors():
        loaded = load_bundle(bundle)
        results = []
        for number, path in enumerate(images, start=1):
            result = _screen_one(loaded, path, number, age=age, sex=sex, site=site, heatmaps=heatmaps)
            results.append(result)
            if not as_json:
                _print_result(result)
        if as_json:
            print_json(results)
        if all("error" in result for result in results):
            raise UnusableImageError(
                f"None of the {len(results)} files could be screened; each file's own sentence says why."
                if len(results) > 1
                else "The file could not be screened; its own sentence says why."
            )


def _screen_one(bundle, path: Path, number: int, *, age, sex, site, heatmaps: Path | None) -> dict:
    from skin_core.data.locations import escaped
    from skin_core.services.screening import screen_image

    # Bytes that are no UTF-8 would break the JSON; `predict` and `audit` write such names the same way.
    name = escaped(str(path))
    try:
        prediction = screen_image(bundle, _bytes(path), name=escaped(path.name), age=age, sex=sex, site=site)
    except UnusableImageError as error:
        return {"file": name, "error": str(error)}
    result = {
        "file": name,
        "classes": dict(prediction.probabilities),
        "malignancy": prediction.malignancy,
        "decision": prediction.decision,
        "sentence": prediction.sentence,
        "warnings": list(prediction.warnings),
    }
    if heatmaps is not None and prediction.in_distribution:
        try:
            result["heatmap"] = str(_write_heatmap(prediction, heatmaps, number))
        except WorkspaceError as error:  # The answer is worth more than its picture.
            result["warnings"].append(f"The heat map is missing: {error}")
    return result


def _bytes(path: Path) -> bytes:
    from skin_core.data.images import file_bytes
    from skin_core.data.locations import escaped

    name = escaped(str(path))
    try:
        if os.path.isdir(path):  # Path.is_dir raises where a folder above may not be entered.
            raise UnusableImageError(f"{name} is a folder; use `predict` for a whole data set.")
        return file_bytes(path, name)
    except FileNotFoundError:
        raise UnusableImageError(f"{name} does not exist; give the path of an image file.") from None
    except OSError as error:
        raise UnusableImageError(
            f"{name} cannot be read ({error.strerror}); give an image file you may read."
        ) from None


def _write_heatmap(prediction, folder: Path, number: int) -> Path:
    from PIL import Image

    from skin_core.paths import atomic_path
    from skin_core.services.screening import heatmap, overlay

    top = max(prediction.probabilities, key=prediction.probabilities.get)
    picture = overlay(prediction.pixels, heatmap(prediction, top), 0.5)
    # A neutral name: the name of an upload may be a patient's.
    target = folder / f"heatmap-{number:03d}.png"
    with atomic_path(target) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return target


def _print_result(result: dict) -> None:
    if "error" in result:
        typer.echo(f"{result['file']}: {result['error']}")
        return
    risk = "no risk given" if result["malignancy"] is None else f"risk {100 * result['malignancy']:.1f} in 100"
    typer.echo(f"{result['file']}: {result['decision']} ({risk})")
    typer.echo(f"  {result['sentence']}")
    for label, probability in sorted(result["classes"].items(), key=lambda item: -item[1]):
        typer.echo(f"  {label}: {probability:.3f}")
    for warning in result["warnings"]:
        typer.echo(f"  Note: {warning}")


def predict(
    bundle: BundleArgument,
    data: Annotated[str, typer.Argument(help="A folder, csv set or HDF5 set; labels are not needed.")],
    out: Annotated[Path, typer.Option(readable=False, help="The csv to write.")],
    as_json: JsonOption = False,
) -> None:
    """Predict a whole data set into a csv (and submission.csv for ISIC 2024's test files), in flat memory."""
    from skin_core.services.publishing import predict_set

    with domain_errors(), progress_bar() as report:
        if os.path.isdir(out):
            raise SkinCoreError(f"--out expects the name of a csv file; {out} is a folder.")
        result = predict_set(bundle, data, out, progress=report)
        if as_json:
            print_json(result)
        else:
            typer.echo(f"{result['n']} predictions are in {result['out']}.")
            if result.get("submission"):
                typer.echo(f"The competition's form is in {result['submission']}.")
            for note in result["notes"]:
                typer.echo(f"Note: {note}")


def evaluate_bundle(
    bundle: BundleArgument,
    data: Annotated[str, typer.Argument(help="A labelled data set in any known layout.")],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="THEIRS=OURS",
            help="A class of the set and the class of the bundle that it is; THEIRS=none if it is none of them. May be "
            "repeated; what is not named is matched by its name.",
        ),
    ] = None,
    keep_seen: Annotated[
        bool,
        typer.Option("--keep-seen", help="Judge on pictures that it was made with, too; the result is not blind then."),
    ] = False,
    keep_conflicts: Annotated[
        bool, typer.Option("--keep-conflicts", help="Judge on identical pictures under two labels, too.")
    ] = False,
    other_ids: Annotated[
        bool,
        typer.Option(
            "--other-ids",
            help="The set counts its lesions or patients anew: an id that the bundle's own set has, too, says nothing.",
        ),
    ] = False,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", readable=False, help="Where to write the report, as one page."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a bundle on a labelled data set, without the pictures that it was trained on, their twins and lesions."""
    from skin_core.services import external
    from skin_core.services.reporting import copy_report

    with domain_errors(), progress_bar() as report:
        found = external.evaluate_bundle(
            bundle,
            data,
            progress=report,
            mapping=_mapping(map_ or []),
            keep_seen=keep_seen,
            keep_conflicts=keep_conflicts,
            other_ids=other_ids,
            report=report_file is not None,
        )
        if report_file is not None:
            copy_report(found["id"], report_file, split="external")
        print_evaluation(found, as_json)


def _mapping(pairs: list[str]) -> dict[str, str]:
    """``their class=our class``; a folder's name may hold an equals sign, a class of ours hardly does."""
    found = {}
    for pair in pairs:
        theirs, equals, ours = pair.rpartition("=")
        if not equals or not theirs.strip() or not ours.strip():
            raise ConfigError(f"--map expects their class=our class (or =none); got '{pair}'.")
        found[theirs.strip()] = ours.strip()
    return found
