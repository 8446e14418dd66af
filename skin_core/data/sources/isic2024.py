"""ISIC 2024 (SLICE-3D): a csv, and tiles as byte strings in an HDF5 file, or loose in a folder."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from skin_core.data.images import open_hdf5
from skin_core.data.locations import HDF5_SUFFIXES, escaped
from skin_core.data.manifest import Manifest
from skin_core.data.sites import general_site
from skin_core.data.sources.base import DataSource
from skin_core.data.sources.csv_table import header, read_table
from skin_core.data.sources.listing import list_images, visible_files
from skin_core.data.sources.matching import by_stem, joined, positions, without_repeats
from skin_core.data.sources.people import ages, sexes
from skin_core.data.sources.wording import count, some
from skin_core.data.words import as_numbers, as_words, translated
from skin_core.errors import DataSourceError

ID = "isic_id"
_CSV_SUFFIXES = (".csv", ".tsv")
_TEXT = (
    *(ID, "patient_id", "lesion_id", "sex", "anatom_site_general", "image_type", "tbp_tile_type", "tbp_lv_location"),
    *("tbp_lv_location_simple", "attribution", "copyright_license"),
    *("iddx_full", "iddx_1", "iddx_2", "iddx_3", "iddx_4", "iddx_5", "mel_mitotic_index"),
)
_MEASURED = ("tbp_lv_", "clin_size_", "mel_thick_", "age_")
# What the manifest is made of, without what it only passes on.
_OWN = (ID, "target", "patient_id", "age_approx", "sex", "anatom_site_general")
_TARGETS = {"0": "benign", "0.0": "benign", "1": "malignant", "1.0": "malignant"}


class Isic2024Source(DataSource):
    """The layout of ISIC 2024, and any csv with ``isic_id`` beside its tiles.

    ``<part>-metadata.csv`` goes with ``<part>-image.hdf5``, else with loose tiles in ``<part>-image/``, else with
    any pictures below the csv's folder. Of several parts in one folder the labelled one is read, or, for prediction,
    the unlabelled one; the path of a csv or an HDF5 file chooses a part. ``target`` becomes the label (0 benign,
    1 malignant), ``patient_id`` the group; all other columns stay as they came.
    """

    name = "isic2024"
    title = "ISIC 2024"
    looks_for = "a csv with the column isic_id (train-metadata.csv) beside an HDF5 file of tiles or loose tiles"
    priority = 10

    def detect(self, path: Path) -> bool:
        if path.suffix.lower() in HDF5_SUFFIXES:
            return path.is_file()
        return bool(_tables(path))

    def read(self, path: Path, *, labelled: bool = True, further: bool = True) -> Manifest:
        root = path if path.is_dir() else path.parent
        csv = _chosen(path, labelled)
        if csv is None:
            if path.is_file() and not labelled:
                return self._without_csv(path)
            raise DataSourceError(f"{path} has no csv with the column {ID} beside it; put its metadata csv there.")
        hdf5 = path if path.suffix.lower() in HDF5_SUFFIXES else _container(csv)
        numbers = [name for name in header(csv) or () if name.startswith(_MEASURED) and name not in _TEXT]
        # Arrow reads the csv outside the interpreter's lock, h5py lists the tiles within it.
        with ThreadPoolExecutor(1) as thread:
            reading = thread.submit(
                read_table,
                csv,
                required=(ID, "target") if labelled else (ID,),
                text=(*_TEXT, "target"),
                numbers=numbers,
                only=None if further else _OWN,
            )
            tiles = _tiles(hdf5, root)
        table = reading.result()
        frame, said = without_repeats(table.frame, ID, "target" if "target" in table.frame else None, csv.name)
        notes = [*table.notes, *said]
        if "target" in frame:
            frame = frame.assign(label=translated(frame["target"], _TARGETS))
        if labelled:
            odd = frame["label"].isna()
            if odd.any():
                notes.append(
                    f"{count(int(odd.sum()), 'row')} of {csv.name} with a target that is neither 0 nor 1 left out: "
                    f"{some(frame.loc[odd, ID])}."
                )
                frame = frame[~odd]
        found, said = _located(frame, csv, root, hdf5, tiles)
        notes += said
        if found.empty:
            raise DataSourceError(
                f"None of the {count(frame, 'id')} in {csv} has a tile ({some(frame[ID], 3)}); "
                f"put {_part(csv)}-image.hdf5, or the loose tiles, beside it."
            )
        own = _translated(found, notes)
        return Manifest.validated(own, source=self.name, root=root, notes=tuple(notes), further=table.further)

    def _without_csv(self, path: Path) -> Manifest:
        places = _keys(path, path.parent)
        frame = pd.DataFrame({"image_id": places.index, "location": places.array})
        note = f"{path.name} has no metadata csv beside it; only the tiles are known."
        return Manifest.validated(frame, source=self.name, root=path.parent, notes=(note,))


def _tables(path: Path) -> dict[Path, list[str]]:
    """The csv files with ``isic_id`` at a path, nearest first, with their columns; none of a folder further down
    where the folder itself has one."""
    files = [path] if path.is_file() else visible_files(path, _CSV_SUFFIXES, depth=2)
    found: dict[Path, list[str]] = {}
    for file in files:
        if file.suffix.lower() not in _CSV_SUFFIXES:
            continue
        if found and file.parent != next(iter(found)).parent:
            break
        names = header(file) or []
        # A submission has ids as well; it describes no picture.
        if ID in names and (len(names) > 2 or file.stem.lower().endswith("metadata")) and "submission" not in file.stem:
            found[file] = names
    return found


def _chosen(path: Path, labelled: bool) -> Path | None:
    if path.suffix.lower() in HDF5_SUFFIXES:
        beside = _tables(path.parent)
        there = [csv for csv in beside if csv.parent == path.parent]
        return next((csv for csv in there if _is_named_for(path, csv) or path == _container(csv)), None)
    tables = _tables(path)
    fitting = [csv for csv, names in tables.items() if ("target" in names) == labelled] or list(tables)
    fitting.sort(key=lambda csv: _part(csv).lower() not in ("train", "test"))
    return fitting[0] if fitting else None


def _part(csv: Path) -> str:
    """ "train" of train-metadata.csv."""
    return csv.stem.removesuffix("-metadata").removesuffix("_metadata")


def _tiles(container: Path | None, root: Path) -> pd.Series | DataSourceError:
    """Locations by id of the tiles in an HDF5 file; the reason where it cannot be opened, since loose ones may do."""
    if container is None:
        return pd.Series([], index=pd.Index([], dtype="string"), dtype="string")
    try:
        return _keys(container, root)
    except DataSourceError as error:
        return error


def _located(
    frame: pd.DataFrame, csv: Path, root: Path, container: Path | None, tiles: pd.Series | DataSourceError
) -> tuple[pd.DataFrame, list[str]]:
    """Rows with the place of their tile: the HDF5 file first, loose tiles for what it lacks."""
    notes: list[str] = []
    where = []
    if isinstance(tiles, DataSourceError):
        notes.append(str(tiles))
        places = _tiles(None, root)
    else:
        places = tiles
        if container is not None:
            where.append(f"in {container.name}")
    if (positions(frame[ID], places.index) < 0).any():
        loose, said, folder = _loose(csv, root)
        if len(loose):
            notes += said
            where.append(f"below {folder}")
            places = pd.concat([places, loose[positions(loose.index.to_series(), places.index) < 0]])
    if container is not None and not len(places) and notes:
        raise DataSourceError(notes[-1])
    found, said = joined(frame, ID, places, csv.name, " or ".join(where) or f"beside {csv.name}")
    return found, [*notes, *said]


def _container(csv: Path) -> Path | None:
    """The HDF5 file of a csv: by its part's name, or the only one there where the csv has no part's name."""
    there = visible_files(csv.parent, HDF5_SUFFIXES, depth=0)
    named = [file for file in there if _is_named_for(file, csv)]
    if named:
        return named[0]
    return there[0] if len(there) == 1 and _part(csv).lower() not in ("train", "test") else None


def _is_named_for(hdf5: Path, csv: Path) -> bool:
    part = _part(csv).lower()
    return hdf5.stem.lower() in (f"{part}-image", f"{part}_image", part)


def _keys(container: Path, root: Path) -> pd.Series:
    """Locations by id of all tiles in an HDF5 file; reads names only."""
    import pyarrow as pa
    import pyarrow.compute as compute

    keys: list[bytes] = []
    with open_hdf5(container) as file:
        # Ten times quicker than iterating the file object, which asks for each name by its number.
        file.id.links.iterate(keys.append)
    inside = escaped(os.path.relpath(container, root)).replace(os.sep, "/")
    packed = pa.array(keys, pa.large_binary())
    if b"".join(keys).isascii():
        names = packed.cast(pa.large_string())  # Arrow decodes them all at once.
    else:
        names = pa.array([escaped(key.decode("utf-8", "surrogateescape")) for key in keys], pa.large_string())
    prefix = pa.scalar(f"{inside}::", pa.large_string())
    places = compute.binary_join_element_wise(prefix, names, pa.scalar("", pa.large_string()))
    return as_words(places, pd.Index(as_words(names)))


def _loose(csv: Path, root: Path) -> tuple[pd.Series, list[str], str]:
    folder = csv.parent / f"{_part(csv)}-image"
    below = folder if folder.is_dir() else csv.parent
    relative = "" if below == root else escaped(str(below.relative_to(root)))
    listing = list_images(root, relative)
    places, said = by_stem(listing.images)
    return places, [*listing.notes, *said], below.name


def _translated(found: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    frame = found.rename(columns={ID: "image_id"})
    if "patient_id" in frame:
        frame["group_id"] = frame["patient_id"]
    if "anatom_site_general" in frame:
        frame["site_raw"] = frame["anatom_site_general"]
        frame["site"] = general_site(frame["anatom_site_general"])
    if "age_approx" in frame:
        frame["age"] = ages(frame["age_approx"], notes)
    if "sex" in frame:
        frame["sex"] = sexes(frame["sex"], notes)
    if "target" in frame:
        frame["target"] = pd.array(as_numbers(frame["target"]), dtype="Float64")
    return frame.drop(columns=[name for name in ("age_approx", "anatom_site_general") if name in frame])
