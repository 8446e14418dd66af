"""Loading and screening: trust, hashes, decisions, refusals, overlays."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from handmade_bundle import SIZE, write_bundle
from PIL import Image, ImageDraw

from skin_core.errors import BundleError, ConfigError, UnusableImageError
from skin_core.imaging.decode import fit
from skin_core.screening.screen import decide
from skin_core.services import screening


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def strangers() -> dict[str, np.ndarray]:
    """Pictures that are no lesions."""
    y, x = np.mgrid[:200, :200]
    text = Image.new("RGB", (640, 640), "white")
    drawn = ImageDraw.Draw(text)
    for line in range(40):
        drawn.text((20, 16 * line), "the quick brown fox jumps over the lazy dog " * 3, fill="black")
    cat = Image.new("RGB", (300, 300), (120, 170, 220))
    drawn = ImageDraw.Draw(cat)
    drawn.rectangle((0, 220, 300, 300), fill=(90, 150, 70))
    drawn.ellipse((90, 110, 210, 230), fill=(200, 120, 40))
    drawn.polygon([(100, 140), (95, 80), (135, 115)], fill=(200, 120, 40))
    drawn.polygon([(200, 140), (205, 80), (165, 115)], fill=(200, 120, 40))
    drawn.ellipse((120, 150, 140, 170), fill="black")
    drawn.ellipse((160, 150, 180, 170), fill="black")
    return {
        "checkerboard": np.repeat((((x // 20 + y // 20) % 2) * 255)[..., np.newaxis], 3, 2).astype(np.uint8),
        "gradient": np.stack([x, y, (x + y) // 2], axis=2).astype(np.uint8),
        "uniform": np.full((200, 200, 3), 128, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8),
        "text": np.asarray(text),
        "cat": np.asarray(cat),
    }


def test_a_lesion_gets_probabilities_risk_and_a_decision(bundle_folder: Path, lesions: list[bytes]) -> None:
    bundle = screening.load_bundle("small")
    prediction = screening.screen_image(bundle, lesions[100], name="a.jpg")
    assert prediction.in_distribution and prediction.distance <= 1
    assert list(prediction.probabilities) == ["bkl", "mel", "nv"]
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.malignancy == pytest.approx(prediction.probabilities["mel"])
    assert prediction.decision == ("refer" if prediction.malignancy >= 0.3 else "no referral")
    assert "synthetic" in prediction.warnings[0]
    # The calibration by hand: softmax(z / 2 + bias).
    square = np.asarray(Image.open(io.BytesIO(lesions[100])))
    logits = bundle.engine.run(fit(square, SIZE, "crop")[np.newaxis]).logits[0] / 2 + np.array([0, 0.5, -0.5])
    powers = np.exp(logits - logits.max())
    assert prediction.malignancy == pytest.approx(powers[1] / powers.sum(), rel=1e-6)


@pytest.mark.parametrize("name", strangers())
def test_what_is_no_lesion_gets_no_risk(bundle_folder: Path, name: str) -> None:
    prediction = screening.screen_image(screening.load_bundle("small"), png(strangers()[name]))
    assert prediction.decision == "refused"
    assert prediction.malignancy is None and prediction.probabilities == {} and prediction.top is None
    assert "no risk is given" in prediction.sentence
    with pytest.raises(BundleError, match="refused"):
        screening.heatmap(prediction, "mel")


def test_a_bundle_of_before_color_constancy_looks_at_pictures_as_they_are(
    bundle_folder: Path, lesions: list[bytes]
) -> None:
    record = json.loads((bundle_folder / "bundle.json").read_text())
    del record["color_constancy"]
    (bundle_folder / "bundle.json").write_text(json.dumps({**record, "schema_version": 2}))
    screening.trust_bundle("small")
    bundle = screening.load_bundle("small")
    assert bundle.info.color_constancy == "none"
    square = fit(np.asarray(Image.open(io.BytesIO(lesions[100]))), SIZE, "crop")
    expected = bundle.malignancy(bundle.engine.run(square[np.newaxis]).logits)[0]
    assert screening.screen_image(bundle, lesions[100]).malignancy == pytest.approx(expected, abs=1e-7)


def test_most_unseen_lesions_pass(bundle_folder: Path, lesions: list[bytes]) -> None:
    bundle = screening.load_bundle("small")
    passed = [screening.screen_image(bundle, data).in_distribution for data in lesions[80:]]
    assert np.mean(passed) >= 0.9


def test_decisions_at_the_threshold(bundle_folder: Path) -> None:
    info = screening.load_bundle("small").info
    assert decide(info, 0.3)[0] == "refer"
    assert decide(info, 0.2999)[0] == "no referral"
    assert decide(info, None)[0] == "undecided"
    assert decide(info.model_copy(update={"operating_point": None}), 0.9)[0] == "undecided"


def test_a_small_picture_is_warned_of(bundle_folder: Path, lesions: list[bytes]) -> None:
    small = np.asarray(Image.open(io.BytesIO(lesions[3])).resize((40, 30)))
    warnings = screening.screen_image(screening.load_bundle("small"), png(small)).warnings
    assert any("40 × 30 pixels" in warning for warning in warnings)


def test_bad_input_is_one_sentence(bundle_folder: Path, lesions: list[bytes]) -> None:
    bundle = screening.load_bundle("small")
    with pytest.raises(UnusableImageError):
        screening.screen_image(bundle, b"text", name="notes.jpg")
    with pytest.raises(ConfigError, match="Age must be between 0 and 120"):
        screening.screen_image(bundle, lesions[0], age=200)
    with pytest.raises(ConfigError, match="Sex must be"):
        screening.screen_image(bundle, lesions[0], sex="x")


def test_heat_map_lies_on_the_picture(bundle_folder: Path, lesions: list[bytes]) -> None:
    prediction = screening.screen_image(screening.load_bundle("small"), lesions[100])
    height, width = prediction.pixels.shape[:2]
    heat = screening.heatmap(prediction, "mel")
    assert heat.shape == (height, width) and heat.dtype == np.float32
    # The crop policy hides what is left and right of the centre square.
    side = (width - height) // 2
    assert width > height and np.isnan(heat[:, : side - 1]).all() and not np.isnan(heat[:, side + 1 : -side - 1]).any()
    assert np.nanmin(heat) >= 0 and np.nanmax(heat) <= 1
    shown = screening.overlay(prediction.pixels, heat, 0.5)
    assert np.array_equal(shown[:, : side - 1], prediction.pixels[:, : side - 1])
    assert np.array_equal(screening.overlay(prediction.pixels, heat, 0.0), prediction.pixels)
    full = screening.overlay(np.zeros((1, 2, 3), np.uint8), np.array([[0.0, 1.0]]), 1.0)
    assert full[0].tolist() == [[0, 34, 78], [254, 232, 56]]
    with pytest.raises(BundleError, match="no class 'x'"):
        screening.heatmap(prediction, "x")


def test_colours_are_cividis() -> None:
    import matplotlib

    from skin_core.screening.overlay import colored

    values = np.linspace(0, 1, 256)
    assert np.abs(colored(values) - matplotlib.colormaps["cividis"](values)[:, :3] * 255).max() < 12


def test_a_bundle_from_elsewhere_needs_a_confirmation(bundle_files: dict[str, bytes], workspace: Path) -> None:
    folder = write_bundle(workspace.parent / "models" / "foreign", bundle_files)
    info = screening.list_bundles()[0]
    assert info.name == "foreign" and not screening.is_trusted(info)
    with pytest.raises(BundleError, match="was not published here"):
        screening.load_bundle("foreign")
    assert screening.is_trusted(screening.trust_bundle("foreign"))
    assert screening.load_bundle(folder).info.name == "foreign"
    # Any change of the record asks again.
    record = json.loads((folder / "bundle.json").read_text())
    record["operating_point"]["threshold"] = 0.99
    (folder / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(BundleError, match="was not published here"):
        screening.load_bundle("foreign")


@pytest.mark.parametrize("file", ["screen.tflite", "gate.npz"])
def test_a_changed_file_is_not_loaded(bundle_folder: Path, file: str) -> None:
    raw = bytearray((bundle_folder / file).read_bytes())
    raw[len(raw) // 2] ^= 1
    (bundle_folder / file).write_bytes(raw)
    with pytest.raises(BundleError, match=f"{file} of bundle 'small' is not the file that was published"):
        screening.load_bundle("small")
    (bundle_folder / file).unlink()
    with pytest.raises(BundleError, match=f"lacks {file}"):
        screening.load_bundle("small")


def test_a_changed_keras_model_is_not_given_out(bundle_folder: Path) -> None:
    bundle = screening.load_bundle("small")
    assert bundle.keras_model().is_file()
    (bundle_folder / "model.keras").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"model\.keras"):
        bundle.keras_model()


def test_damaged_and_missing_bundles_are_told(bundle_folder: Path) -> None:
    broken = bundle_folder.parent / "broken"
    broken.mkdir()
    (broken / "bundle.json").write_text("{")
    assert [info.name for info in screening.list_bundles()] == ["small"]
    assert list(screening.damaged_bundles()) == ["broken"]
    for name in ("absent", "../../etc", ""):
        with pytest.raises(BundleError, match="There is no bundle"):
            screening.load_bundle(name)


def test_another_preprocessing_is_refused(bundle_files: dict[str, bytes], workspace: Path) -> None:
    write_bundle(workspace.parent / "models" / "old", bundle_files, preprocessing_version=999)
    screening.trust_bundle("old")
    with pytest.raises(BundleError, match="preprocessing version 999"):
        screening.load_bundle("old")


def test_threads_share_an_engine(bundle_folder: Path, lesions: list[bytes]) -> None:
    bundle = screening.load_bundle("small")
    alone = [screening.screen_image(bundle, data).features for data in lesions[:8]]
    found: dict[int, np.ndarray] = {}

    def work(index: int) -> None:
        found[index] = screening.screen_image(bundle, lesions[index]).features

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[index], alone[index]) for index in range(8))


def test_screening_needs_no_tensorflow(bundle_folder: Path, lesions: list[bytes], tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(lesions[100])
    code = (
        "import sys; from skin_core.services import screening as s; b = s.load_bundle('small'); "
        f"p = s.screen_image(b, open({str(picture)!r}, 'rb').read()); s.heatmap(p, 'mel'); "
        "print(sorted({'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
