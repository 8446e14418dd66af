"""No csv that is handed out holds a formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skin_core.evaluation.scored import Scored
from skin_core.screening import out_of_fold
from skin_core.screening.spreadsheet import without_formula
from skin_core.training.folder import RunFolder


@pytest.mark.parametrize("cell", ["=1+1", "+2", "-3", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_made_text(cell: str) -> None:
    assert without_formula(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "ISIC_0000001", "a=b", "basal cell carcinoma"])
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert without_formula(cell) == cell


def test_the_table_of_out_of_fold_predictions_holds_none(tmp_path: Path) -> None:
    folder, ids = RunFolder(tmp_path), np.array(["=1+1", "plain"])
    folder.folds.write_text("image_id,group,fold\n=1+1,a,1\nplain,b,2\n")
    pooled = Scored(
        classes=("@mel", "nv"),
        labels=np.array([0, -1]),
        levels=np.array([2, 0]),
        melanoma=np.array([1, 0]),
        groups=np.array(["a", "b"]),
        probabilities=np.array([[0.9, 0.1], [0.2, 0.8]]),
        risk=np.array([0.9, 0.2]),
        melanoma_column=0,
    )
    table = out_of_fold._table(folder, ids, pooled)
    assert table["image_id"].tolist() == ["'=1+1", "plain"] and table["fold"].tolist() == [1, 2]
    assert table["label"][0] == "'@mel" and table["label"].isna().tolist() == [False, True]
