"""How a manifest names a picture: a path below its root, or a key inside an HDF5 file below its root.

A file name on Linux is any bytes; a table's text is UTF-8. Bytes that are no UTF-8 are written as U+FFFD and two hex
digits, so that such a file can be shown and still be opened. Every other name stays as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

HDF5_SUFFIXES = (".hdf5", ".h5")
_MARK = "\ufffd"
_IN_HDF5 = re.compile(rf"^(?P<file>.+?(?:{'|'.join(map(re.escape, HDF5_SUFFIXES))}))::(?P<key>.+)$", re.IGNORECASE)
_FOREIGN_BYTE = re.compile(f"[\udc80-\udcff{_MARK}]")
_ESCAPED = re.compile(f"{_MARK}(00|[89a-f][0-9a-f])")


def escaped(name: str) -> str:
    """A file name from the operating system as text that is valid UTF-8; `unescaped` is its inverse."""
    if name.isascii():
        return name
    # 00 stands for the mark itself: it can be no byte of a file name.
    return _FOREIGN_BYTE.sub(lambda hit: _MARK + ("00" if hit[0] == _MARK else f"{ord(hit[0]) - 0xDC00:02x}"), name)


def unescaped(text: str) -> str:
    """The file name as the operating system knows it."""
    if text.isascii():
        return text
    return _ESCAPED.sub(lambda hit: _MARK if hit[1] == "00" else chr(0xDC00 + int(hit[1], 16)), text)


def in_hdf5(location: str) -> tuple[str, str] | None:
    """File and key of a location inside an HDF5 file ("train-image.hdf5::ISIC_0082829"), else None."""
    found = _IN_HDF5.match(location) if "::" in location else None
    return (found["file"], found["key"]) if found else None


def path_of(root: Path, location: str) -> Path:
    """The file of a location that is no HDF5 key."""
    return Path(root) / unescaped(location)


def name_of(root: str, location: str) -> str:
    """As `path_of`, as a string: for hundreds of thousands of files, each of which a `Path` would cost more than a look
    at it."""
    return os.path.join(root, unescaped(location))
