"""Names beside the lines of a live chart never lie on each other."""

from __future__ import annotations

import pandas as pd
import pytest

from pages.ui.live_charts import Curve, score_chart


def _history(train: list[float], validation: list[float], score: str) -> pd.DataFrame:
    return pd.DataFrame({"epoch": range(1, len(train) + 1), score: train, f"val_{score}": validation})


@pytest.mark.parametrize(
    ("score", "train", "validation"),
    [("loss", [2.2, 0.98], [1.9, 0.93]), ("auc", [0.7, 0.951], [0.6, 0.95]), ("auc", [0.6, 0.9], [0.6, 0.6])],
)
def test_names_at_the_ends_of_two_lines_are_a_line_of_text_apart(score, train, validation) -> None:
    curve = Curve("one", _history(train, validation, score), None, 4)
    height = 330
    names = {note.text: note for note in score_chart([curve], score, height=height).layout.annotations}
    # The axis begins at 0 for a loss, at 0.5 for an AUC; 250 of the 330 pixels are the axis'.
    span = 1.05 * 2.2 if score == "loss" else 0.505
    places = [250 * names[word].y / span + names[word].yshift for word in ("train", "validation")]
    assert abs(places[0] - places[1]) >= 15 - 1e-9
    apart = 250 * abs(train[-1] - validation[-1]) / span
    if apart > 15:  # Names that do not touch stay beside their lines.
        assert (names["train"].yshift, names["validation"].yshift) == (0, 0)
