"""Engines of each size: what they keep, what they may differ by, and what pruning leaves."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_bundle import N_TABULAR, SIZE, Networks

from skin_core.errors import BundleError
from skin_core.screening.card import engine_sentences
from skin_core.screening.engine import Engine
from skin_core.screening.record import EngineLoss, EngineRecord
from skin_core.screening.variant import TOLERANCE, Variant, agrees

KINDS = ["pooled", "flat", "sigmoid_with_columns"]


@pytest.fixture(scope="module")
def examples() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(8)
    blocks = generator.integers(0, 256, (24, SIZE // 8, SIZE // 8, 3), dtype=np.uint8)
    return {
        "image": blocks.repeat(8, axis=1).repeat(8, axis=2),
        "tabular": generator.normal(size=(24, N_TABULAR)).astype(np.float32),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ["dynamic", "int8"])
def test_eight_bits_stay_near_keras_and_explain_themselves(
    networks: Networks, examples: dict[str, np.ndarray], kind: str, engine: str
) -> None:
    from skin_core.screening import export

    model = getattr(networks, kind)
    columns = kind == "sigmoid_with_columns"
    given = examples if columns else {"image": examples["image"]}
    graph = Engine(export.export(model, engine=engine, examples=given))
    images, tabular = examples["image"][:6], examples["tabular"][:6] if columns else None
    assert agrees(export.parity(model, graph, images, tabular), engine)
    found = graph.run(images, tabular)
    # What explains, and the logits, are computed in float32: none is rounded to 256 levels of one range.
    assert len(np.unique(found.logits)) >= 6
    assert graph.explains_plus and graph.gives_spatial
    plain = Engine(export.export(model))
    exact = plain.run(images, tabular)
    assert np.corrcoef(found.maps.ravel(), exact.maps.ravel())[0, 1] > 0.9
    for column in range(graph.n_classes):
        assert np.isfinite(graph.gradcam_plus(found, 0, column)).all()


def test_the_dense_kernel_after_flatten_is_stored_in_eight_bits(
    networks: Networks, examples: dict[str, np.ndarray]
) -> None:
    from skin_core.screening import export

    size = max(weight.size for weight in networks.flat.get_weights())
    full = len(export.export(networks.flat))
    for engine in ("dynamic", "int8"):
        assert len(export.export(networks.flat, engine=engine, examples={"image": examples["image"]})) < full - 2 * size


def test_an_int8_engine_needs_examples(networks: Networks) -> None:
    from skin_core.screening import export

    with pytest.raises(ValueError, match="examples"):
        export.export(networks.pooled, engine="int8")


@pytest.mark.parametrize("pretrained", [False, True])
def test_pruning_takes_the_smallest_and_measures_statistics_anew(
    networks: Networks, examples: dict[str, np.ndarray], pretrained: bool
) -> None:
    """Of pretrained layers, too, whose statistics no training would move."""
    import keras

    from skin_core.models.kept_statistics import keep_statistics
    from skin_core.models.split import twin
    from skin_core.screening.prune import prune, restore_statistics

    model = twin(networks.pooled)
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    before = layer.kernel.numpy()
    share = prune(model, 0.5)
    after = layer.kernel.numpy()
    assert (after == 0).sum() == before.size // 2
    assert np.abs(before[after == 0]).max() <= np.abs(after[after != 0]).min()
    assert np.array_equal(after[after != 0], before[after != 0])
    assert 0 < share < 0.5
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    if pretrained:
        keep_statistics(model.layers)
        norm.trainable = False
    restore_statistics(model, {"image": examples["image"]})
    through = keras.Model(model.inputs, layer.output)([examples["image"].astype(np.float32)])
    assert norm.moving_mean.numpy() == pytest.approx(np.asarray(through).mean(axis=(0, 1, 2)), abs=1e-4)
    assert norm.trainable is not pretrained


def test_variants_are_named_and_refused_in_a_sentence() -> None:
    assert Variant().key == "" and Variant("int8", 0.5).key == "int8-pruned0.5"
    with pytest.raises(BundleError, match=r"no engine 'int4'; there are float32, .*\."):
        Variant("int4")
    with pytest.raises(BundleError, match=r"at least 0 and below 1; got 1\."):
        Variant(prune=1.0)
    assert not agrees({"probabilities": float("nan"), "maps": 0.0}, "int8")
    assert set(TOLERANCE["int8"]) == {"probabilities", "maps"}


def test_the_card_tells_what_a_smaller_engine_costs() -> None:
    record = EngineRecord(
        kind="int8",
        pruned=0.5,
        size=2_800_000,
        full_size=9_000_000,
        tolerance=TOLERANCE["int8"],
        loss={
            "balanced_accuracy": EngineLoss(full=0.41, loss=0.02, low=-0.01, high=0.05),
            "malignancy_auc": EngineLoss(),
        },
    )
    first, second = engine_sentences(record)
    assert "int8" in first and "2.8 MB in place of 9.0 MB" in first and "50 in 100" in first
    assert "balanced accuracy 0.020 (-0.010 to 0.050) of 0.410" in second and "undefined" in second
    assert engine_sentences(None) == []
