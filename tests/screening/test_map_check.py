"""Heat maps checked by numbers: the sample, the network with random weights, and what is kept and told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade_bundle import N_TABULAR, SIZE, Networks, write_bundle

from skin_core.screening.bundle import read_info
from skin_core.screening.card import model_card
from skin_core.screening.engine import Engine
from skin_core.screening.map_check import one_of_each_group
from skin_core.screening.map_record import NOT_MEASURED, Band, CheckedMaps, MapCheck, Measured, read_checked
from skin_core.screening.record import BundleInfo
from skin_core.screening.screen import shown_first

STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"


def test_one_picture_of_each_lesion() -> None:
    groups = np.array(["a", "a", "b", "c", "c", "c", "d"], dtype=object)
    rows = np.array([0, 1, 2, 4, 5])
    found = one_of_each_group(rows, groups, seed=3)
    assert sorted(groups[found]) == ["a", "b", "c"] and set(found) <= set(rows)
    assert np.array_equal(found, one_of_each_group(rows, groups, seed=3))
    orders = {tuple(groups[one_of_each_group(rows, groups, seed)]) for seed in range(20)}
    assert len(orders) > 1, "the order is drawn, so that the first few are a sample"


@pytest.mark.parametrize("kind", ["pooled", "sigmoid_with_columns"])
def test_the_random_network_has_the_layers_and_nothing_of_the_weights(networks: Networks, kind: str) -> None:
    import keras

    from skin_core.screening.export import export
    from skin_core.screening.randomised import randomised

    model = getattr(networks, kind)
    before = [weight.copy() for weight in model.get_weights()]
    generator = np.random.default_rng(0)
    pictures = {"image": generator.integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)}
    if kind == "sigmoid_with_columns":
        pictures["tabular"] = generator.normal(size=(6, N_TABULAR)).astype(np.float32)
    first, again, other = (randomised(model, pictures, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    kernels = [weight.path for weight in model.weights if weight.path.endswith("kernel")]
    assert kernels
    for path in kernels:
        one, same, another, trained = (
            next(weight.numpy() for weight in network.weights if weight.path == path)
            for network in (first, again, other, model)
        )
        assert np.array_equal(one, same) and not np.array_equal(one, another)
        assert abs(np.corrcoef(one.ravel(), trained.ravel())[0, 1]) < 0.5, path
    # The statistics are those of the pictures: behind the first normalisation each channel has mean 0 and variance 1.
    norm = next(layer for layer in first.layers if isinstance(layer, keras.layers.BatchNormalization))
    seen = keras.Model(first.input, norm.output)({name: value.astype(np.float32) for name, value in pictures.items()})
    assert np.asarray(seen).mean(axis=(0, 1, 2)) == pytest.approx(0, abs=1e-3)
    assert np.asarray(seen).std(axis=(0, 1, 2)) == pytest.approx(1, abs=0.03)  # epsilon is in it
    engine = Engine(export(first))
    found = engine.run(pictures["image"], pictures.get("tabular"))
    assert found.maps.max() > 0 and np.isfinite(found.logits).all()


def test_the_worker_writes_a_graph(networks: Networks, tmp_path: Path) -> None:
    from skin_core.errors import BundleError
    from skin_core.screening.random_worker import work

    networks.flat.save(tmp_path / "model.keras")
    np.savez(tmp_path / "pictures.npz", image=np.zeros((2, SIZE, SIZE, 3), np.uint8))
    request = {name: str(tmp_path / file) for name, file in (("model", "model.keras"), ("pictures", "pictures.npz"))}
    assert work({**request, "out": str(tmp_path / "random.tflite"), "seed": 5}) == {}
    assert Engine((tmp_path / "random.tflite").read_bytes()).n_classes == 9
    (tmp_path / "model.keras").write_bytes(b"cut short")
    with pytest.raises(BundleError, match=r"model\.keras cannot be loaded; resume the run"):
        work({**request, "out": str(tmp_path / "other.tflite"), "seed": 5})


def test_what_is_shown_first(bundle_folder: Path) -> None:
    info = read_info(bundle_folder)  # bkl, mel and nv; refers from 0.3.
    assert shown_first(info, np.array([0.2, 0.1, 0.7]), 0.1) == 2
    assert shown_first(info, np.array([0.2, 0.1, 0.7]), 0.3) == 1
    assert shown_first(info, np.array([0.2, 0.1, 0.7]), None) == 2
    assert shown_first(info, np.array([0.5, 0.5, 0.0]), 0.2) == 0


def _check() -> MapCheck:
    gain = Measured(value=0.2, low=0.1, high=0.3)
    names = [f"{kind}_gain_over_{other}" for kind in ("deletion", "insertion") for other in ("random", "centre")]
    return MapCheck(
        n=20,
        group_word="patients",
        steps=10,
        figures={"deletion_map": Measured(value=0.4, low=0.3, high=0.5), **dict.fromkeys(names, gain)},
        agreement=Measured(value=0.05, low=-0.1, high=0.2),
        n_agreement=19,
    )


def test_the_record_is_read_back_and_a_damaged_one_is_measured_anew(tmp_path: Path) -> None:
    kept = CheckedMaps(
        check=_check(),
        shares=(0, 0.5, 1),
        curves={"deletion": {"map": Band(y=(1, 0.5, 0), low=(1, 0.4, None), high=(1, 0.6, None))}},
    )
    path = tmp_path / CheckedMaps.FILE
    assert read_checked(path) is None
    path.write_text(kept.model_dump_json())
    assert read_checked(path) == kept
    path.write_text("{")
    assert read_checked(path) is None
    assert Measured.of({"value": 0.5, "low": float("nan"), "high": float("nan")}) == Measured(value=0.5)
    assert np.isnan(Measured(value=0.5).numbers()["low"])


def test_the_card_says_what_was_measured_or_that_nothing_was(bundle_files: dict[str, bytes], workspace: Path) -> None:
    models = workspace.parent / "models"
    with_record = read_info(write_bundle(models / "measured", bundle_files, map_check=_check()))
    card = model_card(with_record)
    assert _check().sentence() in card and "rank agreement 0.05" in card and "as many patients" in card
    assert "| Hiding what it marks, against random pixels | 0.200 (0.100 to 0.300) |" in card
    without = read_info(write_bundle(models / "older", bundle_files))
    assert without.map_check is None and f"## Heat maps\n\n{NOT_MEASURED}" in model_card(without)
    assert MapCheck().sentence() == NOT_MEASURED


def test_a_bundle_of_schema_1_still_loads_and_says_that_nothing_was_measured() -> None:
    info = BundleInfo.parse((STARTER / "bundle.json").read_text(encoding="utf-8"), name="starter")
    if info.map_check is None:
        assert NOT_MEASURED in model_card(info)
    else:
        assert info.map_check.sentence() in model_card(info)
