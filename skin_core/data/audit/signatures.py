"""The signatures of a whole set: computed once, kept on disk, carried with every run that was trained on them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.data.images import ImageReader
from skin_core.data.locations import in_hdf5, name_of
from skin_core.data.manifest import Manifest
from skin_core.errors import DataSourceError, UnusableImageError
from skin_core.imaging.decode import PREPROCESSING_VERSION, decoded
from skin_core.imaging.signature import SIGNATURE_VERSION, THUMB_SIDE, picture_signature
from skin_core.paths import atomic_path, cache_dir
from skin_core.progress import ProgressCallback, ignore_progress, tracked

_CHUNK = 64


@dataclass(frozen=True)
class Signatures:
    """Signatures of pictures, in the order of the manifest; pictures that cannot be read are left out.

    Attributes:
        image_ids: one a picture.
        locations: where each lies below its root.
        groups: lesion or patient of each, "" where it is not known.
        digests: uint8 (N, 32), sha256 of the decoded pixels.
        thumbs: uint8 (N, 32, 32), the picture squashed to a small gray square.
        sizes: int32 (N, 2), height and width in pixels.
        failed: image id → sentence, of the pictures that cannot be read.
    """

    image_ids: tuple[str, ...]
    locations: tuple[str, ...]
    groups: tuple[str, ...]
    digests: np.ndarray
    thumbs: np.ndarray
    sizes: np.ndarray
    failed: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image_ids)

    @cached_property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """First row of each distinct picture, and for each row the number of its distinct picture."""
        keys = np.ascontiguousarray(self.digests).view("S32").ravel() if len(self) else np.zeros(0, "S32")
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return first[order], rank[inverse]

    def subset(self, image_ids: Iterable[str]) -> Signatures:
        """Those of some pictures only, in this object's order; ids that it does not hold are ignored."""
        wanted = set(image_ids)
        rows = [row for row, image_id in enumerate(self.image_ids) if image_id in wanted]
        failed = {image_id: why for image_id, why in self.failed.items() if image_id in wanted}
        return self._rows(rows, failed)

    def merged(self, other: Signatures) -> Signatures:
        """Both together (a run's own pictures and its ancestors').

        A picture that both hold, by pixels, stays once, and once more for each lesion or patient that it is told of: a
        set without ids must not make another one's ids forgotten.
        """
        known = {(digest.tobytes(), group) for digest, group in zip(self.digests, self.groups, strict=True)}
        pictures = {digest for digest, _ in known}
        rows = [
            row
            for row, (digest, group) in enumerate(zip(other.digests, other.groups, strict=True))
            if digest.tobytes() not in pictures or (group and (digest.tobytes(), group) not in known)
        ]
        more = other._rows(rows, {})
        return Signatures(
            self.image_ids + more.image_ids,
            self.locations + more.locations,
            self.groups + more.groups,
            np.concatenate([self.digests, more.digests]),
            np.concatenate([self.thumbs, more.thumbs]),
            np.concatenate([self.sizes, more.sizes]),
            dict(self.failed),
        )

    def save(self, path: Path) -> None:
        """Writes an npz file, atomically.

        Raises:
            WorkspaceError: if it cannot be written.
        """
        names = json.dumps([self.image_ids, self.locations, self.groups, dict(self.failed)]).encode()
        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                version=np.int64(SIGNATURE_VERSION),
                names=np.frombuffer(names, np.uint8),
                digests=self.digests,
                thumbs=self.thumbs,
                sizes=self.sizes,
            )

    @classmethod
    def load(cls, path: Path) -> Signatures:
        """Reads what `save` wrote.

        Raises:
            DataSourceError: if the file is missing, damaged, or of another version.
        """
        try:
            stored = read_arrays(path)
            if int(stored["version"]) != SIGNATURE_VERSION:
                raise DataSourceError(f"The signatures in {path} are of another version; audit the data again.")
            image_ids, locations, groups, failed = json.loads(stored["names"].tobytes())
            return cls(
                tuple(image_ids),
                tuple(locations),
                tuple(groups),
                stored["digests"],
                stored["thumbs"],
                stored["sizes"],
                failed,
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataSourceError(f"The signatures in {path} cannot be read; audit the data again.") from error

    def _rows(self, rows: list[int], failed: Mapping[str, str]) -> Signatures:
        return Signatures(
            tuple(self.image_ids[row] for row in rows),
            tuple(self.locations[row] for row in rows),
            tuple(self.groups[row] for row in rows),
            self.digests[rows],
            self.thumbs[rows],
            self.sizes[rows],
            failed,
        )


def signatures(
    manifest: Manifest, *, key: str | None = None, progress: ProgressCallback = ignore_progress
) -> Signatures:
    """The signatures of a set, from the cache where no file has changed since.

    Pictures are decoded in threads, for Pillow lets go of the interpreter while it decodes: 10,015 pictures of
    200×150 take 6 s on two cores, and processes would first have to be started.

    Args:
        manifest: the set.
        key: its `signature_key`, where the caller has just made it.
        progress: told of the decoding.

    Raises:
        DataSourceError: if an HDF5 file of the set cannot be opened at all.
        WorkspaceError: if the cache cannot be written.
    """
    kept = cache_dir() / "signatures" / f"{key or signature_key(manifest)}.npz"
    if kept.exists():
        try:
            return Signatures.load(kept)
        except DataSourceError:
            kept.unlink(missing_ok=True)
    computed = _computed(manifest, progress)
    computed.save(kept)
    return computed


def signature_key(manifest: Manifest) -> str:
    """Changes with the manifest, with size or time of any of its files, and with the version of decoder or signature."""
    digest = hashlib.sha256(
        f"{manifest.fingerprint} {PREPROCESSING_VERSION} {SIGNATURE_VERSION} {manifest.root}".encode()
    )
    # The fingerprint does not depend on the order of rows; what is kept does.
    digest.update("".join([f"{image_id}\0" for image_id in manifest.frame["image_id"].tolist()]).encode())
    seen = set()
    root, states = os.fspath(manifest.root), []
    for location in manifest.frame["location"].tolist():
        place = in_hdf5(location)
        file = place[0] if place else location
        if file in seen:
            continue
        seen.add(file)
        try:
            found = os.stat(name_of(root, file))
            states.append(f"{found.st_size} {found.st_mtime_ns}\n")
        except OSError:
            states.append("gone\n")
    digest.update("".join(states).encode())
    return digest.hexdigest()[:32]


def _computed(manifest: Manifest, progress: ProgressCallback) -> Signatures:
    frame = manifest.frame
    image_ids = frame["image_id"].tolist()
    locations = frame["location"].tolist()
    groups = frame["group_id"].fillna("").tolist()
    n = len(frame)
    digests = np.zeros((n, 32), np.uint8)
    thumbs = np.zeros((n, THUMB_SIDE, THUMB_SIDE), np.uint8)
    sizes = np.zeros((n, 2), np.int32)
    failed: dict[str, str] = {}
    good = []
    results = enumerate(chain.from_iterable(_in_threads(ImageReader(manifest.root), locations)))
    for row, result in tracked(results, "Reading pictures", n, progress):
        if isinstance(result, str):
            failed[image_ids[row]] = result
            continue
        digests[row] = np.frombuffer(result.digest, np.uint8)
        thumbs[row] = result.thumb
        sizes[row] = result.size
        good.append(row)
    whole = Signatures(tuple(image_ids), tuple(locations), tuple(groups), digests, thumbs, sizes, failed)
    return whole if not failed else whole._rows(good, failed)


def _in_threads(reader: ImageReader, locations: list[str]) -> Iterator[list]:
    """Lists of signatures or sentences, in order; a bounded number of pictures is in memory at a time."""

    def chunk(start: int) -> list:
        results = []
        for location in locations[start : start + _CHUNK]:
            try:
                results.append(picture_signature(decoded(reader.bytes(location), name=location)))
            except UnusableImageError as error:
                results.append(str(error))
        return results

    pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="signatures")
    try:
        yield from pool.map(chunk, range(0, len(locations), _CHUNK))
    finally:
        # A caller that stops (a closed page, Ctrl-C) does not wait for the rest.
        pool.shutdown(wait=True, cancel_futures=True)
