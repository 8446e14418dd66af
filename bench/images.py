"""The pictures that benches run on: the real sets where they are, else drawn ones."""

from __future__ import annotations

import os
from pathlib import Path

from bench.harness import ROOT
from skin_core.data.demo import write_demo
from skin_core.paths import workspace


def real_set(name: str) -> Path | None:
    """The folder of a real set ("ham10000", "isic9", "malignant-benign"), or None where it is not on this machine."""
    place = Path(os.environ.get("LESIONLAB_TEST_DATA") or ROOT.parent / "shared" / "data") / name
    return place if place.is_dir() else None


def drawn_set(layout: str, n: int) -> Path:
    """A synthetic set in the bench's own workspace, drawn once: "folder", "ham10000" or "isic2024"."""
    place = workspace() / f"drawn-{layout}-{n}"
    return place if place.is_dir() else write_demo(place, layout=layout, n=n)
