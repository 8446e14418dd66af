"""Synthetic demo sets: procedural lesions, written out in the published layouts, always marked as synthetic."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from skin_core.data.sources.synthetic import MARKER
from skin_core.data.synthesis import cast as casting
from skin_core.data.synthesis.cast import Specimen
from skin_core.data.synthesis.faults import DemoFaults, planted
from skin_core.data.synthesis.layouts import WRITERS
from skin_core.data.synthesis.lesion import KINDS
from skin_core.errors import DataSourceError, WorkspaceError
from skin_core.progress import ProgressCallback, ignore_progress, tracked

__all__ = ["LAYOUTS", "DemoFaults", "planted_faults", "write_demo"]

Layout = Literal["folder", "ham10000", "isic2024"]
LAYOUTS: tuple[str, ...] = tuple(WRITERS)
RECORD = "SYNTHETIC.json"

_CLASSES = {
    "folder": casting.FOLDER_CLASSES,
    "ham10000": casting.HAM10000_CLASSES,
    "isic2024": casting.ISIC2024_CLASSES,
}
_NOTICE = """This data set is synthetic. A program (LesionLab's demo-data) drew every picture and made up every row.
No picture shows a person, and nothing learnt from them says anything about real skin.
Leave this file where it is: it is how LesionLab knows the set as synthetic.
"""


def write_demo(
    out: Path,
    *,
    layout: Layout,
    n: int = 400,
    seed: int = 42,
    faults: DemoFaults | None = None,
    classes: Mapping[str, float] | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Path:
    """Draws a synthetic set and writes it in a published layout. The same arguments give the same pixels.

    Args:
        out: folder to make; it may exist if it is empty. It appears only when it is complete.
        layout: "folder" (with a published test folder), "ham10000" or "isic2024" (with unlabelled test files).
        n: good pictures; unlabelled test tiles of ISIC 2024 (n / 10, at least 3) and faults come on top.
        seed: decides patients, lesions and views.
        faults: what to plant; none by default. `planted_faults` tells where they are.
        classes: class to its share, in place of the layout's own: the codes of HAM10000, the nine names of the
            ISIC archive, "benign" and "malignant".
        progress: told of each picture.

    Returns:
        ``out``, absolute.

    Raises:
        DataSourceError: for a layout, a number or a class that cannot be drawn, or a folder that is not empty.
        WorkspaceError: if it cannot be written.
    """
    faults = faults or DemoFaults()
    out = Path(os.path.abspath(Path(out).expanduser()))
    shares = _checked(layout, n, faults, classes)
    rng = np.random.default_rng(seed)
    cast = casting.assembled(n, shares, rng, dermoscopic=layout != "isic2024")
    if layout == "folder":
        cast = casting.with_test_split(cast, 0.2, rng)
    cast += planted(cast, faults, rng)
    if layout == "isic2024":
        cast += _test_tiles(max(3, n // 10), shares, rng, first=len(cast) + 1)

    def track(specimens: list[Specimen]) -> Iterable[Specimen]:
        return tracked(specimens, "Drawing lesions", len(specimens), progress)

    _refuse_occupied(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise _not_written(out, error) from error
    try:
        places = WRITERS[layout](unfinished, cast, track)
        record = {"layout": layout, "n": n, "seed": seed, "faults": _told(cast, places)}
        (unfinished / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        (unfinished / MARKER).write_text(_NOTICE, encoding="utf-8")
        unfinished.chmod(0o755)
        # Onto an empty folder this replaces it; a folder that filled up meanwhile makes it fail, and stays.
        os.replace(unfinished, out)
    except OSError as error:
        raise _not_written(out, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return out


def planted_faults(demo: Path) -> list[dict[str, str]]:
    """The faults of a set that `write_demo` wrote.

    Returns:
        One dict a fault: fault, image_id, location ("" for a missing picture), copy_of (location of the picture it
        repeats, "" where it repeats none).
    """
    return json.loads((Path(demo) / RECORD).read_text(encoding="utf-8"))["faults"]


def _checked(layout: str, n: int, faults: DemoFaults, classes: Mapping[str, float] | None) -> Mapping[str, float]:
    if layout not in WRITERS:
        raise DataSourceError(f"There is no layout '{layout}'; choose one of {', '.join(WRITERS)}.")
    shares = dict(classes or _CLASSES[layout])
    if n < 2 * len(shares):
        raise DataSourceError(f"A synthetic set needs two pictures a class, here {2 * len(shares)}; got {n}.")
    strange = [label for label in shares if any(kind not in KINDS for kind in casting.kinds_of(label))]
    if strange:
        known = ", ".join([*casting.KINDS_OF_CLASS, *KINDS])
        raise DataSourceError(f"Class '{strange[0]}' cannot be drawn; the classes are {known}.")
    if layout == "isic2024" and set(shares) - {"benign", "malignant"}:
        raise DataSourceError("ISIC 2024 knows only the classes benign and malignant (its column target).")
    if faults.split_leaks and layout != "folder":
        raise DataSourceError(f"The layout {layout} prescribes no split that could leak; plant split_leaks in folder.")
    return shares


def _test_tiles(n: int, shares: Mapping[str, float], rng: np.random.Generator, first: int) -> list[Specimen]:
    tiles = casting.assembled(n, shares, rng, dermoscopic=False, first=first)
    return [replace(tile, split="test") for tile in tiles]


def _told(cast: list[Specimen], places: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "fault": specimen.fault,
            "image_id": specimen.image_id,
            "location": places.get(specimen.image_id, ""),
            "copy_of": places.get(specimen.copy_of, ""),
        }
        for specimen in cast
        if specimen.fault
    ]


def _refuse_occupied(out: Path) -> None:
    try:
        occupied = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise _not_written(out, error) from error
    if occupied:
        raise DataSourceError(f"{out} is there already and not empty; name a new folder.")


def _not_written(out: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"{out} cannot be written ({error.strerror or error}); choose another folder or free some space."
    )
