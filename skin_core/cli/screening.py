"""Verbs on bundles: ``screen``, ``predict`` and ``evaluate-bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from skin_core.cli.terminal import JsonOption, domain_errors, print_json, progress_bar
from skin_core.cli.training import print_evaluation
from skin_core.errors import SkinCoreError, UnusableImageError

BundleArgument = Annotated[str, typer.Argument(help="Name of a bundle in models/, or the path of a bundle's folder.")]


def register(app: typer.Typer) -> None:
    """Adds the verbs to the command line."""
    app.command("screen")(screen)
    app.command("predict")(predict)
    app.command("evaluate-bundle")(evaluate_bundle)


def screen(
    bundle: BundleArgument,
    images: Annotated[list[Path], typer.Argument(help="One or more image files.")],
    age: Annotated[float | None, typer.Option(min=0, max=120, help="Age in years, if the bundle takes it.")] = None,
    sex: Annotated[Literal["female", "male"] | None, typer.Option(help="Sex, if the bundle takes it.")] = None,
    site: Annotated[str | None, typer.Option(help="Site of the lesion (lower extremity, head/neck, ...).")] = None,
    heatmaps: Annotated[Path | None, typer.Option(help="Folder to write the Grad-CAM overlays to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Screen images with a bundle: class probabilities, malignancy risk, decision, warnings."""
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
        "warnings": list(prediction.warnings),
    }
    if heatmaps is not None and prediction.in_distribution:
        result["heatmap"] = str(_write_heatmap(prediction, heatmaps, number))
    return result


def _bytes(path: Path) -> bytes:
    from skin_core.data.images import file_bytes
    from skin_core.data.locations import escaped

    name = escaped(str(path))
    if path.is_dir():
        raise UnusableImageError(f"{name} is a folder; use `predict` for a whole data set.")
    try:
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
    for label, probability in sorted(result["classes"].items(), key=lambda item: -item[1]):
        typer.echo(f"  {label}: {probability:.3f}")
    for warning in result["warnings"]:
        typer.echo(f"  Note: {warning}")


def predict(
    bundle: BundleArgument,
    data: Annotated[str, typer.Argument(help="A folder, csv set or HDF5 set; labels are not needed.")],
    out: Annotated[Path, typer.Option(help="The csv to write.")],
    as_json: JsonOption = False,
) -> None:
    """Predict a whole data set into a csv (and submission.csv for ISIC 2024's test files), in flat memory."""
    from skin_core.services.publishing import predict_set

    with domain_errors(), progress_bar() as report:
        if out.is_dir():
            raise SkinCoreError(f"--out expects the name of a csv file; {out} is a folder.")
        result = predict_set(bundle, data, out, progress=report)
        if as_json:
            print_json(result)
        else:
            typer.echo(f"{result['n']} predictions are in {result['out']}.")
            if result.get("submission"):
                typer.echo(f"The competition's form is in {result['submission']}.")


def evaluate_bundle(
    bundle: BundleArgument,
    data: Annotated[str, typer.Argument(help="A labelled data set in any known layout.")],
    as_json: JsonOption = False,
) -> None:
    """Judge a bundle on a labelled data set, without the pictures that it was trained on."""
    from skin_core.services import publishing

    with domain_errors(), progress_bar() as report:
        print_evaluation(publishing.evaluate_bundle(bundle, data, progress=report), as_json)
