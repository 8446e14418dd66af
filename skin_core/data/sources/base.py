"""What a data source is. A new layout is one new file in this folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from skin_core.data.manifest import Manifest


class DataSource(ABC):
    """Reads one published layout.

    Attributes:
        name: as the command line and the run record know it.
        title: as a page shows it.
        looks_for: what `detect` looks for, in words, for the error when no source fits.
        priority: the higher one is asked first; layouts that are special cases of others come first. Where two of the
            same priority fit one path, it holds two data sets and the person has to choose.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    looks_for: ClassVar[str]
    priority: ClassVar[int] = 0

    @abstractmethod
    def detect(self, path: Path) -> bool:
        """Whether ``path`` (an existing file or folder) is in this layout; reads no images."""

    @abstractmethod
    def read(self, path: Path, *, labelled: bool = True, further: bool = True) -> Manifest:
        """The manifest of the set at ``path``.

        Args:
            path: a folder, or a file of the layout (a csv).
            labelled: False accepts rows without labels (prediction).
            further: False may leave the csv's further columns out and name them in ``Manifest.further``.

        Raises:
            DataSourceError: a sentence with what was expected, what came and what to do.
        """
