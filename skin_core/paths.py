"""Where LesionLab keeps its things, and how it writes them without ever leaving half a file.

``LESIONLAB_HOME`` moves the workspace (runs, caches, demo data), ``LESIONLAB_MODELS`` the folder of bundles,
``LESIONLAB_WEIGHTS`` names a folder with pretrained weights for machines without a network.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skin_core.errors import WorkspaceError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)


def workspace() -> Path:
    """The folder of runs, caches and demo data: ``LESIONLAB_HOME``, else ``./workspace`` beside ``app.py``."""
    return _made(workspace_place())


def workspace_place() -> Path:
    """Where the workspace is or would be, without making it."""
    return Path(os.environ.get("LESIONLAB_HOME") or PROJECT_ROOT / "workspace").expanduser().absolute()


def models_dir() -> Path:
    """The folder of published bundles: ``LESIONLAB_MODELS``, else ``models/`` beside ``app.py``."""
    return _made(Path(os.environ.get("LESIONLAB_MODELS") or PROJECT_ROOT / "models").expanduser().absolute())


def weights_dir() -> Path | None:
    """The folder named by ``LESIONLAB_WEIGHTS``, or None where it is not set."""
    named = os.environ.get("LESIONLAB_WEIGHTS")
    return Path(named).expanduser().absolute() if named else None


def runs_dir() -> Path:
    """One folder a run: its config, state, log, checkpoints and pictures."""
    return _made(workspace() / "runs")


def searches_dir() -> Path:
    """One folder a search for settings: what it was asked to do, its state and a mirror of its trials."""
    return _made(workspace() / "searches")


def cache_dir() -> Path:
    """Decoded pixels, features and audits, each keyed by a fingerprint; safe to delete."""
    return _made(workspace() / "cache")


def demo_dir() -> Path:
    """Synthetic demo data sets."""
    return _made(workspace() / "demo")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Gives a path beside ``target`` to write to, and renames it onto ``target`` when the block ends well.

    A reader sees the old file or the new one, never half of one; a failed block leaves nothing behind.

    Args:
        target: the file to replace. Its folder is made if it is not there.

    Raises:
        WorkspaceError: if there is no space or no permission, or ``target`` is no ordinary file.
    """
    # A link goes on leading where it led. What is no file (/dev/null, a pipe, a folder) must not be taken the place of:
    # as root the rename would succeed and break the machine.
    target = Path(os.path.realpath(target))
    if os.path.exists(target) and not os.path.isfile(target):
        raise WorkspaceError(f"{target} is no ordinary file, so nothing is written over it; name another file.")
    _made(target.parent)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        # Not by `mkstemp`, which makes files private: this one follows the user's umask like any other. To ask for the
        # umask is to change it for a moment, and of two threads that do so at a time one may leave it open for good.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as error:
        raise workspace_error(error, target) from error
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise workspace_error(error, target) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(parent: Path, name: str) -> Iterator[Path]:
    """Gives an empty folder to fill, and its name ``name`` below ``parent`` when the block ends well.

    Nobody ever lists half of one: until then its name begins with a dot, and a failed block leaves nothing behind.

    Raises:
        OSError: as the machine tells it; where something that is no empty folder has the name already, too.
    """
    making = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
    try:
        yield making
        making.chmod(0o755)
        os.rename(making, parent / name)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Writes UTF-8 text atomically (see `atomic_path`)."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise workspace_error(error, folder) from error
    return folder


def workspace_error(error: OSError, target: Path) -> WorkspaceError:
    """The one sentence for a file that could not be written: no space, or no permission."""
    place, home = Path(os.path.realpath(target)), Path(os.path.realpath(workspace_place()))
    within = place == home or home in place.parents
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        instead = "move the workspace with LESIONLAB_HOME" if within else "choose another place"
        return WorkspaceError(f"No space is left to write {target}; free some space, or {instead}.")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return WorkspaceError(f"{target} needs a folder where there is a file; name another place.")
    instead = "set LESIONLAB_HOME to another folder" if within else "choose another place"
    return WorkspaceError(f"{target} cannot be written ({error.strerror}); give write permission, or {instead}.")


def machine_error(error: OSError) -> WorkspaceError | None:
    """The one sentence for what the machine refuses (no space, no permission, a failing disk).

    Returns:
        None for any other error of the operating system: that one is a defect of ours, and its traceback is wanted.
    """
    if error.errno not in _REFUSALS:
        return None
    where = error.filename or "A file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return workspace_error(error, Path(os.fsdecode(where)) if error.filename else workspace_place())
    return WorkspaceError(
        f"{os.fsdecode(where)} cannot be read or written ({error.strerror}); give this user permission to it, or name "
        "another place."
    )
