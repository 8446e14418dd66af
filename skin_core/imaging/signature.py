"""What tells one picture from another: a digest of its pixels, and a small gray version of it.

The digest is equal exactly where the decoded pixels are. The small gray version is what the search for twins works
on: the picture squashed to a square, so that neither size nor aspect ratio matters, and coarse enough that neither
does compression. (The published sets hold each other's pictures squashed, not cropped: of isic9's 2,357 pictures, the
1,512 that are named as pictures of HAM10000 all match it squashed to a square, none matches its centre crop better.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Raised whenever the same picture would give another signature; stored signatures carry it.
SIGNATURE_VERSION = 1

# 1 KiB a picture: finer thumbs told no more pairs apart on HAM10000, and 400,000 of these still fit into memory.
THUMB_SIDE = 32


@dataclass(frozen=True)
class PictureSignature:
    """Signature of one picture.

    Attributes:
        digest: 32 bytes, sha256 of shape and RGB pixels.
        thumb: uint8 (THUMB_SIDE, THUMB_SIDE), gray.
        size: (height, width) of the picture in pixels.
    """

    digest: bytes
    thumb: np.ndarray
    size: tuple[int, int]


def picture_signature(picture: Image.Image | np.ndarray) -> PictureSignature:
    """The signature of a decoded picture.

    Args:
        picture: as `skin_core.imaging.decode.decoded` gives it (the quickest), or its pixels, uint8 (H, W, 3).
    """
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(np.ascontiguousarray(picture))
    width, height = picture.size
    digest = hashlib.sha256(f"{height}x{width}:".encode())
    digest.update(picture.tobytes())
    small = picture.resize((THUMB_SIDE, THUMB_SIDE), Image.Resampling.BILINEAR)
    return PictureSignature(digest.digest(), np.array(small.convert("L")), (height, width))
