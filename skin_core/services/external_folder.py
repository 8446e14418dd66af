"""Where the evaluation of a bundle on another set is kept: a folder in the workspace, which a restart leaves alone."""

from __future__ import annotations

import json
import math
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skin_core.errors import RunError
from skin_core.paths import new_folder, workspace, workspace_error

_ID = re.compile(r"[a-z0-9_-]{1,120}")


@dataclass(frozen=True)
class ExternalFolder:
    """The files of one evaluation.

    Attributes:
        path: the folder; its name is the evaluation's id.
    """

    path: Path

    @classmethod
    def of(cls, evaluation: str) -> ExternalFolder:
        """The folder of an evaluation.

        Raises:
            RunError: if there is none of that id.
        """
        path = root() / evaluation
        # The id comes from an address line: it must not lead out of the folder.
        if not _ID.fullmatch(evaluation) or not (path / "evaluation.json").is_file():
            raise RunError(f"There is no evaluation '{evaluation}' in this workspace; choose one of the list.")
        return cls(path)

    @property
    def record(self) -> Path:
        """Figures, notes, mapping and options."""
        return self.path / "evaluation.json"

    @property
    def bundle(self) -> Path:
        """The bundle's record as it was then."""
        return self.path / "bundle.json"

    @property
    def predictions(self) -> Path:
        """Truth, groups, probabilities and risk of each image."""
        return self.path / "predictions.npz"

    @property
    def pictures(self) -> Path:
        """Where each image lies, and what is known of it."""
        return self.path / "pictures.parquet"

    def read(self) -> dict[str, Any]:
        """The record; empty where it is damaged."""
        try:
            found = json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def root() -> Path:
    """The folder of all evaluations."""
    return workspace() / "evaluations"


def kept() -> list[ExternalFolder]:
    """Every evaluation, the newest first; an id begins with its time."""
    if not root().is_dir():
        return []
    found = (ExternalFolder(path) for path in root().iterdir() if _ID.fullmatch(path.name))
    return sorted((folder for folder in found if folder.record.is_file()), key=_age, reverse=True)


def _age(folder: ExternalFolder) -> tuple[str, int]:
    # Two that were begun within one second have the same time in their ids, and the rest of those tells no order.
    return folder.path.name[: len("20260101-000000")], folder.record.stat().st_mtime_ns


@contextmanager
def making(bundle: str, data: str) -> Iterator[tuple[ExternalFolder, str]]:
    """Gives the folder of a new evaluation, which nobody lists yet, and its id; puts it in place when the block ends well.

    Args:
        bundle: its name. data: the set's name, of which letters and digits go into the id.

    Raises:
        WorkspaceError: if it cannot be written.
    """
    words = "-".join(re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:40] for text in (bundle, data))
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{words.strip('-')}-{secrets.token_hex(2)}"
    try:
        root().mkdir(parents=True, exist_ok=True)
        with new_folder(root(), name) as path:
            yield ExternalFolder(path), name
    except OSError as error:
        raise workspace_error(error, root() / name) from error


@dataclass(frozen=True)
class Listed:
    """An evaluation in a list.

    Attributes:
        id: names it. title: of the model; bundle: its name; data: name of the set.
        time: ISO 8601, UTC. n: images judged. seconds: how long that took; NaN where not recorded.
        blind: False where pictures that the model was made with were kept in.
        synthetic: the model was trained on drawn pictures.
        mapping: class of the set → class of the bundle or None.
    """

    id: str
    title: str
    bundle: str
    data: str
    time: str
    n: int
    seconds: float
    blind: bool
    synthetic: bool
    mapping: dict[str, str | None]


def listed() -> list[Listed]:
    """Every evaluation that can be read, the newest first."""
    found = []
    for folder in kept():
        record = folder.read()
        if not record:
            continue
        found.append(
            Listed(
                id=folder.path.name,
                title=str(record.get("bundle_title") or record.get("bundle", "")),
                bundle=str(record.get("bundle", "")),
                data=str(record.get("data", "")),
                time=str(record.get("time", "")),
                n=int(record.get("n", 0)),
                seconds=float(record.get("seconds", math.nan)),
                blind=bool(record.get("blind", True)),
                synthetic=bool(record.get("synthetic", False)),
                mapping=dict(record.get("mapping", {})),
            )
        )
    return found


def forget(evaluation: str) -> None:
    """Deletes an evaluation; the pictures that it was of stay.

    Raises:
        RunError: if there is none of that id.
    """
    shutil.rmtree(ExternalFolder.of(evaluation).path, ignore_errors=True)
