"""Pictures of a manifest as a network takes them, and all of them into a file, in a way that a kill costs little."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skin_core.data.images import ImageReader
from skin_core.data.manifest import Manifest
from skin_core.errors import UnusableImageError
from skin_core.imaging.decode import ColorConstancy, CropPolicy, to_input
from skin_core.progress import ProgressCallback, tracked

# Suffix of a folder whose decoding is not done.
PARTIAL = ".partial"
# Images between two records of how far the decoding is: what a kill costs at most.
_CHUNK = 2048
# Images a thread takes at a time: handing over one by one costs a tenth of the decoding.
_HANDFUL = 8
_TODO, _DONE, _FAILED = 0, 1, 2


class Look(NamedTuple):
    """What makes a picture a network's input, in the order of `to_input`: side in pixels, crop policy, color constancy."""

    size: int
    crop: CropPolicy
    constancy: ColorConstancy


class Decoder:
    """Decodes the pictures of a manifest by row.

    Args:
        manifest: the images.
        look: what makes a picture the network's input.
    """

    def __init__(self, manifest: Manifest, look: Look) -> None:
        self._reader = ImageReader(manifest.root)
        self._locations = manifest.frame["location"].tolist()
        self._ids = manifest.frame["image_id"].tolist()
        self._look = look

    def pixels(self, row: int) -> tuple[int, str, np.ndarray | None, str | None]:
        """Row, image_id, uint8 (size, size, 3) or None, and the sentence of what went wrong or None."""
        row = int(row)
        location = self._locations[row]
        try:
            data = self._reader.bytes(location)
            return row, self._ids[row], to_input(data, *self._look, name=location), None
        except UnusableImageError as error:
            return row, self._ids[row], None, str(error)


def workers() -> int:
    """Threads that decode."""
    # Pillow lets go of the interpreter while it decodes and resizes, so threads use all cores without copying pixels.
    return os.cpu_count() or 2


def decode_all(manifest: Manifest, look: Look, folder: Path, progress: ProgressCallback) -> None:
    """Decodes every picture into ``folder/pixels.u8`` and says in ``folder/failed.json`` what could not be read.

    Until all is done it is in ``folder.partial``, with a record of how far it is, from which a second call goes on.

    Args:
        manifest, look: see `Decoder`.
        folder: of the cache, which appears at the end.
        progress: told how far it is.

    Raises:
        OSError: if there is no space or no permission.
    """
    partial = folder.with_suffix(PARTIAL)
    partial.mkdir(exist_ok=True)
    n, stride = len(manifest), look.size * look.size * 3
    state = _resumed(partial / "state.u8", n)
    failures = partial / "failures.json"
    failed: dict[str, str] = json.loads(failures.read_text(encoding="utf-8")) if failures.is_file() else {}
    decoder = Decoder(manifest, look)
    handle = os.open(partial / "pixels.u8", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # Space is taken up front: a full disk is then a sentence here, not a killed process at a memory map.
        os.posix_fallocate(handle, 0, max(1, n * stride))
        todo = np.flatnonzero(state == _TODO)
        with ThreadPoolExecutor(workers(), thread_name_prefix="decode") as threads:
            results = tracked(_written(decoder, todo, threads, handle), "Decoding images", len(todo), progress)
            for number, (row, image_id, sentence) in enumerate(results, start=1):
                if sentence is not None:
                    failed[image_id] = sentence
                state[row] = _DONE if sentence is None else _FAILED
                if number % _CHUNK == 0:
                    _record(handle, partial, state, failed)
        _record(handle, partial, state, failed)
    finally:
        os.close(handle)
    (partial / "state.u8").unlink()
    os.replace(partial / "failures.json", partial / "failed.json")
    os.replace(partial, folder)


def _written(
    decoder: Decoder, rows: np.ndarray, threads: ThreadPoolExecutor, handle: int
) -> Iterator[tuple[int, str, str | None]]:
    """Row, image_id and what went wrong, of each picture whose pixels are in the file."""

    def write(some: np.ndarray) -> list[tuple[int, str, str | None]]:
        told = []
        for row, image_id, pixels, sentence in map(decoder.pixels, some):
            if pixels is not None:
                # By the thread that decoded them, without a copy: the pixels never wait in memory.
                os.pwrite(handle, pixels.data, row * pixels.nbytes)
            told.append((row, image_id, sentence))
        return told

    handfuls = [rows[start : start + _HANDFUL] for start in range(0, len(rows), _HANDFUL)]
    for told in threads.map(write, handfuls):
        yield from told


def _resumed(path: Path, n: int) -> np.ndarray:
    state = np.fromfile(path, np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    return state if len(state) == n else np.full(n, _TODO, np.uint8)


def _record(handle: int, partial: Path, state: np.ndarray, failed: dict[str, str]) -> None:
    # Pixels first: what the state calls done must be on the disk. Both files are replaced whole.
    os.fsync(handle)
    for name, content in (("failures.json", json.dumps(failed).encode()), ("state.u8", state.tobytes())):
        temporary = partial / f".{name}"
        temporary.write_bytes(content)
        os.replace(temporary, partial / name)
