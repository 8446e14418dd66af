"""The images behind the counts: cells of the confusion matrix, the most confidently wrong first."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.figures import show
from pages.ui.judged import store
from pages.ui.judged.cells import cells_chart
from pages.ui.picture_grid import picture
from pages.ui.words import count, plain
from skin_core.services.judged import Judged
from skin_core.services.judged_curves import RULE_WORDS, Cases, ClassRule

_A_PAGE = 12
_CHOSEN = "judged_cell"
_RULES = {"alike": "Classes weighed alike", "likeliest": "Likeliest class"}
_DECISIONS = {
    "missed": (True, False, "Malignant or premalignant, not referred"),
    "alarms": (False, True, "Benign, referred"),
    "found": (True, True, "Malignant or premalignant, referred"),
    "spared": (False, False, "Benign, not referred"),
}


def show_cases(found: Judged) -> None:
    """The matrix, the choice of a cell, and its images."""
    cases = store.cases(found.run_id, found.split, _rule(found))
    cells = _cells(cases)
    if not cells:
        st.info("No image has both a known label and a prediction.", icon=":material/info:")
        return
    left, right = st.columns([5, 4], gap="medium")
    with left:
        st.markdown("**Classes.** Choose a cell to see its images")
        st.caption(
            f"Each picture is given {RULE_WORDS[cases.rule]}. {_accuracy(found)}".strip(),
        )
        shown = show(cells_chart(cases.counts, cases.classes), key=f"judged_cells_{found.split}", points=True)
    with right:
        if not cases.decisions.empty:
            st.markdown("**Decision at the threshold**")
            st.dataframe(cases.decisions, key=f"judged_decisions_{found.split}")
        _take(shown, cases, cells)
        chosen = st.selectbox(
            "Images of",
            list(cells),
            format_func=lambda key: f"{plain(_title(key))} ({cells[key]:,})",
            key=_CHOSEN,
        )
    _gallery(cases, chosen)


def _rule(found: Judged) -> ClassRule:
    """Which class a picture is given in the matrix; weighed alike unless the reader wants the likeliest."""
    rules = store.cases(found.run_id, found.split).rules
    if len(rules) == 1:
        return rules[0]
    return st.segmented_control(
        "Class that a picture is given",
        rules,
        default=rules[0],
        required=True,
        format_func=_RULES.__getitem__,
        key=f"judged_rule_{found.split}",
        help="At natural prevalence the likeliest class hardly ever is a rare one. Weighed alike, each class counts as "
        "much as any other, as in balanced accuracy.",
    )


def _accuracy(found: Judged) -> str:
    row = found.row("accuracy")
    return "" if row is None else f"Accuracy, of the likeliest class: {row.figure.in_words()}."


def _cells(cases: Cases) -> dict[str, int]:
    """Key → images of each group that is not empty: decisions first, then confusions, the most frequent first."""
    found = {}
    if not cases.decisions.empty:
        counts = {
            key: len(cases.decided(positive=positive, referred=referred))
            for key, (positive, referred, _) in _DECISIONS.items()
        }
        found = {key: n for key, n in counts.items() if n}
    pairs = [
        (f"cell\n{true}\n{said}", int(cases.counts[row, column]), row == column)
        for row, true in enumerate(cases.classes)
        for column, said in enumerate(cases.classes)
    ]
    pairs.sort(key=lambda pair: (pair[2], -pair[1]))
    return found | {key: n for key, n, _ in pairs if n}


def _take(points: list[dict], cases: Cases, cells: dict[str, int]) -> None:
    """A cell that was clicked since the last run becomes the choice; a choice of another set of cells is dropped."""
    if st.session_state.get(_CHOSEN) not in cells:
        st.session_state.pop(_CHOSEN, None)
    # The cells are numbered row by row.
    told = divmod(int(points[0]["point_index"]), len(cases.classes)) if points else None
    if told == st.session_state.get(f"{_CHOSEN}_seen"):
        return
    st.session_state[f"{_CHOSEN}_seen"] = told
    if told is not None:
        key = f"cell\n{cases.classes[told[0]]}\n{cases.classes[told[1]]}"
        if key in cells:
            st.session_state[_CHOSEN] = key


def _title(key: str) -> str:
    if key in _DECISIONS:
        return _DECISIONS[key][2]
    _, true, said = key.split("\n")
    return f"{true}, rightly named" if true == said else f"{true}, taken for {said}"


def _gallery(cases: Cases, key: str) -> None:
    if key in _DECISIONS:
        positive, referred, _ = _DECISIONS[key]
        table = cases.decided(positive=positive, referred=referred)
        wrong = positive != referred
    else:
        _, true, said = key.split("\n")
        table, wrong = cases.cell(true, said), true != said
    order = "the most confidently wrong first" if wrong else "the most confident first"
    st.markdown(f"**{plain(_title(key))}**: {count(len(table), 'image')}, {order}")
    pages = -(-len(table) // _A_PAGE)
    page = st.pagination(pages, key=f"judged_cell_page_{key}") if pages > 1 else 1
    with st.container(horizontal=True, gap="small"):
        for row in table.iloc[(page - 1) * _A_PAGE : page * _A_PAGE].itertuples():
            picture(
                cases.root, row.location, width=150, caption=_caption(row), alt=f"{row.true}, taken for {row.predicted}"
            )


def _caption(row) -> str:
    parts = [] if pd.isna(row.true) else [f"{row.true}; said {row.predicted} {row.confidence:.2f}"]
    if not pd.isna(row.risk):
        parts.append(f"risk {row.risk:.2f}")
    return ", ".join(parts)
