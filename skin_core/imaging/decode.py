"""One function turns bytes into pixels; cache, stream, evaluation and screening all call it, so they cannot differ.

The content decides what a file is, never its name. What is done with the unusual:

- EXIF orientation is applied; an EXIF block that cannot be read counts as "upright".
- CMYK and other colour models are converted to RGB by Pillow's plain conversion; colour profiles are ignored.
- Transparency is laid on white.
- 16-bit channels keep their upper eight bits.
- Of an animation or a multi-page file, the first frame is taken.
- Above `MAX_PIXELS` the file is refused from its header, before anything is decoded.

Nothing here keeps state between calls: threads and processes may call it at will.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from PIL import Image, UnidentifiedImageError

from skin_core.errors import UnusableImageError
from skin_core.imaging.color_constancy import ColorConstancy
from skin_core.imaging.geometry import CropPolicy, fit, fitted, map_to_original

__all__ = [
    "MAX_PIXELS",
    "PREPROCESSING_VERSION",
    "ColorConstancy",
    "CropPolicy",
    "decode",
    "fit",
    "map_to_original",
    "to_input",
    "upright_size",
]

# Raised whenever the same bytes would give other pixels; caches and bundles carry it.
PREPROCESSING_VERSION = 1

# Pillow's own limit against decompression bombs: a quarter of a gigabyte once decoded to RGB.
MAX_PIXELS = 89_478_485

# Named, because Pillow would also try formats that call other programs (EPS starts Ghostscript).
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "JPEG2000", "PPM", "AVIF")
_WANTED = "expected a JPEG, PNG, TIFF, WebP, GIF or BMP picture"

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_THE_SIDE = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
_ORIENTATION = 0x0112
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")

_log = logging.getLogger(__name__)
_REGISTERING = threading.Lock()

# What these say ends in a sentence below, or does not matter (odd EXIF tags); on standard error it would be noise.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def decode(data: bytes, *, name: str = "The file") -> np.ndarray:
    """Decodes a picture.

    Args:
        data: the whole file.
        name: what to call it in an error.

    Returns:
        uint8 (H, W, 3), RGB, upright, contiguous and writable.

    Raises:
        UnusableImageError: for anything that is no usable picture; one sentence.
    """
    return np.array(decoded(data, name=name))


def decoded(data: bytes, *, name: str = "The file") -> Image.Image:
    """As `decode`, as Pillow holds it: for what can work on that, a copy of the pixels less.

    Returns:
        The picture in mode RGB, upright.

    Raises:
        UnusableImageError: as `decode`.
    """
    with _opened(data, name) as picture:
        picture.load()
        return _rgb(picture, name)


def upright_size(data: bytes, *, name: str = "The file") -> tuple[int, int]:
    """Width and height in pixels as `decode` would give them, mostly from the header alone.

    A PNG is read whole unless it is square: how it is turned may stand at its end.

    Args:
        data: the whole file.
        name: what to call it in an error.

    Raises:
        UnusableImageError: as `decode`, as far as the header tells.
    """
    with _opened(data, name) as picture:
        width, height = picture.size
        return (height, width) if width != height and _turn(picture) in _ON_THE_SIDE else (width, height)


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """The picture before its pixels are read; whatever goes wrong with it in the block ends in the one sentence, too."""
    if not data:
        raise UnusableImageError(f"{name} is empty; {_WANTED}.")
    if _is_heic(data):
        raise UnusableImageError(f"{name} is a HEIC picture, which is not supported; save it as JPEG or PNG.")
    try:
        with Image.open(io.BytesIO(data), formats=_readable_formats()) as picture:
            _check_size(picture, name)
            yield picture
    except UnusableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise UnusableImageError(f"{name} is {_kind(data)}; {_WANTED}.") from error
    except MemoryError as error:
        raise UnusableImageError(f"{name} does not fit into memory; save it with fewer pixels.") from error
    # A true boundary: on damaged bytes Pillow's readers raise whatever their parsing ran into.
    except Exception as error:
        _log.info("A picture could not be decoded", exc_info=True)
        raise UnusableImageError(f"{name} is damaged or cut short; export or copy it again.") from error


def to_input(
    data: bytes, size: int, crop: CropPolicy, constancy: ColorConstancy = "none", *, name: str = "The file"
) -> np.ndarray:
    """Decodes a picture and makes it the square that a model takes.

    JPEG's reduced decoding is not used: it would give other pixels than a full decode.

    Args:
        data: the whole file.
        size: side in pixels.
        crop, constancy: see `fit`.
        name: what to call it in an error.

    Returns:
        uint8 (size, size, 3), RGB, 0 to 255.

    Raises:
        UnusableImageError: as `decode`.
    """
    return fitted(decoded(data, name=name), size, crop, constancy)


def _check_size(picture: Image.Image, name: str) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise UnusableImageError(f"{name} has no pixels; {_WANTED}.")
    if width * height > MAX_PIXELS:
        raise _too_large(name)


def _too_large(name: str) -> UnusableImageError:
    return UnusableImageError(
        f"{name} is larger than {MAX_PIXELS // 1_000_000} million pixels; save it with fewer pixels."
    )


def _rgb(picture: Image.Image, name: str) -> Image.Image:
    picture = _upright(picture)
    mode = picture.mode
    if mode == "F" or mode == "I" or mode.startswith("I;16"):
        values = np.asarray(picture)
        if mode == "F" or values.min() < 0 or values.max() > 65535:
            raise UnusableImageError(
                f"{name} holds 32-bit brightness values, whose range is not known; save it with 8 or 16 bits."
            )
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _upright(picture: Image.Image) -> Image.Image:
    turn = _turn(picture)
    return picture if turn is None else picture.transpose(turn)


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        return _TRANSPOSE.get(picture.getexif().get(_ORIENTATION, 1))
    # EXIF blocks are written by all kinds of devices; a broken one must not cost the picture.
    except Exception:
        _log.info("An EXIF block could not be read", exc_info=True)
        return None


@cache
def _readable_formats() -> list[str]:
    # Pillow registers its formats at the first use, one after the other: without the lock a second thread finds the
    # table half full, and a good picture would be told to be none.
    with _REGISTERING:
        Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _is_heic(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(int.from_bytes(data[:4]), 256), 4))]
    return b"avif" not in brands and any(brand in _HEIC_BRANDS for brand in brands)


def _kind(data: bytes) -> str:
    """What bytes that no reader knows seem to be, in words."""
    head = data[:512]
    if head.startswith(b"%PDF"):
        return "a PDF document"
    if head[128:132] == b"DICM":
        return "a DICOM file"
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")):
        return "an archive"
    if head.startswith((b"\xff\xd8", b"\x89PNG")):
        return "a picture cut short in its header"
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A multi-byte character may be cut by the 512-byte window.
        if error.start < len(head) - 4 or len(data) <= 512:
            return "no picture in a format that can be read"
        text = head[: error.start].decode("utf-8")
    return "a text file" if all(c.isprintable() or c in "\r\n\t" for c in text) else "no picture that can be read"
