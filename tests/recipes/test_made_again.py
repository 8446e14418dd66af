"""The commands that make what is shipped: they refuse what would make something else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from docs.ablations import BASE, GROUPS
from skin_core.config import RunConfig
from skin_core.models.families.mobilenet_v2 import IMAGENET
from skin_core.overrides import apply_overrides

ROOT = Path(__file__).resolve().parents[2]


def test_the_starter_is_not_trained_from_other_weights(tmp_path: Path) -> None:
    other = tmp_path / IMAGENET.aliases[0]
    other.write_bytes(b"other weights")
    ran = subprocess.run(
        [sys.executable, "docs/make_starter.py", str(tmp_path)],
        cwd=ROOT,
        check=False,
        env={**os.environ, "LESIONLAB_WEIGHTS": str(tmp_path), "LESIONLAB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 1
    assert hashlib.sha256(b"other weights").hexdigest() in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "home" / "runs").exists()


def test_every_row_of_the_ablation_is_one_change_that_works() -> None:
    for group in GROUPS:
        names = [change.name for change in group.changes]
        assert len(set(names)) == len(names) and group.base in names
        settings = {}
        for change in group.changes:
            changed = {
                key: ["20260101-000000-run-0000"] if value == [BASE] else value
                for key, value in change.settings.items()
            }
            pairs = [f"{key}={json.dumps(value)}" for key, value in changed.items()]
            settings[change.name] = RunConfig.parse(apply_overrides({"data": "x", **group.settings}, pairs))
        base = settings.pop(group.base)
        for name, config in settings.items():
            assert config != base, name
            # One thing is changed (a strength goes with its switch), and never what the pictures are dealt by.
            assert len(dict(group.change(name).settings)) <= 2
            for field in ("folds", "seed", "max_images", "validation_fraction", "test_fraction", "cv_select", "clean"):
                assert getattr(config, field) == getattr(base, field), (name, field)
