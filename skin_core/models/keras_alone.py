"""Keras without what it loads for nothing: a third of the time that a worker takes to start.

Keras 3.15 imports scikit-learn (with half of SciPy) for its wrappers, matplotlib's pyplot for its galleries and pandas
for data frames, each where it finds it. No process of ours uses those.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_UNUSED = ("sklearn", "matplotlib", "pandas")


def load_keras() -> None:
    """Imports Keras, in a process of its own, before anything else there does; what it went without can be had later."""
    with absent(*_UNUSED):
        import keras  # noqa: F401


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Within the block these packages are not to be had, but for those that are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    # What Python itself writes there for "is not to be imported".
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
