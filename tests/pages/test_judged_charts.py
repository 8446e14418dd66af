"""Charts of an evaluation: what is drawn is what was worked out."""

from __future__ import annotations

import numpy as np
import pytest

from pages.ui.judged import charts
from pages.ui.judged.cells import cells_chart
from pages.ui.judged.figures import share_words
from pages.ui.judged.forest import forest_chart
from skin_core.evaluation.scored import Scored
from skin_core.services.judged import Interval
from skin_core.services.judged_curves import Curves, curves_of_scored


@pytest.fixture(scope="module")
def curves() -> Curves:
    """Sixty images, a third positive, with some of each on the wrong side."""
    generator = np.random.default_rng(0)
    positive = np.arange(60) < 20
    risk = np.clip(generator.normal(0.35 + 0.3 * positive, 0.15), 0.01, 0.99)
    scored = Scored(
        classes=("benign", "malignant"),
        labels=positive.astype(int),
        levels=2 * positive.astype(int),
        melanoma=np.full(60, -1),
        groups=np.arange(60),
        probabilities=np.stack([1 - risk, risk], axis=1),
        risk=risk,
        threshold=0.4,
    )
    return curves_of_scored(scored, "test", "risk", "Malignant or premalignant", resamples=60)


def _words(figure) -> str:
    return " ".join(annotation.text for annotation in figure.layout.annotations)


def test_curves_are_drawn_as_they_are(curves: Curves) -> None:
    figure = charts.roc_chart(curves, (0.9, 0.7))
    band, line, chance, mark = figure.data
    assert band.fill == "toself" and list(line.y) == list(curves.roc.y)
    assert (list(chance.x), list(chance.y)) == ([0, 1], [0, 1])
    assert mark.x[0] == pytest.approx(0.3) and mark.y[0] == 0.9
    assert "chance" in _words(figure) and "threshold" in _words(figure)
    assert len(charts.roc_chart(curves, (float("nan"), 0.7)).data) == 3
    assert "calling all: 0.33" in _words(charts.precision_recall_chart(curves))


def test_reliability_tells_how_many_images_stand_behind_a_mark(curves: Curves) -> None:
    figure = charts.reliability_chart(curves)
    points, bars = figure.data[1], figure.data[2]
    assert list(points.y) == list(curves.reliability.observed)
    assert list(bars.y) == list(curves.reliability.n) and sum(bars.y) == 60
    assert (np.array(points.error_y.array) >= 0).all() and (np.array(points.error_y.arrayminus) >= 0).all()


def test_the_decision_curve_stands_against_both_simple_rules(curves: Curves) -> None:
    figure = charts.decision_chart(curves)
    told = {annotation.text.split("</span> ")[-1] for annotation in figure.layout.annotations}
    assert told == {"refer all", "refer nobody", "model"}
    assert figure.data[2].y[0] == pytest.approx(1 / 3)
    own = Curves(**{**vars(curves), "decision": None})
    with pytest.raises(ValueError, match="no decision curve"):
        charts.decision_chart(own)


def test_scores_of_each_outcome_are_shares_of_their_own(curves: Curves) -> None:
    up, down = charts.histogram_chart(curves).data
    assert sum(up.y) == pytest.approx(1) and sum(down.y) == pytest.approx(-1)


def test_a_forest_tells_n_and_leaves_out_nothing_that_it_was_given() -> None:
    rows = [("sex: female", 34, 0.9, 0.8, 0.95), ("sex: <b>male</b>", 1026, 0.7, 0.6, 0.8)]
    figure = forest_chart(rows, 0.8, x="AUC")
    assert list(figure.data[0].y) == ["sex: female (34)", "sex: &lt;b&gt;male&lt;/b&gt; (1,026)"]
    assert list(figure.data[0].error_x.array) == pytest.approx([0.05, 0.1])
    assert forest_chart([], float("nan"), x="AUC").data[0].x.size == 0
    long = forest_chart([("skin tone (estimated): very light", 174, 0.9, 0.8, 0.95)], 0.8, x="AUC")
    assert list(long.data[0].y) == ["skin tone (estimated):<br>very light (174)"]


def test_each_cell_can_be_chosen_and_read() -> None:
    counts = np.array([[8, 2], [0, 0]])
    figure = cells_chart(counts, ["nv", "mel"])
    points = figure.data[1]
    assert list(zip(points.y, points.x, strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    # Plotly chooses no point where dragging is switched off.
    assert figure.layout.clickmode == "event+select" and figure.layout.dragmode
    assert list(points.text) == ["8", "2", "0", "0"]
    # Black on the bright cell, white on the dark ones.
    assert list(points.textfont.color) == ["#000000", "#FFFFFF", "#FFFFFF", "#FFFFFF"]
    # Without a colour for the chosen cell's count Plotly fades all others until they cannot be read.
    assert (points.selected.marker.color, points.selected.textfont.color) == ("#FFFFFF", "#000000")


def test_figures_in_words() -> None:
    assert share_words(Interval(0.07, 0.04, 0.12)) == "7 in 100 (4 to 12)"
    assert share_words(Interval(1.0, 0.85, 1.0)) == "all (85 to 100 in 100)"
    assert share_words(Interval(0.0)) == "none" and share_words(Interval()) == "undefined"
    assert Interval(0.5).in_words() == "0.500 (interval not known)"
