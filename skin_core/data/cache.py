"""Decoded pixels on disk: each image is decoded once for a size, a crop policy and a color constancy, and read by memory map
after that."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from skin_core.data.decoding import PARTIAL, Decoder, Look, decode_all, workers
from skin_core.data.locations import in_hdf5, name_of
from skin_core.data.manifest import Manifest
from skin_core.errors import WorkspaceError
from skin_core.imaging.decode import PREPROCESSING_VERSION, ColorConstancy, CropPolicy
from skin_core.paths import cache_dir
from skin_core.progress import Progress, ProgressCallback, ignore_progress

# All pixel caches together stay below this; the least recently used go first. LESIONLAB_CACHE_GB changes it.
DEFAULT_LIMIT_GB = 20.0
# What must stay free on the disk for everything else.
_SPARE_BYTES = 1 << 30
# What is being removed begins so; nothing reads it, and whoever makes room removes what a killed process left of it.
_DOOMED = ".removed-"


@dataclass(frozen=True)
class PixelCache:
    """The pictures of a manifest as a network takes them.

    Attributes:
        pixels: uint8 (N, size, size, 3) RGB in the order of the manifest's rows: a memory map, or a `PixelStream`
            where the set is too large for the disk. Rows that could not be decoded are black.
        failed: sentence by image_id, for rows that must be left out. Empty at first for a stream, which finds out
            on the way.
        size: side in pixels.
        crop: how a picture became square.
        constancy: what was done about the light that it was taken in.
    """

    pixels: np.ndarray | PixelStream
    failed: dict[str, str]
    size: int
    crop: CropPolicy
    constancy: ColorConstancy = "none"

    @property
    def streamed(self) -> bool:
        """Whether pictures are decoded whenever they are asked for."""
        return isinstance(self.pixels, PixelStream)


class PixelStream:
    """Images by row like the memory map, decoded on the way by a few threads.

    Args:
        manifest: the images.
        look: what makes a picture the network's input.
        failed: gets a sentence by image_id for each picture that cannot be decoded.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, manifest: Manifest, look: Look, failed: dict[str, str]) -> None:
        self.shape = (len(manifest), look.size, look.size, 3)
        self._decoder = Decoder(manifest, look)
        self._failed = failed
        self._threads = ThreadPoolExecutor(workers(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 (len(rows), size, size, 3); a picture that cannot be decoded is black."""
        decoded = self._threads.map(self._decoder.pixels, np.arange(len(self))[rows].ravel())
        found = np.zeros((np.size(rows), *self.shape[1:]), np.uint8)
        for place, (_, image_id, pixels, sentence) in enumerate(decoded):
            if sentence is None:
                found[place] = pixels
            else:
                self._failed[image_id] = sentence
        return found


def open_pixels(
    manifest: Manifest,
    *,
    size: int,
    crop: CropPolicy,
    constancy: ColorConstancy = "none",
    progress: ProgressCallback = ignore_progress,
) -> PixelCache:
    """The decoded pictures of a manifest, decoding what is not in the cache yet.

    A decoding that was killed goes on where it was. The cache is keyed by the files' places, sizes and times, the order
    of the rows, size, crop, color constancy and the version of the preprocessing.

    Args:
        manifest: the images, in the order that the rows of the cache will have.
        size: side in pixels.
        crop: how a picture becomes square.
        constancy: what is done about the light that it was taken in.
        progress: told how far the decoding is.

    Raises:
        WorkspaceError: if the cache cannot be written.
        DataSourceError: if an HDF5 file of the manifest cannot be opened.
    """
    look = Look(size, crop, constancy)
    folder = cache_dir() / "pixels" / _key(manifest, look)
    folder.parent.mkdir(parents=True, exist_ok=True)
    kept = _kept(folder, len(manifest), look)
    if kept is None:
        needed = len(manifest) * size * size * 3
        with _locked(folder, progress):
            kept = _kept(folder, len(manifest), look)
            if kept is None:
                if not _make_room(folder, needed):
                    failed: dict[str, str] = {}
                    return PixelCache(PixelStream(manifest, look, failed), failed, size, crop, constancy)
                try:
                    # Half of one, left by a removal that was killed, would be in the way of the new one.
                    _discard(folder)
                    decode_all(manifest, look, folder, progress)
                except OSError as error:
                    raise WorkspaceError(
                        f"The decoded images cannot be written to {folder.parent} ({error.strerror or error}); free some "
                        "space, lower LESIONLAB_CACHE_GB so that images stream, or move the workspace with LESIONLAB_HOME."
                    ) from error
                # While the lock is held, which keeps others from removing it again before it is open.
                kept = _kept(folder, len(manifest), look)
                if kept is None:
                    raise WorkspaceError(
                        f"The decoded images were removed from {folder.parent} while they were written; leave that folder "
                        "alone until they are there, and start again."
                    )
    return kept


def _kept(folder: Path, n: int, look: Look) -> PixelCache | None:
    """The cache in a folder, or None where it is not there, not whole, or was removed a moment ago."""
    if not _complete(folder):
        return None
    try:
        # The time of the last use decides what goes first when room is needed.
        with suppress(OSError):
            os.utime(folder)
        pixels = np.memmap(folder / "pixels.u8", dtype=np.uint8, mode="r", shape=(n, look.size, look.size, 3))
        failed = json.loads((folder / "failed.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return PixelCache(pixels, failed, look.size, look.crop, look.constancy)


def _key(manifest: Manifest, look: Look) -> str:
    # Without a color constancy the name is what it was before there was any, so older caches serve.
    told = f"{look.size} {look.crop}" if look.constancy == "none" else " ".join(map(str, look))
    digest = hashlib.sha256(f"{PREPROCESSING_VERSION} {told} {manifest.root}".encode(errors="surrogateescape"))
    root, containers, states = os.fspath(manifest.root), {}, []
    for location in manifest.frame["location"].tolist():
        place = in_hdf5(location)
        if place is None:
            state = _state(name_of(root, location))
        else:
            state = containers.get(place[0]) or containers.setdefault(place[0], _state(name_of(root, place[0])))
        states.append(f"{location}\x1f{state}\x1e")
    digest.update("".join(states).encode())
    return f"{digest.hexdigest()[:20]}-{told.replace(' ', '-')}"


def _state(path: str) -> str:
    try:
        stat = os.stat(path)
    except OSError:
        return "absent"
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _complete(folder: Path) -> bool:
    return (folder / "failed.json").is_file() and (folder / "pixels.u8").is_file()


@contextmanager
def _locked(folder: Path, progress: ProgressCallback) -> Iterator[None]:
    """Waits, and says so, while another process decodes the same images."""
    lock = FileLock(folder.with_suffix(".lock"))
    while True:
        try:
            lock.acquire(timeout=1.0)
            break
        except Timeout:
            progress(Progress("Waiting for another process that decodes these images", 0, 0))
    try:
        yield
    finally:
        lock.release()


def _limit_bytes() -> float:
    named = os.environ.get("LESIONLAB_CACHE_GB")
    try:
        return float(named if named else DEFAULT_LIMIT_GB) * 2**30
    except ValueError:
        raise WorkspaceError(f"LESIONLAB_CACHE_GB must be a number of gigabytes; got '{named}'.") from None


def _make_room(folder: Path, needed: int) -> bool:
    """Deletes the least recently used caches until ``needed`` bytes fit; False where they never will.

    What a killed decoding left counts and goes like a cache: it can go on for as long as nobody needs the room. What
    another process decodes at the moment stays and does not count, or two that start together would stream for long.
    """
    limit = _limit_bytes()
    if needed > limit:
        return False
    partial = folder.with_suffix(PARTIAL)
    others = []
    for entry in folder.parent.iterdir():
        if entry.name.startswith(_DOOMED):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry not in (folder, partial) and entry.is_dir():
            # Other processes delete, too: what is gone takes no room.
            with suppress(FileNotFoundError):
                # Of a decoding that is not done: when it last recorded how far it is, which changes its folder.
                others.append((entry.stat().st_mtime, entry, (entry / "pixels.u8").stat().st_size))
    others.sort()
    # What an interrupted decoding of the same images has reserved is ours already.
    reserved = (partial / "pixels.u8").stat().st_size if (partial / "pixels.u8").is_file() else 0
    taken = sum(size for *_, size in others)
    while True:
        free = shutil.disk_usage(folder.parent).free + reserved
        if taken + needed <= limit and free >= needed + _SPARE_BYTES:
            return True
        if not others:
            return False
        _, oldest, size = others.pop(0)
        taken -= size
        # What its owner, another user, does not let us remove is left where it is.
        with suppress(Timeout, PermissionError), FileLock(oldest.with_suffix(".lock"), timeout=0):
            # A process that has it mapped keeps its pixels until it lets go of them.
            _discard(oldest)


def _discard(entry: Path) -> None:
    """Removes a folder that this process holds the lock of: under a name first that nothing reads, so that a kill on the
    way leaves what the next call removes, and never half a cache."""
    doomed = entry.with_name(f"{_DOOMED}{secrets.token_hex(8)}")
    with suppress(FileNotFoundError):
        os.rename(entry, doomed)
        shutil.rmtree(doomed, ignore_errors=True)
