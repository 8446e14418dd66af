"""The bytes of a picture, wherever a manifest says it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from skin_core.data.locations import in_hdf5, name_of, path_of
from skin_core.errors import DataSourceError, UnusableImageError

# Far above any photograph; keeps a disk image that happens to be called .jpg out of memory.
MAX_BYTES = 512 * 1024 * 1024


class ImageReader:
    """Reads pictures of one manifest. May be pickled, and used from several threads and forked processes.

    An HDF5 file is opened at the first picture that is read from it, once a process and thread, and never read whole.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._folder = os.fspath(self.root)
        self._local = threading.local()

    def __getstate__(self) -> dict:
        return {"root": self.root}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["root"])

    def bytes(self, location: str) -> bytes:
        """The encoded picture at a location of the manifest.

        Raises:
            UnusableImageError: if the file or key is gone, may not be read, is empty, or is no file of pictures.
            DataSourceError: if the HDF5 file itself cannot be opened.
        """
        place = in_hdf5(location)
        content = self._from_hdf5(*place) if place else self._from_file(location)
        if not content:
            raise UnusableImageError(f"{location} is empty; expected a picture.")
        return content

    def _from_file(self, location: str) -> bytes:
        try:
            return file_bytes(name_of(self._folder, location), location)
        except FileNotFoundError:
            raise UnusableImageError(f"{location} is no longer there; read the data set again.") from None
        except OSError as error:
            raise UnusableImageError(f"{location} cannot be read ({error.strerror}); check its permissions.") from error

    def _from_hdf5(self, file: str, key: str) -> bytes:
        handle = self._opened(file)
        try:
            stored = handle[key][()]
        except KeyError:
            raise UnusableImageError(f"{file} has no picture '{key}'; read the data set again.") from None
        except (OSError, TypeError) as error:
            raise UnusableImageError(f"'{key}' in {file} cannot be read ({error}); the file is damaged.") from error
        # Byte strings (as published), opaque values and arrays of bytes all hold the encoded picture.
        if isinstance(stored, bytes):
            return bytes(stored)
        return stored.tobytes()

    def _opened(self, file: str):
        # A forked child must not use its parent's handle: both would move one file position.
        if getattr(self._local, "process", None) != os.getpid():
            self._local.process = os.getpid()
            self._local.handles = {}
        if file not in self._local.handles:
            self._local.handles[file] = open_hdf5(path_of(self.root, file))
        return self._local.handles[file]


def file_bytes(path: str | Path, name: str) -> bytes:
    """The whole of a picture's file.

    Args:
        path: the file.
        name: what to call it in an error.

    Raises:
        UnusableImageError: if it is no ordinary file, or larger than any picture.
        OSError: if it cannot be opened or read.
    """
    # Opening a named pipe would wait for a writer for ever.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UnusableImageError(f"{name} is no ordinary file; expected a picture.")
        if status.st_size > MAX_BYTES:
            raise UnusableImageError(
                f"{name} has {status.st_size / 2**20:.0f} MiB; a picture of at most {MAX_BYTES // 2**20} MiB is expected."
            )
        # One call for nearly every picture: a Python file around the handle would take longer than the reading.
        content = os.read(handle, status.st_size + 1)
        if len(content) == status.st_size:
            return content
        # It grew meanwhile, or comes in parts.
        with open(handle, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()
    finally:
        os.close(handle)


def open_hdf5(path: Path):
    """An HDF5 file, opened for reading only, without a lock (read-only and network disks have none).

    Raises:
        DataSourceError: if it is not there, may not be read, or is no whole HDF5 file.
    """
    import h5py

    try:
        return h5py.File(os.fsencode(path), "r", locking=False)
    except FileNotFoundError:
        raise DataSourceError(f"There is no file {path}; check the path.") from None
    except PermissionError:
        raise DataSourceError(f"{path} may not be read; give this user read permission.") from None
    except OSError as error:
        raise DataSourceError(f"{path} is no whole HDF5 file ({error}); copy it again from where it came.") from error
