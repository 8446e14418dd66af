"""HAM10000: a metadata csv, and pictures named by their id in any folders below it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from skin_core.data.manifest import Manifest
from skin_core.data.sites import general_site
from skin_core.data.sources.base import DataSource
from skin_core.data.sources.csv_table import header, read_table
from skin_core.data.sources.listing import list_images, visible_files
from skin_core.data.sources.matching import by_stem, joined, without_repeats
from skin_core.data.sources.people import ages, sexes
from skin_core.data.sources.wording import count, some
from skin_core.errors import DataSourceError

_TEXT = ("image_id", "lesion_id", "dx", "dx_type", "sex", "localization", "dataset")
_TELLING = {"dx", "lesion_id", "dx_type", "localization"}
_CSV_SUFFIXES = (".csv", ".tab", ".tsv", ".txt", "")


class Ham10000Source(DataSource):
    """The layout of HAM10000 (Tschandl et al. 2018), and of sets that follow it.

    ``lesion_id`` becomes ``group_id``, ``dx`` the label, ``localization`` the site; ``dx_type`` and further columns
    stay as they came. An age of 0 stays 0: the published table has it, and does not say that it means anything else.
    """

    name = "ham10000"
    title = "HAM10000"
    looks_for = "HAM10000_metadata.csv (columns image_id, lesion_id, dx, ...) with pictures below its folder"
    priority = 10

    def detect(self, path: Path) -> bool:
        return _metadata(path) is not None or _has_parts(path)

    def read(self, path: Path, *, labelled: bool = True, further: bool = True) -> Manifest:
        csv = _metadata(path)
        if csv is None:
            if not labelled:
                return self._without_csv(path)
            raise DataSourceError(
                f"{path} holds HAM10000's pictures but no csv with the columns image_id and dx; "
                "put HAM10000_metadata.csv beside the image folders."
            )
        root = path if path.is_dir() else csv.parent
        table = read_table(csv, required=("image_id", "dx") if labelled else ("image_id",), text=_TEXT)
        frame = table.frame
        notes = list(table.notes)
        # Some copies list file names instead of ids.
        frame["image_id"] = frame["image_id"].str.replace(r"\.(?:jpe?g|png)$", "", case=False, regex=True)
        frame, said = without_repeats(frame, "image_id", "dx" if "dx" in frame else None, csv.name)
        notes += said
        if labelled:
            nameless = frame["dx"].isna()
            if nameless.any():
                ids = frame.loc[nameless, "image_id"]
                notes.append(f"{count(ids, 'row')} of {csv.name} without dx left out: {some(ids)}.")
                frame = frame[~nameless]
        listing = list_images(root)
        places, said = by_stem(listing.images)
        notes += [*listing.notes, *said]
        found, said = joined(frame, "image_id", places, csv.name, f"below {root.name}")
        notes += said
        if found.empty:
            raise DataSourceError(
                f"None of the {count(frame, 'id')} in {csv} has a picture below {root} "
                f"({some(frame['image_id'], 3)}); put the image folders beside the csv."
            )
        columns, said = _translated(found)
        return Manifest.validated(columns, source=self.name, root=root, notes=(*notes, *said))

    def _without_csv(self, path: Path) -> Manifest:
        listing = list_images(path)
        places, said = by_stem(listing.images)
        frame = pd.DataFrame({"image_id": places.index, "location": places.array})
        notes = (*listing.notes, *said, f"{path.name} has no metadata csv; only the pictures are known.")
        return Manifest.validated(frame, source=self.name, root=path, notes=notes)


def _has_parts(path: Path) -> bool:
    """Whether the pictures lie there without their csv; as plain folders their parts would pass for classes."""
    return path.is_dir() and any(entry.name.lower().startswith("ham10000_images") for entry in path.iterdir())


def _metadata(path: Path) -> Path | None:
    """The metadata csv of a folder, or the path itself; by name first, then by its columns."""
    files = [path] if path.is_file() else visible_files(path, _CSV_SUFFIXES, depth=2)
    candidates = [file for file in files if file.suffix.lower() in _CSV_SUFFIXES]
    named = [file for file in candidates if file.name.lower().startswith("ham10000_metadata")]
    if named:
        return named[0]
    for file in candidates:
        names = header(file) or []
        if "image_id" in names and _TELLING & set(names):
            return file
    return None


def _translated(found: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    notes: list[str] = []
    frame = found.drop(columns=[name for name in ("age", "sex", "lesion_id", "dx", "localization") if name in found])
    if "dx" in found:
        frame["label"] = found["dx"]
    if "lesion_id" in found:
        frame["group_id"] = found["lesion_id"]
    if "localization" in found:
        frame["site_raw"] = found["localization"]
        frame["site"] = general_site(found["localization"])
    if "sex" in found:
        frame["sex"] = sexes(found["sex"], notes)
    if "age" in found:
        frame["age"] = ages(found["age"], notes)
    return frame, notes
