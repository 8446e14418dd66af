"""Files of several named arrays (``.npz``), read whole."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

# What zipfile and numpy raise of a file that was cut or overwritten, beside ValueError and OSError. RuntimeError: a member
# claims to be locked with a password, or packed in a way that zipfile does not know.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, tokenize.TokenError, RuntimeError)


def read_arrays(source: Path | bytes) -> dict[str, np.ndarray]:
    """Every array of an ``.npz``, by name.

    Args:
        source: the file, or its bytes.

    Raises:
        OSError: if the file is missing or may not be read.
        ValueError: if it is damaged, no ``.npz``, or holds objects, which would be unpickled and are not.
    """
    # Opened here, for `np.load` leaves a damaged file open.
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as stream:
        try:
            stored = np.load(stream, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise ValueError("It holds one array without a name; an .npz was expected.")
            with stored:
                return {name: stored[name] for name in stored.files}
        except _DAMAGE as error:
            raise ValueError(f"The file of arrays is damaged ({error}).") from error
