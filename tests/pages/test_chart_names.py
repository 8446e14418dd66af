"""Names from a data set or a person are written in charts as they stand: Plotly reads its labels as markup."""

from __future__ import annotations

import pandas as pd

from pages.ui.dataset_figures import class_pie, count_bars
from pages.ui.live_charts import Curve, batch_chart, score_chart
from pages.ui.run_figures import confusion_chart, distribution_chart

NAME = "<a href='x'>mole</a> & <b"
WRITTEN = "&lt;a href=&#x27;x&#x27;&gt;mole&lt;/a&gt; &amp; &lt;b"


def test_classes_of_a_data_set() -> None:
    (pie,) = class_pie(pd.DataFrame({"class": [NAME, "melanoma"], "n": [3, 2]})).data
    assert list(pie.labels) == [WRITTEN, "melanoma"]
    (bars,) = count_bars(pd.DataFrame({"site": ["back", NAME], "n": [1, 2]}), "site", "Site").data
    assert list(bars.y) == ["back", WRITTEN]


def test_classes_of_a_run() -> None:
    names = [NAME, "melanoma"]
    (cells,) = confusion_chart(pd.DataFrame([[3, 1], [0, 2]], index=names, columns=names)).data
    assert list(cells.x) == list(cells.y) == [WRITTEN, "melanoma"]
    bars = distribution_chart(pd.DataFrame({"before": [3, 1], "after": [3, 3]}, index=names)).data
    assert [list(trace.y) for trace in bars] == [[WRITTEN, "melanoma"]] * 2


def test_titles_of_runs() -> None:
    history = pd.DataFrame({"epoch": [1], "loss": [1.0], "val_loss": [2.0]})
    lines = score_chart([Curve(NAME, history, None, 1), Curve("other", history, None, 1)], "loss").data
    assert [line.name for line in lines] == [
        f"{WRITTEN}, train",
        f"{WRITTEN}, validation",
        "other, train",
        "other, validation",
    ]
    (line,) = batch_chart([(NAME, pd.DataFrame({"step": [1], "loss": [1.0]}))]).data
    assert line.name == WRITTEN and "mole" not in line.hovertemplate
