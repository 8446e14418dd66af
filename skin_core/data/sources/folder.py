"""Pictures sorted into one folder a class, with or without split folders above: ``<root>[/train|test]/<class>/*``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from skin_core.data.manifest import Manifest
from skin_core.data.sources.base import DataSource
from skin_core.data.sources.listing import Listing, has_image, list_images
from skin_core.data.sources.wording import count, some
from skin_core.errors import DataSourceError

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


class FolderSource(DataSource):
    """Folders of classes.

    The class is the folder's name as it is; pictures further down belong to the class folder above them. Split
    folders are recognised in any case, where they hold folders themselves. One folder that alone holds everything
    (an unpacked archive) is looked through.
    """

    name = "folder"
    title = "Folders of classes"
    looks_for = "pictures in one folder a class, below split folders (train, test, validation) or not"
    priority = -10

    def detect(self, path: Path) -> bool:
        return path.is_dir() and has_image(path)

    def read(self, path: Path, *, labelled: bool = True, further: bool = True) -> Manifest:
        listing = list_images(path)
        if not listing.images:
            raise DataSourceError(f"No picture lies below {path}; expected one folder a class with pictures in it.")
        frame, notes = _classified(listing, labelled)
        if frame.empty:
            raise DataSourceError(
                f"The pictures below {path} are in no class folder ({some(listing.images, 3)}); "
                "sort them into one folder a class, or use them for prediction only."
            )
        notes += _on_classes(frame) if labelled else ()
        return Manifest.validated(frame, source=self.name, root=path, notes=(*listing.notes, *notes))


def _classified(listing: Listing, labelled: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    parts = [location.split("/") for location in listing.images]
    depth = _wrapping(parts)
    has_splits = any(len(part) > depth + 2 and part[depth].casefold() in SPLIT_FOLDERS for part in parts)
    rows: list[tuple[str, str | None, str | None]] = []
    beside: list[str] = []
    outside: list[str] = []
    for location, part in zip(listing.images, parts, strict=True):
        folders = part[depth:-1]
        split = SPLIT_FOLDERS.get(folders[0].casefold()) if has_splits and folders else None
        if split:
            folders = folders[1:]
        elif has_splits and folders and labelled:
            beside.append(location)
            continue
        if not folders and labelled:
            outside.append(location)
            continue
        rows.append((location, folders[0] if folders else None, split))
    notes = []
    if beside:
        notes.append(f"{count(beside, 'picture')} beside the split folders left out: {some(beside, 3)}.")
    if outside:
        notes.append(f"{count(outside, 'picture')} in no class folder left out: {some(outside, 3)}.")
    frame = pd.DataFrame(rows, columns=["location", "label", "split"])
    frame.insert(0, "image_id", frame["location"])
    return frame, tuple(notes)


def _wrapping(parts: list[list[str]]) -> int:
    """How many outer folders hold everything and say nothing."""
    depth = 0
    while True:
        first = parts[0][depth] if len(parts[0]) > depth + 1 else None
        # A folder that holds pictures itself is a class, even if it is the only one; so is one inside a split.
        if first is None or first.casefold() in SPLIT_FOLDERS:
            return depth
        if any(len(part) <= depth + 2 or part[depth] != first for part in parts):
            return depth
        depth += 1


def _on_classes(frame: pd.DataFrame) -> tuple[str, ...]:
    counts = frame["label"].value_counts()
    notes = []
    if len(counts) == 1:
        notes.append(f"Only one class was found ('{counts.index[0]}'); training needs at least two class folders.")
    single = sorted(counts.index[counts == 1])
    if single:
        notes.append(f"{count(single, 'class', 'classes')} with one picture only: {some(single)}.")
    return tuple(notes)
