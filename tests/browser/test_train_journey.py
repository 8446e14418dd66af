"""The whole way in a real browser: a synthetic set, a run, its curves, stop, resume, publish, screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

# A run loads TensorFlow in a process of its own, twice on this way, while browser and app share the processor with it.
LONG_MS = 240_000
CHART = "document.querySelector('.st-key-live_loss .js-plotly-plot')"
EPOCHS = f"({CHART}?.calcdata?.[0]?.length ?? 0)"
RANGE = f"() => {CHART}.layout.xaxis.range"


def _fill_number(tab: Page, label: str, value: int | str) -> None:
    box = tab.get_by_role("spinbutton", name=label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    expect(box).to_have_value(str(value))


def _more_epochs_than(tab: Page, count: int) -> int:
    tab.wait_for_function(f"n => {EPOCHS} > n", arg=count, timeout=LONG_MS)
    return tab.evaluate(f"() => {EPOCHS}")


def _synthetic_set(tab: Page, url: str) -> None:
    tab.goto(f"{url}/Data")
    tab.get_by_role("button", name="Layout and size").click()
    _fill_number(tab, "Images", 120)
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Use a synthetic set").click()
    expect(tab.get_by_text("Recognised as HAM10000")).to_be_visible(timeout=LONG_MS)


def _start_run(tab: Page) -> None:
    tab.get_by_test_id("stSidebar").get_by_role("link", name="Train").click()
    expect(tab.get_by_role("heading", name="Start a run")).to_be_visible()
    title = tab.get_by_role("textbox", name="Title")
    title.fill("Journey")
    title.press("Enter")
    _fill_number(tab, "Epochs", 60)
    _fill_number(tab, "Image size", 32)
    _fill_number(tab, "Early stopping", 0)
    expect(tab.get_by_text("60 epochs at most")).to_be_visible()
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_role("heading", name="Journey")).to_be_visible()


def _evaluate_and_read(tab: Page) -> None:
    """The locked test split is read once; its figures, a mistake's pictures and the report can be looked at."""
    # Not evaluated yet: nothing is published by default.
    expect(tab.get_by_text("Evaluate the run on its locked test split first")).to_be_visible()
    tab.get_by_role("button", name="Evaluate on the locked test split").click()
    expect(tab.get_by_text("The locked test split was read once")).to_be_visible(timeout=LONG_MS)
    expect(tab.get_by_role("cell", name="AUC, melanoma against the rest")).to_be_visible()
    expect(tab.get_by_text("Evaluate the run on its locked test split first")).to_have_count(0)

    tab.get_by_role("tab", name="In your clinic").click()
    _fill_number(tab, "Malignant or premalignant lesions in your clinic (in 100)", "2.0")
    expect(tab.get_by_text("lesions like these, 20 would be malignant or premalignant")).to_be_visible()

    tab.get_by_role("tab", name="Mistakes").click()
    # Row by row: in the sixth row the nevi, the most frequent class; what they were taken for is not known beforehand.
    cells = tab.locator(".st-key-judged_cells_test .scatterlayer .textpoint")
    expect(cells).to_have_count(49)
    tab.wait_for_timeout(1000)  # The chart takes its place when the columns around it have theirs.
    column = next(column for column in range(7) if cells.nth(35 + column).text_content() != "0")
    cells.nth(35 + column).scroll_into_view_if_needed()
    box = cells.nth(35 + column).bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(tab.get_by_text(re.compile(r"^nv, (taken for|rightly named).*: \d+ image"))).to_be_visible()
    expect(tab.get_by_test_id("stImage").first).to_be_visible()

    tab.get_by_role("tab", name="Report").click()
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="Report (HTML)").click()
    page = Path(waiting.value.path()).read_text()
    assert "<svg" in page and "<script" not in page and "Evaluation of Journey" in page


@pytest.mark.timeout(1500)
def test_from_no_data_to_a_screened_picture(app, tab: Page, chromium) -> None:
    _synthetic_set(tab, app.url)
    _start_run(tab)
    expect(tab).to_have_url(re.compile(r"/Train\?.*run=\d{8}-\d{6}-light_cnn"))

    # The charts move by themselves, in place, and what the reader zoomed into stays.
    _more_epochs_than(tab, _more_epochs_than(tab, 1))
    tab.evaluate(f"() => {{ {CHART}.dataset.seen = 'before' }}")
    plot = tab.locator(".st-key-live_loss .nsewdrag").bounding_box()
    tab.mouse.move(plot["x"] + 5, plot["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] - 20, steps=8)
    tab.mouse.up()
    tab.wait_for_function(f"({RANGE})()[1] < 59")
    zoomed = tab.evaluate(RANGE)
    _more_epochs_than(tab, tab.evaluate(f"() => {EPOCHS}"))
    assert tab.evaluate(RANGE) == zoomed
    assert tab.evaluate(f"() => {CHART}.dataset.seen") == "before"

    # A reload and a second browser in mid-training show the same run.
    tab.reload()
    expect(tab.get_by_role("heading", name="Journey")).to_be_visible()
    expect(tab.get_by_role("button", name="Stop training")).to_be_visible()
    _more_epochs_than(tab, 2)
    second = chromium.new_context()
    other = second.new_page()
    other.goto(f"{app.url}/Train")
    expect(other.get_by_role("heading", name="Journey")).to_be_visible()
    second.close()

    tab.get_by_role("button", name="Stop training").click()
    resume = tab.get_by_role("button", name="Resume", exact=True)
    expect(resume).to_be_visible(timeout=LONG_MS)
    expect(tab.get_by_text(re.compile(r"Stopped after epoch \d+ of 60"))).to_be_visible()
    resume.click()
    expect(tab.get_by_text(re.compile(r"Finished after 60 epochs"))).to_be_visible(timeout=LONG_MS)
    assert len(list((app.home / "runs").glob("2*"))) == 1

    tab.get_by_role("link", name="Publish it").click()
    expect(tab.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    _evaluate_and_read(tab)
    name = tab.get_by_role("textbox", name="Name of the bundle")
    name.fill("Not A Name")
    tab.get_by_role("button", name="Publish", exact=True).click()
    expect(tab.get_by_text("lower-case letters, digits, - and _ (at most 64)")).to_be_visible()
    name.fill("journey")
    tab.get_by_role("button", name="Publish", exact=True).click()
    expect(tab.get_by_text("Published as journey.")).to_be_visible(timeout=LONG_MS)
    assert (app.models / "journey" / "bundle.json").is_file()

    tab.get_by_role("link", name="Screen with it").click()
    expect(tab.get_by_role("heading", name="Screen a lesion")).to_be_visible()
    picture = next(iter(sorted(Path(app.home / "demo").rglob("*.jpg"))))
    tab.locator("input[type=file]").first.set_input_files(picture)
    expect(tab.get_by_text(picture.name).first).to_be_visible()
    expect(tab.get_by_text("Risk: malignant or premalignant")).to_be_visible()
    expect(tab.get_by_text("Where the model looked")).to_be_visible()
    # The prevalence stands beside the risk, and the card says what was judged and what is open.
    expect(tab.get_by_text(re.compile(r"It assumes that \d+\.\d in 100 lesions"))).to_be_visible()
    tab.get_by_text("What reporting guidelines ask").click()
    expect(tab.get_by_text("Ethics approval and consent")).to_be_visible()
    card = (app.models / "journey" / "MODEL_CARD.md").read_text()
    assert "On the locked test split, read once" in card and "- [ ] Ethics approval" in card
    expect(tab.get_by_test_id("stException")).to_have_count(0)
    assert "Traceback" not in app.log.read_text()
