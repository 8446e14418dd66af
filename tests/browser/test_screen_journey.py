"""A photo dropped on the page: risk, classes and overlay; the slider and the download; and a file that is no picture."""

from __future__ import annotations

import io
import shutil
import time

import pytest
from PIL import Image
from playwright.sync_api import expect
from published import known_pictures

from skin_core.screening.bundle import read_info
from skin_core.screening.trust import allow

# The machine that runs the tests may train at the same time; on an idle one the first answer takes two to three seconds.
FIRST_RESULT_SECONDS = 60


@pytest.fixture(scope="module")
def screening_app(running_app, tiny_bundle, tmp_path_factory):
    """An app with one model that may be used, and one from elsewhere is not asked about."""
    folder = tmp_path_factory.mktemp("screening")
    shutil.copytree(tiny_bundle, folder / "models" / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(folder / "home"))
        info = read_info(folder / "models" / "tiny")
        allow(info.digest, info.name)
    with running_app(folder / "home", folder / "models") as app:
        yield app


@pytest.fixture(scope="module")
def lesion(tiny_bundle) -> str:
    """The path of a drawn lesion that the model knows."""
    return str(known_pictures(tiny_bundle)[0])


def _drop(tab, *paths: str) -> None:
    tab.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(list(paths))


def _overlay_source(tab) -> str:
    return tab.get_by_test_id("stImage").get_by_role("img").nth(1).get_attribute("src")


def test_photo_to_risk_and_overlay(screening_app, tab, lesion) -> None:
    tab.goto(f"{screening_app.url}/Screen")
    expect(tab.get_by_text("trained on synthetic pictures")).to_be_visible()
    dropped = time.monotonic()
    _drop(tab, lesion)
    expect(tab.get_by_test_id("stMetricValue")).to_contain_text("in 100")
    assert time.monotonic() - dropped < FIRST_RESULT_SECONDS
    expect(
        tab.get_by_text("Below the model's threshold").or_(tab.get_by_text("above the model's threshold"))
    ).to_be_visible()
    expect(tab.get_by_test_id("stPlotlyChart").get_by_text("Melanoma (malignant)")).to_be_visible()
    expect(tab.get_by_test_id("stImage").get_by_role("img")).to_have_count(2)
    expect(tab.get_by_text("Grad-CAM for")).to_be_visible()

    # The slider blends anew; the answer above it stays.
    before = _overlay_source(tab)
    risk = tab.get_by_test_id("stMetricValue").inner_text()
    tab.get_by_role("slider").press("ArrowRight")
    expect(tab.get_by_test_id("stImage").get_by_role("img").nth(1)).not_to_have_attribute("src", before)
    assert tab.get_by_test_id("stMetricValue").inner_text() == risk

    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Save the overlay (PNG)").click()
    assert waiting.value.suggested_filename == "lesionlab-overlay.png"
    with Image.open(lesion) as original, Image.open(io.BytesIO(waiting.value.path().read_bytes())) as saved:
        assert saved.format == "PNG"
        assert saved.size == original.size
        assert not saved.info
    assert "Traceback" not in screening_app.log.read_text()


def test_bad_file_is_one_sentence_and_the_good_one_goes_through(screening_app, tab, lesion, tmp_path) -> None:
    bad = tmp_path / "patient-letter.jpg"
    bad.write_text("Dear colleague, this is no picture.")
    tab.goto(f"{screening_app.url}/Screen")
    expect(tab.get_by_text("About this model")).to_be_visible()
    _drop(tab, str(bad), lesion)
    expect(tab.get_by_test_id("stMetricValue")).to_contain_text("in 100")
    expect(tab.get_by_text("expected a JPEG, PNG, TIFF, WebP, GIF or BMP picture")).to_have_count(1)
    expect(tab.get_by_test_id("stException")).to_have_count(0)
    log = screening_app.log.read_text()
    assert "Traceback" not in log
    assert "patient-letter" not in log


def test_example_in_one_click(screening_app, tab) -> None:
    tab.goto(f"{screening_app.url}/Screen")
    tab.get_by_role("button", name="Try a drawn lesion").click()
    expect(tab.get_by_text("Drawn example", exact=True)).to_be_visible()
    expect(tab.get_by_test_id("stException")).to_have_count(0)
