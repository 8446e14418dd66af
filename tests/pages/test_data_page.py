"""The Data page, on real small sets."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from skin_core.data.demo import DemoFaults, write_demo
from skin_core.services import audits, datasets


def _metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _until(app, done, seconds: float = 120):
    """Runs the page again, as its fragment would, until something holds."""
    end = time.monotonic() + seconds
    while not done(app):
        assert time.monotonic() < end, [element.value for element in (*app.error, *app.warning)]
        time.sleep(0.2)
        app.run()
    return app


def _opened(open_page, path: Path, part: str = "Composition"):
    app = open_page("pages/2_Data.py", data=str(path), part=part)
    assert not app.exception
    return app


def test_empty_state_offers_a_path_and_a_synthetic_set(open_page) -> None:
    app = open_page("pages/2_Data.py")
    assert app.title[0].value == "Data"
    assert "No data set is open" in app.info[0].value
    assert app.button(key="demo_make").label == "Use a synthetic set"


def test_a_typed_path_is_opened_and_recognised(open_page, demo_ham10000: Path) -> None:
    app = open_page("pages/2_Data.py")
    app.text_input(key="typed_path").set_value(str(demo_ham10000))
    app.button(key="open_typed").click().run()
    assert not app.exception and not app.error
    assert _metrics(app)["Images"] == "84" and _metrics(app)["Classes"] == "7"
    assert str(demo_ham10000) in app.query_params["data"]
    assert any("Recognised as HAM10000" in text.value for text in app.markdown)
    assert any("Synthetic" in text.value for text in app.markdown)


def test_a_path_that_does_not_exist_is_one_sentence(open_page) -> None:
    app = open_page("pages/2_Data.py")
    app.text_input(key="typed_path").set_value("/no/such/folder")
    app.button(key="open_typed").click().run()
    assert not app.exception
    assert len(app.error) == 1 and "/no/such/folder" in app.error[0].value
    assert "data" not in app.query_params


def test_a_deep_link_to_a_set_that_is_gone_still_offers_others(open_page) -> None:
    app = open_page("pages/2_Data.py", data="/no/such/folder")
    assert not app.exception
    assert "/no/such/folder" in app.error[0].value
    assert app.button(key="demo_make")


def test_one_click_draws_a_synthetic_set_and_opens_it(open_page, workspace: Path) -> None:
    app = open_page("pages/2_Data.py")
    app.number_input(key="demo_n").set_value(40)
    app.radio(key="demo_layout").set_value("folder")
    app.button(key="demo_make").click().run()
    assert not app.exception and not app.error
    assert _metrics(app)["Images"] == "40"
    assert (workspace / "demo" / "folder-40").is_dir()


def test_composition_counts_what_the_csv_says(open_page, demo_ham10000: Path) -> None:
    app = _opened(open_page, demo_ham10000)
    manifest = datasets.open_dataset(demo_ham10000)
    counts = manifest.frame["label"].value_counts()
    table = app.dataframe[0].value
    assert dict(zip(table["Class"], table["Images"], strict=True)) == counts.to_dict()
    levels = dict(zip(table["Class"], table["Risk level"], strict=True))
    assert (levels["mel"], levels["akiec"], levels["nv"]) == ("malignant", "premalignant", "benign")
    assert _metrics(app)["Lesions or patients"] == f"{manifest.frame['group_id'].nunique()}"
    assert len(app.get("plotly_chart")) >= 4


def test_a_changed_risk_level_is_shown_and_reaches_the_train_page(open_page, demo_ham10000: Path) -> None:
    app = _opened(open_page, demo_ham10000)
    app.selectbox(key="risk_class").set_value("bkl").run()
    app.button_group(key="risk_level_bkl").set_value("premalignant").run()
    table = app.dataframe[0].value
    assert table.loc[table["Class"] == "bkl", "Risk level"].item() == "premalignant (changed)"
    app.switch_page("pages/3_Train.py").run()
    assert not app.exception
    assert any("counts bkl as premalignant" in caption.value for caption in app.caption)


def test_pictures_of_each_class_and_others_at_a_click(open_page, demo_folder: Path) -> None:
    app = _opened(open_page, demo_folder, "Pictures")
    first = [image.value for image in app.get("image")]
    assert len(first) == 16  # eight of each of two classes
    app.button(key="grid_others").click().run()
    second = [image.value for image in app.get("image")]
    assert len(second) == 16 and str(second) != str(first)


def test_audit_runs_apart_and_shows_what_it_found(open_page, tmp_path: Path) -> None:
    # A set of its own: the findings of a shared one may be known already from another test.
    path = write_demo(tmp_path / "faulty", layout="folder", n=40, faults=DemoFaults(conflicts=2, broken=3))
    app = _opened(open_page, path, "Audit")
    app.button(key="audit_start").click().run()
    _until(app, lambda page: "Unreadable files" in _metrics(page))
    assert not app.exception
    metrics = _metrics(app)
    assert (metrics["One picture, two labels"], metrics["Unreadable files"]) == ("2", "3")
    assert len(app.get("image")) == 4  # two pairs, side by side
    kind = next(group for group in app.button_group if group.label == "Show")
    kind.set_value("unreadable").run()
    assert len(app.dataframe[0].value) == 3
    assert audits.last_audit(manifest=datasets.open_dataset(path), data=path).n_images == len(
        datasets.open_dataset(path)
    )


def test_split_preview_keeps_the_published_test_folder(open_page, demo_folder: Path) -> None:
    app = _opened(open_page, demo_folder, "Split")
    manifest = datasets.open_dataset(demo_folder)
    published = int((manifest.frame["split"] == "test").sum())
    table = app.dataframe[0].value
    assert table.loc["all classes", "test"] == published
    assert table.loc["all classes", "all"] == 60
    assert any("was not audited yet" in warning.value for warning in app.warning)


def test_split_preview_leaves_conflicts_out_and_says_so(open_page, demo_faulty: Path) -> None:
    report = audits.audit_dataset(data=demo_faulty)
    app = _opened(open_page, demo_faulty, "Split")
    dropped = {name for group in report.label_conflicts for name in group} | {name for name, _ in report.unreadable}
    heading = next(item.value for item in app.subheader if item.value.startswith("Left out"))
    assert int(heading.split()[2]) >= len(dropped)
    cleaned = app.dataframe[0].value.loc["all classes", "all"]
    app.toggle(key="split_clean").set_value(False).run()
    assert not app.exception
    assert app.dataframe[0].value.loc["all classes", "all"] > cleaned
    if report.split_leaks:
        assert any("two sides of this split" in error.value for error in app.error)


@pytest.mark.parametrize("part", ["Composition", "Pictures", "Audit", "Split"])
def test_each_part_opens_on_each_layout(open_page, demo_isic2024: Path, part: str) -> None:
    _opened(open_page, demo_isic2024, part)
