"""The published layouts that LesionLab reads. Every module here that defines a `DataSource` is found by being here."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Mapping
from functools import cache
from itertools import groupby
from pathlib import Path

from skin_core.data.manifest import Manifest
from skin_core.data.risk import with_risk_levels
from skin_core.data.sources.base import DataSource
from skin_core.errors import DataSourceError

__all__ = ["DataSource", "all_sources", "detect_source", "read_manifest"]


@cache
def all_sources() -> dict[str, DataSource]:
    """Each source by name, the one that is asked first in front."""
    found: list[DataSource] = []
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, DataSource) and not inspect.isabstract(kind) and kind.__module__ == loaded.__name__:
                found.append(kind())
    found.sort(key=lambda source: (-source.priority, source.name))
    return {source.name: source for source in found}


def detect_source(path: str | Path) -> DataSource:
    """The source whose layout ``path`` is in.

    Raises:
        DataSourceError: if the path is not there or cannot be read, if it holds two data sets, or, where no source
            fits, with what each source looked for.
    """
    place = _readable(path)
    for _, equals in groupby(all_sources().values(), key=lambda source: source.priority):
        fitting = [source for source in equals if source.detect(place)]
        if len(fitting) > 1:
            raise DataSourceError(
                f"{place} holds more than one data set ({', '.join(source.name for source in fitting)}); "
                "give the folder or the csv of one of them."
            )
        if fitting:
            return fitting[0]
    if place.is_file() and not place.stat().st_size:
        raise DataSourceError(f"{place} is empty; give the folder or the csv of a data set.")
    looked = "; ".join(f"{source.name}: {source.looks_for}" for source in all_sources().values())
    raise DataSourceError(f"{place} is in no layout that LesionLab reads; it looked for {looked}.")


def read_manifest(
    path: str | Path,
    *,
    labelled: bool = True,
    risk_levels: Mapping[str, str] | None = None,
    further: bool = True,
) -> Manifest:
    """Detects the layout of ``path``, reads it, and fills the risk level of each class.

    Args:
        path: a folder, or a csv or HDF5 file of a layout that has one.
        labelled: False accepts images without labels (prediction).
        risk_levels: class to "benign", "premalignant" or "malignant" where it differs from the mapping shown.
        further: False leaves out the further columns of a csv that would take long; ``Manifest.further`` names them.

    Returns:
        The manifest. ``notes`` says in sentences what was left out and why.

    Raises:
        DataSourceError: if nothing usable is there: what was expected, what came, what to do.
    """
    place = _readable(path)
    return with_risk_levels(detect_source(place).read(place, labelled=labelled, further=further), risk_levels)


def _readable(path: str | Path) -> Path:
    place = Path(os.path.abspath(Path(path).expanduser()))
    try:
        # Path.is_dir raises where a folder above may not be entered; opening it then tells that.
        with os.scandir(place) if os.path.isdir(place) else open(place, "rb"):
            return place
    except FileNotFoundError:
        raise DataSourceError(f"There is no file or folder {place}; check the path.") from None
    except PermissionError:
        raise DataSourceError(f"{place} may not be read; give this user read permission.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataSourceError(f"{place} cannot be opened ({reason}); check the path.") from error
