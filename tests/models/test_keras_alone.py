"""Keras starts without the libraries that it takes only where it finds them, and they are there afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skin_core.models.keras_alone import absent

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_hidden_is_there_afterwards() -> None:
    # A module of the standard library that nothing here loads; the other is loaded already, so it stays.
    with absent("sched", "sys"):
        with pytest.raises(ImportError):
            import sched
        assert sys.modules["sys"] is sys
    import sched

    assert sched.scheduler


def test_keras_loads_none_of_them() -> None:
    code = (
        "import sys, skin_core.quiet\n"
        "from skin_core.models.keras_alone import _UNUSED, load_keras\n"
        "load_keras()\n"
        "assert 'keras' in sys.modules and not set(_UNUSED) & set(sys.modules)\n"
        "import pandas, sklearn.metrics, matplotlib.figure\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
