"""Which bundles may be loaded: those published here, the one that travels with the code, and those confirmed.

The allow-list holds sha256 digests of ``bundle.json``, and that file names the digest of every other file.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from skin_core.errors import WorkspaceError
from skin_core.paths import workspace, workspace_error, write_text

log = logging.getLogger(__name__)

_SHIPPED = Path(__file__).with_name("shipped.json")


def is_trusted(digest: str) -> bool:
    """Whether a bundle with this digest may be loaded without asking."""
    return digest in _allowed() or digest in shipped()


def allow(digest: str, name: str) -> None:
    """Puts a digest on the workspace's allow-list.

    A list that is damaged is kept beside the new one: it may be all that tells what this workspace trusted.

    Raises:
        WorkspaceError: if the list may not be read or written.
    """
    entry = {"name": name, "since": datetime.now(UTC).isoformat(timespec="seconds")}
    # Two that publish at once must not write over one another's entry.
    with _locked():
        try:
            listed = _read()
        except ValueError:
            listed = {}
            _put_aside(_list_path())
        except OSError as error:
            raise WorkspaceError(
                f"The list of trusted bundles, {_list_path()}, cannot be read ({error.strerror}), and nothing is written "
                "over it; make it readable, or move it away to begin a new one."
            ) from error
        write_text(_list_path(), json.dumps({**listed, digest: entry}, indent=2) + "\n")


def shipped() -> dict[str, str]:
    """Digest → name of the bundles that travel with the code."""
    return json.loads(_SHIPPED.read_text(encoding="utf-8"))


def ship(digest: str, name: str) -> None:
    """Records in the source tree that the bundle with this digest travels with the code (for its developers)."""
    kept = {key: value for key, value in shipped().items() if value != name}
    write_text(_SHIPPED, json.dumps({**kept, digest: name}, indent=2) + "\n")


@contextmanager
def _locked() -> Iterator[None]:
    from filelock import FileLock

    path = _list_path()
    try:
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise workspace_error(error, path) from error
    try:
        yield
    finally:
        lock.release()


def _list_path() -> Path:
    return workspace() / "trusted-bundles.json"


def _allowed() -> dict[str, dict[str, str]]:
    try:
        return _read()
    except (OSError, ValueError):
        # A list that cannot be read or is damaged allows nothing.
        return {}


def _read() -> dict[str, dict[str, str]]:
    try:
        listed = json.loads(_list_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(listed, dict):
        raise ValueError("It is no JSON object.")
    return listed


def _put_aside(path: Path) -> None:
    aside = path.with_name(f"{path.stem}.damaged-{secrets.token_hex(4)}{path.suffix}")
    try:
        os.rename(path, aside)
    except OSError as error:
        raise workspace_error(error, path) from error
    log.warning(
        "The list of trusted bundles, %s, was damaged: it is kept as %s, and a new one begins; confirm the bundles that "
        "you trust once more.",
        path,
        aside.name,
    )
