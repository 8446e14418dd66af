"""Opening, remembering, drawing and checking data sets: what the Data and Train pages stand on.

Imports no TensorFlow. ``LESIONLAB_DATA`` may name folders (separated as in ``PATH``) that every user is offered.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skin_core.errors import DataSourceError, SkinCoreError, WorkspaceError
from skin_core.locks import held
from skin_core.paths import demo_dir, workspace, write_text
from skin_core.progress import ProgressCallback, ignore_progress

if TYPE_CHECKING:
    from skin_core.data.audit import AuditReport
    from skin_core.data.manifest import Manifest
    from skin_core.data.split import Split

Layout = Literal["folder", "ham10000", "isic2024"]
LAYOUTS: tuple[Layout, ...] = ("ham10000", "folder", "isic2024")

_REMEMBERED = 12


@dataclass(frozen=True)
class KnownDataset:
    """A data set that can be offered without typing its path.

    Attributes:
        path: absolute path, as a string.
        kind: "recent" (opened before), "demo" (synthetic, in the workspace) or "offered" (``LESIONLAB_DATA``).
        source: name of the data source that read it, or "" if it was never opened.
        n_images: images in it when it was last opened; 0 if it was never opened.
        n_classes: classes in it then.
        synthetic: whether its pictures are drawn.
        opened: ISO 8601 time of the last opening in UTC, or "".
    """

    path: str
    kind: Literal["recent", "demo", "offered"]
    source: str = ""
    n_images: int = 0
    n_classes: int = 0
    synthetic: bool = False
    opened: str = ""

    @property
    def title(self) -> str:
        """The last two parts of the path, and what is known of it."""
        name = "/".join(Path(self.path).parts[-2:]) if self.kind != "demo" else Path(self.path).name
        what = []
        if self.kind == "demo" or self.synthetic:
            what.append("synthetic")
        if self.n_images:
            what.append(f"{self.n_images:,} images")
        return f"{name} ({', '.join(what)})" if what else name


def absolute(path: str | Path) -> str:
    """The path as it is remembered: expanded, absolute, without surrounding blanks or quotes.

    Raises:
        DataSourceError: for an empty path.
    """
    text = str(path).strip().strip("'\"")
    if not text:
        raise DataSourceError("No path was given; type the folder or the csv of a data set.")
    return os.path.normpath(Path(text).expanduser().absolute())


def stamp(path: str | Path) -> int:
    """A number that changes when a data set's folder, its csv or its split folders change; for caches.

    Looks at the path and one level below it, not at each picture: quick for 400,000 files.
    """
    newest = 0
    try:
        newest = os.stat(path).st_mtime_ns
        with os.scandir(path) as entries:
            for entry in entries:
                newest = max(newest, entry.stat().st_mtime_ns)
    except OSError:  # Missing, unreadable, or a file: opening it tells the person which.
        pass
    return newest


def open_dataset(path: str | Path, *, risk_levels: Mapping[str, str] | None = None, further: bool = True) -> Manifest:
    """Reads the manifest of a data set and remembers its path.

    Args:
        path: a folder or a csv in any known layout.
        risk_levels: risk level of a class, where it differs from the mapping.
        further: False leaves out a large csv's further columns, which nothing but training needs; their names are in
            ``Manifest.further``.

    Raises:
        DataSourceError, ManifestError: one sentence each.
    """
    from skin_core.data.sources import read_manifest

    where = absolute(path)
    manifest = read_manifest(where, risk_levels=risk_levels, further=further)
    remember_dataset(path=where, manifest=manifest)
    return manifest


def remember_dataset(*, path: str | Path, manifest: Manifest) -> None:
    """Puts a set on top of the recent ones; writes nothing if it is there already.

    For pages that keep manifests in memory: opening one of those again reads no file.
    """
    recent, where = _recent(), absolute(path)
    if not recent or (recent[0].path, recent[0].n_images) != (where, len(manifest)):
        _remember(where, manifest)


def is_synthetic(manifest: Manifest) -> bool:
    """Whether any of its pictures is drawn rather than photographed."""
    return "synthetic" in manifest.frame and bool(manifest.frame["synthetic"].fillna(False).astype(bool).any())


def known_datasets() -> list[KnownDataset]:
    """Data sets to offer: opened before (newest first), then demo sets, then those of ``LESIONLAB_DATA``.

    A path that is gone is not offered.
    """
    demo_root = str(demo_dir())
    found: dict[str, KnownDataset] = {}
    for known in _recent():
        kind = "demo" if known.path.startswith(demo_root + os.sep) else "recent"
        found.setdefault(known.path, KnownDataset(**{**asdict(known), "kind": kind}))
    for folder in sorted(demo_dir().iterdir()):
        if folder.is_dir() and not folder.name.startswith("."):
            found.setdefault(str(folder), KnownDataset(path=str(folder), kind="demo", synthetic=True))
    for named in os.environ.get("LESIONLAB_DATA", "").split(os.pathsep):
        if named.strip():
            where = absolute(named)
            found.setdefault(where, KnownDataset(path=where, kind="offered"))
    return [known for known in found.values() if os.path.exists(known.path)]


def titles_of(known: Iterable[KnownDataset]) -> dict[str, str]:
    """Path → title, no two the same: the whole path stands in place of a title that two sets have."""
    titles = {entry.path: entry.title for entry in known}
    often = Counter(titles.values())
    return {path: title if often[title] == 1 else path for path, title in titles.items()}


def forget_dataset(path: str | Path) -> None:
    """Takes a path off the list of recent ones; the files stay."""
    where = absolute(path)
    with _changing():
        _save([known for known in _recent() if known.path != where])


def make_demo(
    *,
    layout: Layout = "ham10000",
    n: int = 400,
    seed: int = 42,
    with_faults: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> str:
    """Writes a synthetic set into the workspace, or finds the one that is there.

    Args:
        layout: the published layout to write.
        n: number of images.
        seed: the same seed draws the same images.
        with_faults: plants identical pictures under two labels, lesions across the split and broken files, to show
            what the audit finds.
        progress: told of each image drawn.

    Returns:
        The path to open.

    Raises:
        WorkspaceError: if the workspace cannot be written.
        DataSourceError: for an unknown layout.
    """
    from skin_core.data.demo import DemoFaults, write_demo

    if layout not in LAYOUTS:
        raise DataSourceError(f"There is no layout '{layout}'; there are {', '.join(LAYOUTS)}.")
    name = f"{layout}-{n}" + (f"-seed{seed}" if seed != 42 else "") + ("-with-faults" if with_faults else "")
    target = demo_dir() / name
    if target.exists():
        return str(target)
    # Drawn beside its place and moved there when whole: a stopped drawing never looks like a set.
    drawn = demo_dir() / f".{name}.{uuid.uuid4().hex[:8]}"
    # Only the folder layout has a published test folder that lesions could leak into.
    leaks = 4 if layout == "folder" else 0
    faults = DemoFaults(conflicts=3, near_duplicates=4, split_leaks=leaks, broken=3) if with_faults else DemoFaults()
    try:
        write_demo(drawn, layout=layout, n=n, seed=seed, faults=faults, progress=progress)
        try:
            drawn.rename(target)
        except OSError:
            if not target.exists():  # Else another page drew the same set meanwhile.
                raise
    finally:
        shutil.rmtree(drawn, ignore_errors=True)
    return str(target)


def split_preview(
    *,
    manifest: Manifest,
    report: AuditReport | None,
    seed: int = 42,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.15,
    clean: bool = True,
) -> Split:
    """The split that a run with these settings would use; a leak is shown, not refused.

    Raises:
        SkinCoreError: one sentence, if no such split can be made.
    """
    from skin_core.data.split import make_split

    if validation_fraction + test_fraction >= 1:
        raise SkinCoreError(
            "The shares for validation and test must leave something to train on; "
            f"got {validation_fraction:g} and {test_fraction:g}, lower one of them."
        )
    return make_split(
        manifest,
        report,
        seed=seed,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        clean=clean,
        allow_leaks=True,
    )


def _recent_file() -> Path:
    return workspace() / "recent_datasets.json"


def _changing() -> AbstractContextManager[None]:
    # Two pages that open a set at once must not write over one another's entry.
    return held(_recent_file().with_suffix(".lock"), "The list of recent data sets is being written", WorkspaceError)


def _recent() -> list[KnownDataset]:
    try:
        return [KnownDataset(**entry) for entry in json.loads(_recent_file().read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):  # A list of conveniences: a damaged one is started anew.
        return []


def _save(entries: list[KnownDataset]) -> None:
    write_text(_recent_file(), json.dumps([asdict(entry) for entry in entries[:_REMEMBERED]], indent=1))


def _remember(path: str, manifest: Manifest) -> None:
    entry = KnownDataset(
        path=path,
        kind="recent",
        source=manifest.source,
        n_images=len(manifest),
        n_classes=len(manifest.classes),
        synthetic=is_synthetic(manifest),
        opened=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with _changing():
        _save([entry, *(known for known in _recent() if known.path != path)])
