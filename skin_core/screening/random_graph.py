"""The graph of a run's network with random weights, which the check of the heat maps compares with.

The export makes it on its way, since it has TensorFlow and the network loaded; for a draft that lacks it a process of its
own does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from skin_core.screening import child

# In a draft's folder, until the maps are checked.
RANDOM = "random.tflite"
# Normalisation needs no more pictures for its statistics: each has thousands of places.
_PICTURES = 16


def one_of_each_group(rows: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """One row of each group, groups and rows in an order drawn by the seed.

    Args:
        rows: int (N,), rows of the run's manifest. groups: (M,), of all its rows.
    """
    drawn = rows[np.random.default_rng(seed).permutation(len(rows))]
    _, first = np.unique(np.asarray(groups)[drawn].astype(str), return_index=True)
    return drawn[np.sort(first)]


def statistics_rows(validation: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Rows of the pictures that the random network takes its normalisation from; see `one_of_each_group`."""
    return one_of_each_group(validation, groups, seed)[:_PICTURES]


def random_graph(model: Path, images: np.ndarray, tabular: np.ndarray | None, seed: int) -> bytes:
    """The graph, made in a process of its own.

    Args:
        model: a ``.keras`` file; its layers are taken, its weights are not.
        images: uint8 (N, S, S, 3). tabular: float32 (N, F), for a network with columns.
        seed: of the weights.

    Raises:
        BundleError: if it cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="lesionlab-random-") as place:
        pictures, out = Path(place) / "pictures.npz", Path(place) / RANDOM
        np.savez(pictures, **({"image": images} if tabular is None else {"image": images, "tabular": tabular}))
        request = {"model": str(model), "pictures": str(pictures), "out": str(out), "seed": seed}
        child.call("skin_core.screening.random_worker", request)
        return out.read_bytes()
