"""Synthetic sets, in whichever published layout they were written: known by their marker, and told as synthetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skin_core.data.manifest import Manifest
from skin_core.data.sources.base import DataSource
from skin_core.errors import DataSourceError

MARKER = "SYNTHETIC.txt"
NOTE = "This set is synthetic: drawn by a program, no picture shows a person."


def marker_of(path: Path) -> Path | None:
    """The marker of the set that ``path`` is in: in the folder itself or at most three folders above."""
    folder = path if path.is_dir() else path.parent
    for place in (folder, *folder.parents[:3]):
        if (place / MARKER).is_file():
            return place / MARKER
    return None


class SyntheticSource(DataSource):
    """A set written by `skin_core.data.demo.write_demo`.

    It is read by the source of the layout it was written in, whose name the manifest bears; the extra column
    ``synthetic`` is True in every row.
    """

    name = "synthetic"
    title = "Synthetic set"
    looks_for = f"{MARKER}, as demo-data writes it, beside pictures in one of the other layouts"
    priority = 100

    def detect(self, path: Path) -> bool:
        return marker_of(path) is not None and self._layout(path) is not None

    def read(self, path: Path, *, labelled: bool = True, further: bool = True) -> Manifest:
        layout = self._layout(path)
        if layout is None:
            raise DataSourceError(f"{path} holds no pictures in a layout that LesionLab reads; write the set again.")
        manifest = layout.read(path, labelled=labelled, further=further)
        return replace(manifest, frame=manifest.frame.assign(synthetic=True), notes=(NOTE, *manifest.notes))

    def _layout(self, path: Path) -> DataSource | None:
        from skin_core.data.sources import all_sources

        others = (source for source in all_sources().values() if source.name != self.name)
        return next((source for source in others if source.detect(path)), None)
