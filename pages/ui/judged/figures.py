"""The figures of an evaluation: the few that decide first, then all, then class by class."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.ui.words import count, in_hundred, plain
from skin_core.services.judged import BY_CLASS, HEADLINES, Interval, Judged, Row
from skin_core.services.judged_curves import RULE_WORDS

_SHARES = (
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "referred",
    "prevalence",
    "at_90_specificity",
    "at_95_specificity",
    "at_90_sensitivity",
    "at_95_sensitivity",
    "accuracy",
)
_VALUE = "Value (95 % interval)"
_WHOM = {
    "melanoma_sensitivity": "of the melanomas",
    "malignancy_sensitivity": "of the malignant or premalignant are referred",
    "malignancy_specificity": "of the benign are not referred",
}
_CLASS_WORDS = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
}


def show_figures(found: Judged) -> None:
    """Headlines, then everything folded."""
    # What a figure is of stands in its title or in its words: on a phone each column is dear.
    headlines = _table(found, HEADLINES).drop(columns="Of")
    headlines[_VALUE] = headlines[_VALUE].str.replace(" to ", "\u00a0to\u00a0")
    st.table(headlines, border="horizontal", hide_index=True)
    st.caption(f"{count(found.n, 'image')} of {count(found.n_groups, *_one_of(found.group_word))}. {found.intervals}")
    with st.expander("All figures", icon=":material/table_rows:"):
        rest = tuple(row.name for row in found.rows if row.name not in HEADLINES)
        st.dataframe(_table(found, rest), hide_index=True, key=f"judged_all_{found.split}", height="content")
    with st.expander("Class by class", icon=":material/category:"):
        st.dataframe(class_table(found), hide_index=True, key=f"judged_classes_{found.split}", height="content")
        st.caption(
            f"Each class against all others. For sensitivity, specificity, precision and F1 each picture is given "
            f"{RULE_WORDS[found.class_rule]}; accuracy is of the likeliest class."
        )


def people_words(row: Row) -> str:
    """A share as a count of people, "" for figures that are none."""
    if not row.name.endswith(_SHARES):
        return ""
    whom = _WHOM.get(row.name, "") if not math.isnan(row.figure.value) else ""
    return f"{share_words(row.figure)} {whom}".strip()


def share_words(value: Interval) -> str:
    """``7 in 100 (4 to 12)``; all and none are said as such: they were counted, not estimated."""
    if value.value not in (0, 1):
        return in_hundred(value.value, value.low, value.high)
    word = "all" if value.value else "none"
    if math.isnan(value.low) or math.isnan(value.high):
        return word
    return f"{word} ({round(100 * value.low)} to {round(100 * value.high)} in 100)"


def class_table(found: Judged) -> pd.DataFrame:
    """One row a class."""
    return pd.DataFrame(
        [
            {
                "Class": entry.name,
                "Images": entry.n,
                **{_CLASS_WORDS[name]: entry.figures[name].in_words(2) for name in BY_CLASS},
            }
            for entry in found.classes
        ]
    )


def _table(found: Judged, names: tuple[str, ...]) -> pd.DataFrame:
    rows = [row for name in names if (row := found.row(name)) is not None]
    return pd.DataFrame(
        [
            {
                "Of": row.part,
                "Figure": row.title,
                _VALUE: row.figure.in_words(),
                "In words": "; ".join(words for words in (people_words(row), row.beside) if words),
                "n": row.n,
            }
            for row in rows
        ],
        columns=["Of", "Figure", _VALUE, "In words", "n"],
    )


def _one_of(word: str) -> tuple[str, str]:
    return plain(word.removesuffix("s")), plain(word)
