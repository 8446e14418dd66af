"""The engine of each size, for one picture: against Keras' ``predict`` and against one compiled call.

Milliseconds, bytes of the file and memory of a process that loads it and screens; for the starter's own network also
what a size loses on HAM10000's validation split (the real set is needed). Takes 10 minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.harness import ROOT, Report, in_turn, ratio, whole_process
from bench.images import real_set
from bench.networks import CLASSES, COLUMNS, random_network
from skin_core.models.registry import all_families
from skin_core.screening.variant import ENGINES

_EVERY_SIZE = ("light_cnn", "mobilenet_v2")
_EXAMPLES = 100
_PRUNED = 0.5

# In a process of its own, so that nothing but the engine is counted.
_SCREEN = """
import sys, numpy as np
from skin_core.screening.engine import Engine
with open("/proc/self/status") as status:
    before = int(next(line for line in status if line.startswith("VmRSS")).split()[1])
engine = Engine(open(sys.argv[1], "rb").read())
columns = np.zeros((1, engine.n_tabular), np.float32) if engine.n_tabular else None
for _ in range(3):
    engine.run(np.zeros((1, engine.image_size, engine.image_size, 3), np.uint8), columns)
with open("/proc/self/status") as status:
    print(int(next(line for line in status if line.startswith("VmRSS")).split()[1]) - before)
"""


def run(quick: bool) -> Report:
    """Times every family; ``quick`` takes one small network and two sizes."""
    report = Report("Engine", {"pictures": 1, "classes": CLASSES, "weights": "random", "threads": 2})
    for name in ["light_cnn"] if quick else list(all_families()):
        _time(name, report, quick)
    if quick:
        return report
    if real_set("ham10000") is None:
        report.notes.append("HAM10000 is not here, so what a size loses on real pictures was not measured.")
    else:
        _losses(report)
    report.notes.append("light_cnn and the other families have no shipped trained model: no losses are told for them.")
    return report


def _time(name: str, report: Report, quick: bool) -> None:
    import keras
    import tensorflow as tf

    from skin_core.models.split import twin
    from skin_core.screening.compact import make_compact
    from skin_core.screening.engine import Engine
    from skin_core.screening.export import export

    model = random_network(name, 48 if quick else 0)
    size = int(model.get_layer("image").output.shape[1])
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (8 if quick else 30, size, size, 3), dtype=np.uint8)
    columns = np.zeros((len(pictures), COLUMNS), np.float32) if len(model.inputs) > 1 else None
    examples = {"image": pictures} if columns is None else {"image": pictures, "tabular": columns}
    kinds = ("float32", "dynamic") if quick else tuple(ENGINES) if name in _EVERY_SIZE else ("float32",)
    calls: dict[str, Any] = {}
    for kind in kinds:
        network = model
        if kind == "float16":
            network = twin(model)
            make_compact(network)
        graph = export(network, engine=kind, examples=examples)
        engine = Engine(graph)
        calls[kind] = lambda engine=engine: engine.run(pictures[:1], None if columns is None else columns[:1])
        report.figures[f"{name} {kind}: file, MB"] = len(graph) / 1e6
        report.figures[f"{name} {kind}: memory to load and screen, MB"] = _memory(graph)

    given = [pictures[:1].astype(np.float32), *([] if columns is None else [columns[:1]])]
    compiled = tf.function(lambda *tensors: model(list(tensors), training=False))
    tensors = [tf.constant(value) for value in given]
    calls["compiled call"] = lambda: np.asarray(compiled(*tensors))
    calls["Keras predict"] = lambda: model.predict(given, verbose=0)
    found = in_turn(calls, repeats=3 if quick else 15 if name == "efficientnet_b7" else 60, warmups=3)
    for what, seconds in found.items():
        report.seconds[f"{name}: {what}"] = seconds
    for kind in kinds:
        first = 3 if kind == "float32" else None
        call = found["compiled call"]
        report.ratios.append(ratio(f"{name}, compiled call over the {kind} engine", call, found[kind], at_least=first))
        if kind == "float32":
            over = found["Keras predict"]
            report.ratios.append(ratio(f"{name}, predict over the float32 engine", over, found[kind], at_least=50))
    keras.backend.clear_session()


def _memory(graph: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "screen.tflite"
        path.write_bytes(graph)
        found = whole_process([sys.executable, "-c", _SCREEN, str(path)])
    return int(found.output.strip().splitlines()[-1]) * 1024 / 1e6


def _losses(report: Report) -> None:
    """Each size of the starter's network on the validation pictures that it was published with."""
    import keras

    from skin_core.models.split import twin
    from skin_core.screening.compact import make_compact
    from skin_core.screening.export import export
    from skin_core.screening.prune import prune, restore_statistics

    model = keras.saving.load_model(ROOT / "models" / "starter" / "model.keras", compile=False, safe_mode=True)
    pictures, frame, groups, classes = _validation(model.get_layer("image").output.shape[1])
    examples = {"image": pictures["train"]}
    graphs = {}
    for kind in ENGINES:
        network = twin(model)
        if kind == "float16":
            make_compact(network)
        graphs[kind] = export(network, engine=kind, examples=examples)
    pruned = twin(model)
    prune(pruned, _PRUNED)
    graphs[f"pruned {_PRUNED:g}"] = export(pruned)
    restore_statistics(pruned, examples)
    graphs[f"pruned {_PRUNED:g}, statistics measured anew"] = export(pruned)
    judged = {what: _judged(graph, pictures["validation"], frame, groups, classes) for what, graph in graphs.items()}
    for what, found in judged.items():
        for figure, value in found.items():
            report.figures[f"starter {what}: {figure}, n = {len(frame)}"] = value


