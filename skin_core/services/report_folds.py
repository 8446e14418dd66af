"""What the report of a cross-validated run says of its folds: how far its figures spread, and each fold by itself."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from skin_core.services import report_page as page
from skin_core.services import report_pictures as pictures
from skin_core.services.cross_validation import CrossValidated
from skin_core.services.figure_rows import HEADLINES, ON_ONE_AXIS


def folds(told: CrossValidated) -> list[str]:
    """The part of the page."""
    rows = [
        (
            entry.title,
            _figure(entry.mean) + (f" ± {entry.sd:.3f}" if entry.n > 1 else ""),
            f"{entry.low:.3f} to {entry.high:.3f}" if entry.n else "undefined",
            entry.n,
            entry.pooled.in_words(),
        )
        for name in HEADLINES
        if (entry := told.over_folds(name)) is not None
    ]
    drawn = [entry for name in ON_ONE_AXIS if (entry := told.over_folds(name)) is not None and entry.n]
    spread = (
        "Figure",
        "Mean of the folds ± standard deviation",
        "Least to greatest",
        "Folds",
        "All together (95 % interval)",
    )
    shown = [name for name in ON_ONE_AXIS if told.over_folds(name) is not None]
    members = [
        (
            str(member.fold),
            f"{member.n:,}",
            f"{member.n_groups:,}",
            f"{member.n_train:,}",
            f"{member.epoch} of {member.epochs}",
            *(_figure(member.figures.get(name, math.nan)) for name in shown),
        )
        for member in told.members
    ]
    columns = ("Fold", "Images held", f"{told.pooled.group_word.capitalize()} held", "Images learnt from", "Epoch kept")
    return [
        page.heading("Fold by fold"),
        page.paragraph(
            "Dots: one fold each, by its number. Upright line: their mean. Square with its interval: all images together, "
            "which is not the mean of the folds. How much a training on other pictures would change the figures shows in "
            "the spread.",
            note=True,
        ),
        page.pictures([("Spread over the folds", pictures.spread(drawn))]) if drawn else "",
        page.table(spread, rows, numbers=range(1, 5)),
        page.table((*columns, *(ON_ONE_AXIS[name] for name in shown)), members, numbers=range(5 + len(shown))),
    ]


def document(told: CrossValidated) -> dict[str, Any]:
    """The same for the JSON file."""
    return {
        "folds": told.folds,
        "select": told.select,
        "spread": {
            entry.name: {"n": entry.n, "mean": entry.mean, "sd": entry.sd, "low": entry.low, "high": entry.high}
            for entry in told.spread
        },
        "members": [asdict(member) for member in told.members],
    }


def _figure(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
