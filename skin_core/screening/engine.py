"""The screening engine: one LiteRT graph that gives probabilities, features and the maps that explain them in one pass.

``ai_edge_litert`` imports in 0.3 s where TensorFlow takes 15 s of processor time, and a network of the starter's size
loads in a few milliseconds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skin_core.errors import BundleError
from skin_core.screening.plus import gradcam_plus, through_dense

SIGNATURE = "screen"
THREADS = 2

# NumPy takes 2 ns to unpack a float16, four fifths of what Grad-CAM++ costs after the pass: a dense kernel that has no
# more bytes than this is unpacked once and kept (isic_cnn's has 16 MB, efficientnet_b7's would have 128).
_KEPT_UNPACKED = 32 << 20


@dataclass(frozen=True)
class EngineOutput:
    """What one pass gives, for N images and C classes.

    Attributes:
        probabilities: float32 (N, C), rows sum to 1, not calibrated; a sigmoid head has two columns.
        logits: float32 (N, C); a sigmoid head's are (0, z).
        features: float32 (N, D), mean over space of the layer ``spatial``.
        maps: float32 (N, C, h, w), Grad-CAM after its ReLU, not normalised.
        maps_plus: float32 (N, C, h, w), Grad-CAM++ likewise; None where the graph does not give it.
        spatial: float32 (N, h, w, c), the layer ``spatial`` itself; None where the graph does not give it.
        by_unit: float32 (N, n, u), what `Engine.gradcam_plus` makes Grad-CAM++ of with it, in place of ``maps_plus``.
    """

    probabilities: np.ndarray
    logits: np.ndarray
    features: np.ndarray
    maps: np.ndarray
    maps_plus: np.ndarray | None = None
    spatial: np.ndarray | None = None
    by_unit: np.ndarray | None = None


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
            self._kernel = _Kernel.find(self._interpreter, outputs) if "by_unit" in outputs else None
            self._unpacked: np.ndarray | None = None
            self.gives_spatial = "spatial" in outputs
            self.explains_plus = "maps_plus" in outputs or self._kernel is not None
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
        return EngineOutput(**{field: joined.get(field) for field in EngineOutput.__dataclass_fields__})

    def gradcam_plus(self, output: EngineOutput, index: int, column: int) -> np.ndarray:
        """Grad-CAM++ of one class of one picture; only for graphs that ``explains_plus``.

        Args:
            output: of `run`.
            index: of the picture in it.
            column: of the class.

        Returns:
            float32 (h, w), not negative, not normalised.
        """
        if output.maps_plus is not None:
            return output.maps_plus[index, column]
        by_unit = output.by_unit[index]
        # A sigmoid head has one logit: what speaks for its first class is what speaks against the second.
        by_unit = by_unit[column] if len(by_unit) > 1 else by_unit[0] * (2 * column - 1)
        with self._lock:  # The kernel is seen in place, and LiteRT runs nothing while somebody looks.
            gradient = through_dense(by_unit * self._kernel.scale, self._dense_kernel())
        return gradcam_plus(output.spatial[index], gradient)

    def _dense_kernel(self) -> np.ndarray:
        """The kernel's numbers as the file keeps them, or unpacked to float32; (u, h·w·c)."""
        if self._unpacked is not None:
            return self._unpacked
        stored = self._interpreter.tensor(self._kernel.index)()
        if stored.dtype == np.float32 or 4 * stored.size > _KEPT_UNPACKED:
            return stored
        self._unpacked = stored.astype(np.float32)
        return self._unpacked


class _Kernel(NamedTuple):
    """Where the file keeps the dense kernel after Flatten: a constant (u, h·w·c).

    Attributes:
        index: of the tensor.
        scale: float32 (u,) or 1: what its numbers are to be multiplied by.
    """

    index: int
    scale: np.ndarray | float

    @classmethod
    def find(cls, interpreter, outputs: dict) -> _Kernel | None:
        """None where the constant is not there, or is stored in another way."""
        shape = [int(outputs["by_unit"]["shape"][2]), int(np.prod(outputs["spatial"]["shape"]))]
        tensors = [tensor for tensor in interpreter.get_tensor_details() if tensor["shape"].tolist() == shape]
        # A float16 or int8 constant stands beside what it is unpacked to: the smallest is the one in the file.
        tensor = min(tensors, key=lambda tensor: np.dtype(tensor["dtype"]).itemsize, default=None)
        if tensor is None:
            return None
        scale = tensor["quantization_parameters"]["scales"]
        return cls(tensor["index"], scale if len(scale) else 1.0)


def _no_graph() -> BundleError:
    return BundleError("screen.tflite is no screening graph that LiteRT can load; publish the bundle again.")