def _validation(size: int) -> tuple[dict[str, np.ndarray], Any, np.ndarray, list[str]]:
    """Pixels of some training and all validation pictures of the default split, and the validation rows."""
    from skin_core.data.audit import audit
    from skin_core.data.cache import open_pixels
    from skin_core.data.sources import read_manifest
    from skin_core.data.split import make_split

    place = real_set("ham10000")
    assert place is not None
    manifest = read_manifest(place)
    split = make_split(manifest, audit(manifest))
    frame = manifest.frame.set_index("image_id", drop=False).loc[split.frame["image_id"].tolist()]
    cache = open_pixels(manifest.with_frame(frame.reset_index(drop=True)), size=size, crop="squash")
    sides = split.frame["split"].to_numpy()
    rows = {"validation": np.flatnonzero(sides == "validation"), "train": np.flatnonzero(sides == "train")}
    rows["train"] = rows["train"][:: max(1, len(rows["train"]) // _EXAMPLES)][:_EXAMPLES]
    pictures = {side: np.asarray(cache.pixels[some]) for side, some in rows.items()}
    groups = split.frame["group"].to_numpy()[rows["validation"]]
    return pictures, frame.iloc[rows["validation"]], groups, sorted(set(frame["label"]))


def _judged(graph: bytes, pictures: np.ndarray, frame: Any, groups: np.ndarray, classes: list[str]) -> dict[str, float]:
    """Balanced accuracy and malignancy AUC, each engine calibrated for itself as publishing does."""
    from skin_core.evaluation.calibration import calibrated, fit_calibration
    from skin_core.evaluation.ranking import auc
    from skin_core.screening.engine import Engine
    from skin_core.screening.outputs import outputs_of

    logits = outputs_of(Engine(graph), pictures, np.arange(len(pictures)), None).logits
    labels = np.array([classes.index(label) for label in frame["label"]])
    probabilities = calibrated(logits, *fit_calibration(logits, labels))
    guesses = probabilities.argmax(axis=1)
    positive = (frame["risk_level"] != "benign").to_numpy(dtype=bool)
    endpoint = sorted({classes.index(label) for label in frame.loc[positive, "label"]})
    ones = np.ones((1, len(labels)))
    return {
        "balanced accuracy": float(np.mean([(guesses[labels == c] == c).mean() for c in np.unique(labels)])),
        "malignancy AUC": float(auc(ones, positive, probabilities[:, endpoint].sum(axis=1))[0]),
    }
