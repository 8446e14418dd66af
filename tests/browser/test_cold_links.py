"""A bookmark to any page works as the first thing that a fresh app and a fresh browser ever see."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PAGES = {
    "": "LesionLab",
    "Screen": "Screen a lesion",
    "Data": "Data",
    "Train": "Train",
    "Runs": "Runs",
    "Evaluate": "Evaluate a model",
    "Search": "Search",
}


@pytest.mark.parametrize("path", PAGES)
def test_cold_link(path: str, running_app, tab, tmp_path) -> None:
    with running_app(tmp_path / "home", tmp_path / "models") as app:
        tab.goto(f"{app.url}/{path}")
        expect(tab.get_by_role("heading", level=1)).to_contain_text(PAGES[path])
        expect(tab.get_by_test_id("stSidebar").get_by_text("not a medical device")).to_be_visible()
        expect(tab.get_by_test_id("stException")).to_have_count(0)
        # The way to every other page is there, under its own name.
        for label in ("Home", "Screen", "Data", "Train", "Runs", "Evaluate", "Search"):
            expect(tab.get_by_test_id("stSidebar").get_by_role("link", name=label)).to_be_visible()
        assert "Traceback" not in app.log.read_text()
