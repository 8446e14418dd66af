"""Columns that a network must not be shown beside the image."""

from __future__ import annotations

# Columns of ISIC's archive, ISIC 2024 and HAM10000 that are the answer, or were made from it, or identify lesion, patient or
# split; in small letters.
ANSWER_COLUMNS = (
    *(
        "target",
        "label",
        "risk_level",
        "dx",
        "dx_type",
        "benign_malignant",
        "melanocytic",
        "tbp_lv_dnn_lesion_confidence",
    ),
    *("lesion_id", "patient_id", "image_id", "isic_id", "group_id", "location", "split"),
)
ANSWER_PREFIXES = ("iddx_", "mel_", "diagnosis")


def gives_away(column: str) -> bool:
    """Whether a column is the answer, was made from it, or identifies what must not be recognised."""
    name = column.strip().lower()
    return name in ANSWER_COLUMNS or name.startswith(ANSWER_PREFIXES)
