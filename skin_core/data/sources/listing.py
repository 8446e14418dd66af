"""The pictures below a folder. One walk, no look at each file: half a million tiles take seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from skin_core.data.locations import escaped
from skin_core.data.sources.wording import count, some

# HEIC and AVIF are listed although they cannot be decoded everywhere: the audit then names them instead of a silent gap.
IMAGE_SUFFIXES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".webp",
        ".jp2",
        ".heic",
        ".heif",
        ".avif",
    )
)
_NOT_DATA = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
# Files that come with data sets and are no pictures; not worth a note.
_COMPANIONS = frozenset(
    (".csv", ".tsv", ".tab", ".txt", ".md", ".json", ".pdf", ".zip", ".hdf5", ".h5", ".html", ".xlsx", "")
)


@dataclass(frozen=True)
class Listing:
    """What lies below a folder.

    Attributes:
        images: locations of files with the suffix of a picture, sorted.
        notes: sentences on folders that could not be read, links that lead nowhere, and files left out.
    """

    images: tuple[str, ...]
    notes: tuple[str, ...]


def list_images(root: Path, below: str = "") -> Listing:
    """Every picture below ``root / below``, at any depth, any case of suffix; hidden files and folders are passed over.

    Args:
        root: the folder that locations are told from.
        below: location of the folder to look in; "" is the root itself.
    """
    images: list[str] = []
    closed: list[str] = []
    dead: list[str] = []
    odd: list[str] = []
    start = os.path.join(os.fspath(root), below) if below else os.fspath(root)
    for folder, entries in _walk(start, closed):
        prefix = os.path.relpath(folder, root)
        prefix = "" if prefix == "." else prefix + os.sep
        for entry in entries:
            location = escaped((prefix + entry.name).replace(os.sep, "/"))
            suffix = os.path.splitext(entry.name)[1].lower()
            if suffix in IMAGE_SUFFIXES:
                (images if _leads_to(entry.is_file) else dead).append(location)
            elif suffix not in _COMPANIONS:
                odd.append(location)
    notes = []
    if closed:
        notes.append(
            f"{count(closed, 'folder')} may not be read and {'was' if len(closed) == 1 else 'were'} left out: {some(closed)}."
        )
    if dead:
        notes.append(f"{count(dead, 'entry', 'entries')} named like pictures lead to no file: {some(dead)}.")
    if odd:
        notes.append(
            f"{count(odd, 'file')} without the suffix of a picture {'was' if len(odd) == 1 else 'were'} left out: {some(odd)}."
        )
    return Listing(tuple(sorted(images)), tuple(notes))


def has_image(root: Path) -> bool:
    """Whether a picture lies anywhere below; stops at the first."""
    return any(
        os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and _leads_to(entry.is_file)
        for _, entries in _walk(os.fspath(root), [])
        for entry in entries
    )


def visible_files(root: Path, suffixes: Collection[str], depth: int) -> list[Path]:
    """Files with one of the suffixes (lower case) at most ``depth`` folders below, the nearer ones first, then by name."""
    base = os.fspath(root)
    found = []
    for folder, entries in _walk(base, [], depth=depth):
        level = 0 if folder == base else os.path.relpath(folder, base).count(os.sep) + 1
        # The suffix is asked first: there may be half a million tiles beside the csv.
        found += [
            (level, entry.path)
            for entry in entries
            if os.path.splitext(entry.name)[1].lower() in suffixes and _leads_to(entry.is_file)
        ]
    return [Path(path) for _, path in sorted(found)]


def _walk(start: str, closed: list[str], depth: int | None = None) -> Iterator[tuple[str, list[os.DirEntry]]]:
    """Folders with their visible files. Links to folders are followed, each folder once, so that loops end."""
    seen: set[tuple[int, int]] = set()
    waiting = [(start, 0)]
    while waiting:
        folder, level = waiting.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as scanned:
                entries = [entry for entry in scanned if not entry.name.startswith(".") and entry.name not in _NOT_DATA]
        except OSError:
            closed.append(escaped(folder))
            continue
        folders = [entry for entry in entries if _leads_to(entry.is_dir)]
        if depth is None or level < depth:
            waiting += sorted(((entry.path, level + 1) for entry in folders), reverse=True)
        inner = {entry.name for entry in folders}
        yield folder, [entry for entry in entries if entry.name not in inner]


def _leads_to(question: Callable[[], bool]) -> bool:
    """Asks an entry what it is; a link that turns in a circle or into a closed folder is nothing."""
    try:
        return question()
    except OSError:
        return False
