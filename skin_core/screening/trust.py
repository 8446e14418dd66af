"""Which bundles may be loaded: those published here, the one that travels with the code, and those confirmed.

The allow-list holds sha256 digests of ``bundle.json``, and that file names the digest of every other file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from skin_core.paths import workspace, workspace_error, write_text

_SHIPPED = Path(__file__).with_name("shipped.json")


def is_trusted(digest: str) -> bool:
    """Whether a bundle with this digest may be loaded without asking."""
    return digest in _allowed() or digest in shipped()


def allow(digest: str, name: str) -> None:
    """Puts a digest on the workspace's allow-list."""
    entry = {"name": name, "since": datetime.now(UTC).isoformat(timespec="seconds")}
    # Two that publish at once must not write over one another's entry.
    with _locked():
        write_text(_list_path(), json.dumps({**_allowed(), digest: entry}, indent=2) + "\n")


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
        listed = json.loads(_list_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # A list that is not there, cannot be read or is damaged allows nothing.
        return {}
    return listed if isinstance(listed, dict) else {}
