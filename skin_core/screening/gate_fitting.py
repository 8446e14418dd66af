"""The gate of a run: learnt from its pictures as they are, and as training changed them.

What augmentation made of the training pictures, other light, dark corners, hair, a ruler, belongs to what the network
learnt. A gate that knew the pictures as they are alone refused a sixth of HAM10000's with dark corners or a ruler, and
more with hair.
"""

from __future__ import annotations

import numpy as np

from skin_core.config import RunConfig
from skin_core.data.augment import parameters, view_draws
from skin_core.progress import ProgressCallback
from skin_core.screening.engine import Engine
from skin_core.screening.gate import Gate
from skin_core.screening.outputs import Outputs, outputs_of

# A network takes a second a picture where it is large; means and covariances are known well enough from this many.
GATE_IMAGES = 1500
# Of a picture that is changed for the gate: no view that a frozen backbone was trained on has this number.
_VIEW = 1_000


def fit_gate(
    engine: Engine,
    config: RunConfig,
    pixels: np.ndarray,
    tabular: np.ndarray | None,
    rows: dict[str, np.ndarray],
    on_validation: Outputs,
    progress: ProgressCallback,
) -> Gate:
    """Fits the gate of a run.

    Args:
        engine: the exported graph.
        config: seed and augmentation of the run.
        pixels: uint8 (M, S, S, 3), indexed by arrays of rows.
        tabular: float32 (M, F), or None.
        rows: of "train" (of which `GATE_IMAGES` are drawn) and "validation".
        on_validation: what the engine says of the validation rows as they are.
        progress: told what is done.
    """
    training = rows["train"]
    chosen = np.random.default_rng(config.seed).permutation(len(training))[:GATE_IMAGES]
    training = np.sort(training[chosen])
    what = "Learning what its pictures look like"
    plain = outputs_of(engine, pixels, training, tabular, what=what, progress=progress)
    learnt, limits = [(plain.features, pixels[training])], [(on_validation.features, pixels[rows["validation"]])]
    if config.augmentation.active:
        for some, found in ((training, learnt), (rows["validation"], limits)):
            changed = _changed(config, pixels, some)
            table = None if tabular is None else tabular[some]
            outputs = outputs_of(engine, changed, np.arange(len(some)), table, what=what, progress=progress)
            found.append((outputs.features, changed))
    return Gate.fit(*_together(learnt), *_together(limits))


def _changed(config: RunConfig, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    from skin_core.data.changes import changed

    draws = view_draws(pixels.shape[0], seed=config.seed, view=_VIEW)[rows]
    # Two pictures in one are no picture that anybody takes.
    alone = config.augmentation.model_copy(update={"mixup": 0.0, "cutmix": 0.0, "erasing": 0.0})
    return changed(np.asarray(pixels[rows]), parameters(alone, draws, pixels.shape[1]))


def _together(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    features, images = zip(*parts, strict=True)
    return np.concatenate(features), np.concatenate([np.asarray(image) for image in images])
