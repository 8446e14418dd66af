"""The fingerprints of what a bundle was made with, as it carries them: enough to leave those pictures out, no more.

File names and ids stay behind, since a folder's file names may be patients' names; lesion and patient ids are hashed,
and so are those of a set that is compared with them.
"""

from __future__ import annotations

import hashlib
import io
import lzma
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from skin_core.arrays import read_arrays
from skin_core.errors import BundleError
from skin_core.imaging.signature import THUMB_SIDE

if TYPE_CHECKING:
    from skin_core.data.audit import Signatures

# A bundle travels, and must hold no picture: its thumbnails are 16 pixels wide with 64 grey levels, which nobody
# recognises a lesion in. On the 9-class ISIC set they still find 1,055 of the 1,070 pictures of a HAM10000 training
# split that the full thumbnails (32 pixels, 256 levels) find.
_SIDE = 16
_KEPT_BITS = np.uint8(0xFC)


def pack(prints: Signatures) -> bytes:
    """The bytes of a bundle's ``signatures.npz``."""
    thumbs = _resized(prints.thumbs, _SIDE, Image.Resampling.BOX) & _KEPT_BITS
    groups = np.array([hashed(group) for group in prints.groups], dtype="S16")
    return _packed(prints.digests, prints.sizes, groups, thumbs)


def pack_together(packed: Sequence[bytes]) -> bytes:
    """The union of several bundles' ``signatures.npz``; a picture that two hold, by pixels, stays once for each lesion or
    patient that it is told of.

    Raises:
        BundleError: if one is something else.
    """
    found = [_unpacked(raw) for raw in packed]
    digests, sizes, groups, thumbs = (
        np.concatenate([getattr(each, name) for each in found]) for name in ("digests", "sizes", "groups", "thumbs")
    )
    pictures = [digest.tobytes() for digest in digests]
    told = {picture for picture, group in zip(pictures, groups, strict=True) if group}
    first: dict[tuple[bytes, bytes], int] = {}
    for row, (picture, group) in enumerate(zip(pictures, groups.tolist(), strict=True)):
        if group or picture not in told:
            first.setdefault((picture, group), row)
    rows = np.array(sorted(first.values()), dtype=np.intp)
    return _packed(digests[rows], sizes[rows], groups[rows], thumbs[rows])


class _Unpacked(NamedTuple):
    digests: np.ndarray
    sizes: np.ndarray
    groups: np.ndarray
    thumbs: np.ndarray


def _packed(digests: np.ndarray, sizes: np.ndarray, groups: np.ndarray, thumbs: np.ndarray) -> bytes:
    flat = thumbs.reshape(len(digests), -1)
    # Neighbours in a thumbnail are alike: their differences compress to less than half.
    steps = np.diff(flat, axis=1, prepend=np.zeros((len(flat), 1), np.uint8)) >> 2
    buffer = io.BytesIO()
    np.savez(
        buffer,
        digests=digests,
        sizes=sizes,
        groups=groups,
        thumbs=np.frombuffer(lzma.compress(steps.tobytes(), preset=9), np.uint8),
        count=np.array(len(digests)),
    )
    return buffer.getvalue()


def _resized(thumbs: np.ndarray, side: int, how: Image.Resampling) -> np.ndarray:
    if not len(thumbs):
        return np.zeros((0, side, side), np.uint8)
    return np.stack([np.asarray(Image.fromarray(thumb).resize((side, side), how)) for thumb in thumbs])


def unpack(raw: bytes) -> Signatures:
    """Reads what `pack` wrote; the pictures are numbered.

    Raises:
        BundleError: if it is something else.
    """
    from skin_core.data.audit import Signatures

    found = _unpacked(raw)
    numbers = tuple(f"picture {number}" for number in range(len(found.digests)))
    return Signatures(
        image_ids=numbers,
        locations=numbers,
        groups=tuple(group.decode() for group in found.groups),
        digests=found.digests,
        thumbs=_resized(found.thumbs, THUMB_SIDE, Image.Resampling.BICUBIC),
        sizes=found.sizes,
    )


def _unpacked(raw: bytes) -> _Unpacked:
    try:
        stored = read_arrays(raw)
        count = int(stored["count"])
        steps = np.frombuffer(lzma.decompress(stored["thumbs"].tobytes()), np.uint8).reshape(count, -1)
        small = (np.cumsum(steps, axis=1, dtype=np.uint8) << 2).reshape(count, _SIDE, _SIDE)
        return _Unpacked(stored["digests"], stored["sizes"], stored["groups"], small)
    except (ValueError, KeyError, lzma.LZMAError) as error:
        raise BundleError("signatures.npz is not a bundle's; publish the bundle again.") from error


def with_hashed_groups(prints: Signatures) -> Signatures:
    """The same pictures, their lesions and patients named as a bundle names them."""
    return replace(prints, groups=tuple(hashed(group) for group in prints.groups))


def hashed(group: str) -> str:
    """16 hex digits for a lesion or patient id; "" stays ""."""
    return hashlib.sha256(f"group {group}".encode()).hexdigest()[:16] if group else ""
