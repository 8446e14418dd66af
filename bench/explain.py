"""Explanations of every family: ours against tf-keras-vis as its documentation shows it, and against the forward pass.

Grad-CAM of all classes comes with the engine's pass, so what it costs is that pass against the same graph exported
without maps. Grad-CAM++ is the pass with its map made, Score-CAM runs on the engine, SmoothGrad on the compiled Keras
model. tf-keras-vis is called as its documentation does (``GradcamPlusPlus(model, model_modifier=ReplaceToLinear(),
clone=True)``, eager), for one class, at its documentation's defaults but for what ours does otherwise: Score-CAM's 64
channels and SmoothGrad's noise. Weights are random: what is measured does not hang on them. Takes 15 minutes.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from bench.harness import Report, in_turn, ratio
from bench.networks import CLASSES, COLUMNS, random_network
from skin_core.models.registry import all_families

# A pass of tf-keras-vis takes these seconds.
_SLOW = ("efficientnet_b7", "tbp_fusion")
_COLUMN = 1


def run(quick: bool) -> Report:
    """Compares on one picture of noise at each family's own size; ``quick`` takes one small family."""
    report = Report("Explanations", {"pictures": 1, "classes": CLASSES, "weights": "random", "threads": 2})
    names = ["light_cnn"] if quick else list(all_families())
    for name in names:
        _compare(name, report, quick)
    report.notes.append("A ratio to tf-keras-vis is of one class's map; Grad-CAM and Grad-CAM++ give all of them.")
    return report


def _compare(name: str, report: Report, quick: bool) -> None:
    import keras
    import tensorflow as tf

    from skin_core.explain.methods import Explainer
    from skin_core.explain.scorecam import scorecam
    from skin_core.screening import export
    from skin_core.screening.engine import Engine

    model = random_network(name, 48 if quick else 0)
    side = model.get_layer("image").output.shape[1]
    picture = np.random.default_rng(0).integers(0, 256, (1, side // 4, side // 4, 3), dtype=np.uint8)
    picture = np.pad(
        picture.repeat(4, axis=1).repeat(4, axis=2), ((0, 0), (0, side % 4), (0, side % 4), (0, 0)), "edge"
    )
    pixels = picture.astype(np.float32)
    columns = np.zeros((1, COLUMNS), np.float32) if len(model.inputs) > 1 else None

    plain = Engine(export.export(model, maps=False))
    engine = Engine(export.export(model))
    given = [pixels] if columns is None else [pixels, columns]
    compiled = tf.function(lambda *tensors: model(list(tensors), training=False))
    tensors = [tf.constant(value) for value in given]

    fast = in_turn(
        {
            "pass": lambda: plain.run(picture, columns),
            "Grad-CAM": lambda: engine.run(picture, columns),
            "Grad-CAM++": lambda: engine.gradcam_plus(engine.run(picture, columns), 0, _COLUMN),
            "compiled": lambda: compiled(*tensors),
        },
        repeats=5 if quick else 20 if name == "efficientnet_b7" else 200,
        warmups=5,
    )
    for what, seconds in fast.items():
        report.seconds[f"{name}: {_WORDS[what]}"] = seconds
    add = report.ratios.append
    add(ratio(f"{name}, Grad-CAM of all classes over the pass without", fast["Grad-CAM"], fast["pass"], at_most=1.2))
    add(ratio(f"{name}, Grad-CAM++ over the pass without", fast["Grad-CAM++"], fast["pass"], at_most=1.5))

    theirs = _tf_keras_vis(model, keras)
    explainer = Explainer(model, columns)
    output = engine.run(picture, columns)

    def by_engine() -> np.ndarray:
        def probabilities(images: np.ndarray) -> np.ndarray:
            return np.concatenate([engine.run(image[np.newaxis], columns).probabilities for image in images])

        return scorecam(output.spatial[0], pixels[0], _COLUMN, probabilities)

    ours = {
        "Grad-CAM": lambda: engine.run(picture, columns).maps[0, _COLUMN],
        "Grad-CAM++": lambda: engine.gradcam_plus(engine.run(picture, columns), 0, _COLUMN),
        "Score-CAM": by_engine,
        "SmoothGrad": lambda: explainer.map(pixels, "smoothgrad", _COLUMN),
    }
    seed = given if len(given) > 1 else pixels
    for method, mine in ours.items():
        many = method in ("Score-CAM", "SmoothGrad")
        # 64 passes or 20 eager gradients of a large network take tf-keras-vis minutes.
        if many and (quick or name in _SLOW):
            continue
        found = in_turn(
            {"theirs": lambda call=theirs[method]: call(seed), "ours": mine},
            repeats=1 if quick else 3 if many or name in _SLOW else 5,
        )
        report.seconds[f"{name}: {method}, tf-keras-vis"] = found["theirs"]
        report.seconds[f"{name}: {method}, ours"] = found["ours"]
        target = 10 if method == "Grad-CAM++" else None
        add(ratio(f"{name}, tf-keras-vis over ours, {method}", found["theirs"], found["ours"], at_least=target))
        if method != "SmoothGrad":
            difference = float(np.abs(_normalised(theirs[method](seed)) - _normalised(mine())).max())
            report.figures[f"{name}: {method}, largest difference of the normalised maps"] = difference
    keras.backend.clear_session()


_WORDS = {
    "pass": "engine without maps",
    "Grad-CAM": "engine with Grad-CAM of all classes",
    "Grad-CAM++": "engine with Grad-CAM++",
    "compiled": "compiled Keras call",
}


def _tf_keras_vis(model: Any, keras: Any) -> dict[str, Any]:
    """Each method by name: takes the picture, gives the map at the layer's size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
        from tf_keras_vis.saliency import Saliency
        from tf_keras_vis.scorecam import Scorecam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore

    from skin_core.explain.methods import SMOOTHGRAD_NOISE, SMOOTHGRAD_SAMPLES
    from skin_core.explain.scorecam import CHANNELS

    score = CategoricalScore(_COLUMN)
    layer = {"penultimate_layer": "spatial", "seek_penultimate_conv_layer": False, "expand_cam": False}
    # Score-CAM puts a softmax over whatever the model gives; given logits, it weighs with probabilities, as the paper does.
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    channels = min(CHANNELS, int(model.get_layer("spatial").output.shape[-1]))

    def fresh(kind: Any) -> Any:
        return kind(model, model_modifier=ReplaceToLinear(), clone=True)

    gradcam, plus, saliency, masked = fresh(Gradcam), fresh(GradcamPlusPlus), fresh(Saliency), Scorecam(logits)
    return {
        "Grad-CAM": lambda seed: gradcam(score, seed, **layer),
        "Grad-CAM++": lambda seed: plus(score, seed, **layer),
        "Score-CAM": lambda seed: masked(score, seed, max_N=channels, **layer),
        "SmoothGrad": lambda seed: saliency(
            score, seed, smooth_samples=SMOOTHGRAD_SAMPLES, smooth_noise=SMOOTHGRAD_NOISE
        ),
    }


def _normalised(heat: Any) -> np.ndarray:
    heat = np.squeeze(np.asarray(heat[0] if isinstance(heat, list) else heat)).astype(np.float64)
    low, high = heat.min(), heat.max()
    return (heat - low) / (high - low) if high > low else np.zeros_like(heat)
