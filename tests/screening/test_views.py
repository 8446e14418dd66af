"""Several views of a picture in one graph: what is averaged, and where the turned maps end up."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_bundle import N_TABULAR, SIZE, Networks

from skin_core.errors import BundleError
from skin_core.screening.card import engine_sentences
from skin_core.screening.engine import Engine
from skin_core.screening.record import EngineLoss, EngineRecord
from skin_core.screening.variant import Variant, agrees, predictor_of
from skin_core.screening.views import COUNTS, turned, turned_back, views

CELL = 8


def _marks(row: int, column: int):
    """A network whose first logit is the red of one of 4 × 4 cells, and whose second is 0."""
    import keras

    image = keras.Input((4 * CELL, 4 * CELL, 3), name="image")
    spatial = keras.layers.AveragePooling2D(CELL, name="spatial")(image)
    red = keras.layers.Dense(1, name="red", use_bias=False)(keras.layers.Flatten()(spatial))
    logits = keras.layers.Dense(2, name="logits", use_bias=False)(red)
    model = keras.Model(image, keras.layers.Activation("softmax", name="probabilities")(logits))
    kernel = np.zeros((4, 4, 3, 1), np.float32)
    kernel[row, column, 0, 0] = 1
    model.get_layer("red").set_weights([kernel.reshape(-1, 1)])
    model.get_layer("logits").set_weights([np.array([[1.0, 0.0]], np.float32)])
    return model


def _spot(row: int, column: int) -> np.ndarray:
    picture = np.zeros((1, 4 * CELL, 4 * CELL, 3), np.uint8)
    picture[0, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL, 0] = 160
    return picture


@pytest.mark.parametrize(
    ("count", "sees", "logits"),
    [
        # As it is, the network that looks at the top left corner does not see the top right one; mirrored it does.
        (2, (0, 0), {(0, 0): 160 / 2, (0, 3): 160 / 2, (3, 0): 0}),
        # Only a transposition brings row 0, column 1 to row 1, column 0; four views have none.
        (4, (1, 0), {(1, 3): 160 / 4, (2, 0): 160 / 4, (0, 1): 0}),
        # The eight views bring each of eight cells there once, and a corner never.
        (8, (1, 0), {(1, 0): 160 / 8, (0, 1): 160 / 8, (3, 2): 160 / 8, (0, 0): 0}),
    ],
)
def test_logits_are_averaged_and_the_map_stays_where_the_spot_is(
    count: int, sees: tuple[int, int], logits: dict[tuple[int, int], float]
) -> None:
    from skin_core.screening import export

    engine = Engine(export.export(_marks(*sees), views=count))
    for spot, logit in logits.items():
        found = engine.run(_spot(*spot))
        assert found.logits[0] == pytest.approx([logit, 0], abs=1e-3)
        # Behind Flatten a channel's weight is the mean of the kernel over the 16 cells: 1/16 of what the spot shows.
        expected = np.zeros((4, 4))
        expected[spot] = 160 / 16
        assert found.maps[0, 0] == pytest.approx(expected, abs=1e-4)
        assert np.count_nonzero(found.maps[0, 1]) == 0
        assert found.spatial[0, ..., 0] == pytest.approx(16 * expected, abs=1e-3)
        assert found.features[0] == pytest.approx([10, 0, 0], abs=1e-4)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_views_are_a_group_and_turning_back_undoes_turning(count: int) -> None:
    picture = np.arange(9).reshape(1, 3, 3, 1)
    shown = [turned(picture, view, rows=1, columns=2) for view in views(count)]
    assert len({array.tobytes() for array in shown}) == count
    for view, array in zip(views(count), shown, strict=True):
        assert np.array_equal(turned_back(array, view, rows=1, columns=2), picture)
        again = {turned(array, other, rows=1, columns=2).tobytes() for other in views(count)}
        assert again == {array.tobytes() for array in shown}


def test_each_view_of_a_picture_gets_the_same_answer(networks: Networks) -> None:
    import keras

    from skin_core.screening import export

    engine = Engine(export.export(networks.pooled, views=8))
    picture = np.random.default_rng(4).integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    shown = [np.ascontiguousarray(turned(picture, view, rows=1, columns=2)) for view in views(8)]
    logits = keras.Model(networks.pooled.inputs, networks.pooled.get_layer("logits").output)
    alone = np.asarray(logits([np.concatenate(shown).astype(np.float32)], training=False))
    assert np.ptp(alone, axis=0).max() > 0.05, "a network that does not care how a picture lies proves nothing"
    as_it_is = engine.run(picture)
    assert as_it_is.logits[0] == pytest.approx(alone.mean(axis=0), abs=1e-3)
    for view, seen in zip(views(8), shown, strict=True):
        found = engine.run(seen)
        assert found.logits == pytest.approx(as_it_is.logits, abs=1e-3)
        maps = turned(as_it_is.maps, view, rows=2, columns=3)
        assert found.maps == pytest.approx(maps, abs=1e-3 * max(1, maps.max()))


@pytest.mark.parametrize(
    ("kind", "engine", "count"),
    [("pooled", "int8", 2), ("flat", "float32", 4), ("sigmoid_with_columns", "dynamic", 2)],
)
def test_every_head_and_engine_agrees_with_keras_view_by_view(
    networks: Networks, kind: str, engine: str, count: int
) -> None:
    from skin_core.screening import export

    generator = np.random.default_rng(8)
    blocks = generator.integers(0, 256, (12, SIZE // 8, SIZE // 8, 3), dtype=np.uint8)
    images = blocks.repeat(8, axis=1).repeat(8, axis=2)
    columns = generator.normal(size=(12, N_TABULAR)).astype(np.float32) if kind == "sigmoid_with_columns" else None
    examples = {"image": images, **({} if columns is None else {"tabular": columns})}
    model = getattr(networks, kind)
    raw = export.export(model, engine=engine, examples=examples, views=count)
    largest = max(weight.size for weight in model.get_weights())
    assert len(raw) < 1.5 * 4 * largest + count * 40_000, "each view has brought its own copy of the large layer"
    graph = Engine(raw)
    some = None if columns is None else columns[:3]
    found = export.parity(model, graph, images[:3], some, n_views=count)
    assert agrees(found, engine), found
    assert not agrees({**found, "probabilities": 0.6}, engine)
    # Grad-CAM++ behind Flatten hangs on each view's own activations, which the graph does not give.
    assert graph.explains_plus == (kind == "pooled")


def test_another_number_of_views_is_another_predictor() -> None:
    with pytest.raises(BundleError, match=r"must be 1, 2, 4 or 8; got 3\."):
        Variant(views=3)
    assert list(COUNTS) == [1, 2, 4, 8]
    assert Variant("float16", 0.5, 4).key == "float16-pruned0.5-views4"
    assert predictor_of("0abc-v3-float16-pruned0.5-views4") == Variant(prune=0.5, views=4).predictor
    assert predictor_of("0abc-v3-float16") == ""
    assert Variant(prune=0.5, views=4).options == "--prune 0.5 --views 4"


def test_the_card_tells_what_views_cost_and_gain() -> None:
    record = EngineRecord(
        views=4,
        size=9_000_000,
        full_size=8_990_000,
        milliseconds=20.04,
        full_milliseconds=5.0,
        loss={
            "balanced_accuracy": EngineLoss(full=0.41, loss=-0.02, low=-0.05, high=0.01),
            "malignancy_auc": EngineLoss(),
        },
    )
    size, pace, gained = engine_sentences(record)
    assert "in place of" not in size and size.endswith("9.0 MB.")
    assert "4 passes, 20.0 ms a picture in place of 5.0 ms with one" in pace
    assert gained.startswith("Gained on validation against one view")
    assert "balanced accuracy 0.020 (-0.010 to 0.050) of 0.410" in gained and "undefined" in gained
    smaller = record.model_copy(update={"kind": "int8", "full_size": 30_000_000})
    assert "Lost on validation against float32 and one view" in engine_sentences(smaller)[-1]
    assert "-0.020 (-0.050 to 0.010)" in engine_sentences(smaller)[-1]
