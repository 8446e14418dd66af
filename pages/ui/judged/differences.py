"""Two evaluated runs: is the one better than the other, or is it chance?"""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.ui.jobs import running, show_job
from pages.ui.words import count, figure, plain
from skin_core.services import background, judged
from skin_core.services.cross_validation import compare_cross_validated
from skin_core.services.differences import DifferenceRow, Differences, differences_of_runs
from skin_core.services.judged import HEADLINES
from skin_core.services.runs import RunView


def show_differences(names: list[str], first: RunView, second: RunView) -> None:
    """The table of differences on the test pictures that both have, or the button that works it out."""
    out_of_fold = bool(first.config.folds and second.config.folds)
    if first.config.folds != second.config.folds and not out_of_fold:
        st.caption(
            "A cross-validated run is compared with another one on the same folds; a single run with another on the test split."
        )
        return
    st.markdown(
        f"**{'Out of fold, picture by picture' if out_of_fold else 'On the test pictures that both were tested on'}**"
    )
    missing = [plain(name) for name, run in zip(names, (first, second), strict=True) if not _tested(run)]
    if missing:
        what = "Not all folds are done yet" if out_of_fold else "Not evaluated on the locked test split yet"
        st.caption(f"{what}: {' and '.join(missing)}.")
        return
    stamps = "-".join(str(max(judged.stamp(run.run_id)[:4])) for run in (first, second))
    key = f"differences {first.run_id} {second.run_id} {stamps}"
    if running(key):
        show_job(key)
        return
    done = show_job(key)
    if done is None:
        if st.button("Test the differences", icon=":material/compare_arrows:", key="compare_differences"):
            work = compare_cross_validated if out_of_fold else differences_of_runs
            background.start(key, "Comparing the runs", work, first=first.run_id, second=second.run_id)
            st.rerun()
        return
    found: Differences = done.result
    st.dataframe(_table(found, names, HEADLINES), hide_index=True, key="compare_tested", height="content")
    with st.expander("All figures", icon=":material/table_rows:"):
        rest = tuple(row.name for row in found.rows if row.name not in HEADLINES)
        st.dataframe(_table(found, names, rest), hide_index=True, key="compare_tested_all", height="content")
    st.caption(
        f"{count(found.n, 'image')}; differences are {plain(names[0])} less {plain(names[1])}. {plain(found.intervals)} "
        f"p by paired bootstrap, not corrected: of {len(found.rows)} figures, one in twenty seems to differ by chance."
    )
    for note in found.notes:
        st.caption(f":material/info: {plain(note)}")


def _tested(run: RunView) -> bool:
    return bool({"test", "out_of_fold"} & {*judged.available(run.run_id)})


def _table(found: Differences, names: list[str], chosen: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Figure": row.title,
                names[0]: figure(row.first),
                names[1]: figure(row.second),
                "Difference (95 % interval)": _difference(row),
                "p": _p(row),
                "In words": _words(row, names),
            }
            for row in found.rows
            if row.name in chosen
        ]
    )


def _difference(row: DifferenceRow) -> str:
    if math.isnan(row.difference):
        return "undefined"
    if math.isnan(row.low):
        return f"{row.difference:+.3f} (interval not known)"
    return f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"


def _p(row: DifferenceRow) -> str:
    if math.isnan(row.p):
        return "undefined"
    words = "below 0.001" if row.p < 0.001 else f"{row.p:.3f}"
    return words if math.isnan(row.p_delong) else f"{words} (DeLong {row.p_delong:.3f})"


def _words(row: DifferenceRow, names: list[str]) -> str:
    if math.isnan(row.low):
        return "cannot be told"
    if row.low <= 0 <= row.high:
        return "may be chance"
    return f"higher with {names[0] if row.low > 0 else names[1]}"
