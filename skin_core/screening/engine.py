"""The screening engine: one LiteRT graph that gives probabilities, features and Grad-CAM maps in one pass.

``ai_edge_litert`` imports in 0.3 s where TensorFlow takes 15 s of processor time, and a network of the starter's size
loads in a few milliseconds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from skin_core.errors import BundleError

SIGNATURE = "screen"
THREADS = 2


@dataclass(frozen=True)
class EngineOutput:
    """What one pass gives, for N images and C classes.

    Attributes:
        probabilities: float32 (N, C), rows sum to 1, not calibrated; a sigmoid head has two columns.
        logits: float32 (N, C); a sigmoid head's are (0, z).
        features: float32 (N, D), mean over space of the layer ``spatial``.
        maps: float32 (N, C, h, w), Grad-CAM after its ReLU, not normalised.
    """

    probabilities: np.ndarray
    logits: np.ndarray
    features: np.ndarray
    maps: np.ndarray


class Engine:
    """Runs an exported graph. Safe to share between threads: calls wait for each other.

    Args:
        model: bytes of a ``screen.tflite``.
        threads: processor threads for one pass.

    Raises:
        BundleError: if the bytes are no such graph.
    """

    def __init__(self, model: bytes, *, threads: int = THREADS) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=threads)
            self._run = self._interpreter.get_signature_runner(SIGNATURE)
        except ValueError as error:
            raise _no_graph() from error
        try:
            inputs, outputs = self._run.get_input_details(), self._run.get_output_details()
            self.image_size = int(inputs["image"]["shape"][1])
            self.n_tabular = int(inputs["tabular"]["shape"][1]) if "tabular" in inputs else 0
            self.n_classes = int(outputs["logits"]["shape"][1])
        except (KeyError, IndexError) as error:
            raise _no_graph() from error

    def run(self, images: np.ndarray, tabular: np.ndarray | None = None) -> EngineOutput:
        """One pass a picture. The graph has a batch of one: on a processor larger batches are no faster.

        Args:
            images: uint8 or float32 (N, S, S, 3), RGB 0–255, as `imaging.decode.to_input` gives them; N ≥ 1.
            tabular: float32 (N, F) as `TabularEncoder` gives it; only for graphs that take it.

        Returns:
            Arrays of the caller's own; see `EngineOutput`.
        """
        if images.shape[1:] != (self.image_size, self.image_size, 3):
            raise ValueError(f"images must be (N, {self.image_size}, {self.image_size}, 3); got {images.shape}")
        if bool(self.n_tabular) != (tabular is not None):
            raise ValueError(f"tabular must {'' if self.n_tabular else 'not '}be given for this graph")
        rows = []
        for index in range(len(images)):
            inputs = {"image": images[index : index + 1].astype(np.float32)}
            if tabular is not None:
                inputs["tabular"] = tabular[index : index + 1].astype(np.float32)
            with self._lock:
                rows.append(self._run(**inputs))
        joined = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        return EngineOutput(joined["probabilities"], joined["logits"], joined["features"], joined["maps"])


def _no_graph() -> BundleError:
    return BundleError("screen.tflite is no screening graph that LiteRT can load; publish the bundle again.")
