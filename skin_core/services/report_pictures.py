"""The report's pictures as SVG text, drawn by matplotlib; the pages draw the same with Plotly."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skin_core.screening.map_record import CheckedMaps
from skin_core.services.figure_rows import ON_ONE_AXIS
from skin_core.services.judged_curves import Curve, Curves
from skin_core.training.report import without_formulas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skin_core.services.cross_validation import Spread

# Okabe and Ito.
_BLUE, _ORANGE, _VERMILLION, _GREY = "#0072B2", "#E69F00", "#D55E00", "#6B6B6B"
_SIZE = (4.6, 3.5)
# Text stays text, so it can be read out.
_STYLE = {"svg.fonttype": "none"}
_NO_METADATA = {"Date": None, "Creator": None}


def roc(found: Curves) -> str:
    """The ROC curve with its band."""
    figure, axes = _axes("Others called positive (1 - specificity)", "Positives found (sensitivity)")
    _band(axes, found.roc)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1)
    axes.text(0.6, 0.55, "chance", color=_GREY)
    _unit(axes)
    return _svg(figure, f"ROC curve of {found.endpoint.title}, area {found.auc:.3f}")


def precision_recall(found: Curves) -> str:
    """Precision over sensitivity."""
    figure, axes = _axes("Positives found (sensitivity)", "Right among those called (precision)")
    _band(axes, found.precision_recall)
    share = found.endpoint.n_positive / max(1, found.endpoint.n)
    axes.axhline(share, color=_GREY, linestyle=":", linewidth=1)
    axes.text(0.02, share + 0.015, f"calling all: {share:.2f}", color=_GREY)
    _unit(axes)
    return _svg(figure, f"Precision-recall curve of {found.endpoint.title}")


def reliability(found: Curves) -> str:
    """Observed share over predicted probability, with the images of each bin written at its mark."""
    bins = found.reliability
    figure, axes = _axes("Probability said (with the number of images)", "Share that was positive")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1)
    errors = np.nan_to_num(np.stack([bins.observed - bins.low, bins.high - bins.observed])).clip(0)
    axes.errorbar(bins.predicted, bins.observed, errors, color=_BLUE, marker="o", markersize=4, linewidth=1, capsize=2)
    for x, y, n in zip(bins.predicted, bins.observed, bins.n, strict=True):
        axes.annotate(f"{n:,}", (x, y), xytext=(4, -9), textcoords="offset points", fontsize=7, color=_GREY)
    _unit(axes)
    return _svg(figure, f"Reliability diagram of {found.endpoint.title}")


def decision(found: Curves) -> str:
    """Net benefit against referring everybody and nobody; only for an endpoint that has one."""
    curve = found.decision
    figure, axes = _axes("Threshold probability", "Net benefit")
    _band(axes, curve.model, "model")
    axes.plot(curve.model.x, curve.everybody, color=_ORANGE, linestyle="--", linewidth=1.2, label="refer all")
    axes.axhline(0, color=_GREY, linestyle=":", linewidth=1, label="refer nobody")
    top = float(np.nanmax([curve.everybody[0], np.nanmax(curve.model.high, initial=0.0)]))
    axes.set_ylim(-0.25 * top - 0.005, 1.1 * top + 0.005)
    axes.set_xlim(0, curve.model.x[-1])
    axes.legend(frameon=False, loc="upper right")
    return _svg(figure, f"Decision curve of {found.endpoint.title}")


def histogram(found: Curves) -> str:
    """Scores of positives (up) and of the others (down), each as a share of its own."""
    figure, axes = _axes("Probability said", "Share of each outcome")
    middles, width = (found.edges[1:] + found.edges[:-1]) / 2, float(found.edges[1] - found.edges[0])
    sides = ((found.positives, 1, _VERMILLION, "positive (up)"), (found.negatives, -1, _BLUE, "not (down)"))
    for counts, sign, color, word in sides:
        label = f"{int(counts.sum()):,} {word}"
        axes.bar(middles, sign * counts / max(1, counts.sum()), width=width, color=color, label=label)
    axes.axhline(0, color=_GREY, linewidth=0.8)
    if found.threshold is not None and found.threshold <= 1:
        axes.axvline(found.threshold, color=_GREY, linestyle="--", linewidth=1, label="threshold")
    axes.set_xlim(0, 1)
    axes.legend(frameon=False, loc="upper center")
    return _svg(figure, f"Scores of {found.endpoint.title} by outcome")


def confusion(counts: np.ndarray, names: Sequence[str]) -> str:
    """Counts, coloured by the share of the true class."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Inches; a long name needs room of its own, or none is left for the cells.
    side = 1.6 + 0.52 * len(names) + 0.08 * max(0, max(map(len, names)) - 30)
    figure, axes = _axes("Said", "True class", (side + 0.6, side))
    # Cells as shapes: a picture of seven pixels a side would be blurred by the browser.
    axes.pcolormesh(
        np.arange(len(names) + 1) - 0.5, np.arange(len(names) + 1) - 0.5, share, cmap="cividis", vmin=0, vmax=1
    )
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column,
            row,
            f"{count:,}",
            ha="center",
            va="center",
            color="black" if share[row, column] > 0.5 else "white",
            fontsize=8,
        )
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.grid(False)
    return _svg(figure, "Confusion matrix: true class by row, said class by column")


def exchange(kept: CheckedMaps, kind: str) -> str:
    """Mean probability while pixels are exchanged: ``kind`` is "deletion" or "insertion"."""
    word = "hidden" if kind == "deletion" else "shown"
    figure, axes = _axes(f"Pixels {word}, the highest ranked first (%)", "Mean probability of the class")
    lines = (("map", _BLUE, "-", "what the map marks"), ("centre", _VERMILLION, "--", "middle of the picture"))
    for name, color, style, label in (*lines, ("random", _GREY, ":", "random pixels")):
        band = kept.curves[kind][name]
        y, low, high = (np.array(values, dtype=float) for values in (band.y, band.low, band.high))
        axes.fill_between(100 * np.array(kept.shares), low, high, color=color, alpha=0.13, linewidth=0)
        axes.plot(100 * np.array(kept.shares), y, color=color, linestyle=style, linewidth=1.5, label=label)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    # Where the curves are not. "best" looks for that place, and on a busy machine warns that it takes long.
    axes.legend(frameon=False, loc="upper right" if kind == "deletion" else "lower right")
    return _svg(figure, f"Probability of the class while pixels are {word}")


def forest(rows: Sequence[tuple[str, int, float, float, float]], overall: float, title: str) -> str:
    """One line a level: name, n, value, low, high; the figure of all images as a dashed line."""
    figure, axes = _axes(title, "", (6.4, 0.9 + 0.27 * max(1, len(rows))))
    values = np.array([row[2:] for row in rows], dtype=float).reshape(len(rows), 3)
    places = np.arange(len(rows))
    errors = np.nan_to_num(np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])).clip(0)
    axes.errorbar(values[:, 0], places, xerr=errors, fmt="s", color=_BLUE, markersize=4, linewidth=1)
    axes.set_yticks(places, [f"{name} ({n:,})" for name, n, *_ in rows])
    axes.invert_yaxis()
    if not math.isnan(overall):
        axes.axvline(overall, color=_GREY, linestyle="--", linewidth=1)
    axes.set_xlim(min(0.5, float(np.nanmin(values[:, :2], initial=0.5)) - 0.02), 1.01)
    return _svg(figure, f"{title} by subgroup")


def spread(rows: Sequence[Spread]) -> str:
    """One band a figure: a numbered mark a fold, their mean upright, the pooled figure with its interval as a square.

    Args:
        rows: figures between 0 and 1, from top to bottom, each defined in at least one fold.
    """
    folds = len(rows[0].values)
    figure, axes = _axes("Figure on the held images", "", (6.4, 0.9 + len(rows) * max(0.6, 0.17 * folds)))
    lowest = 0.5
    for place, entry in enumerate(rows):
        axes.plot([entry.mean, entry.mean], [place - 0.4, place + 0.2], color=_GREY, linewidth=1.2)
        for fold, value in enumerate(entry.values):
            if not math.isnan(value):
                # Under each other, so that equal values do not hide each other.
                height = place - 0.4 + 0.6 * (fold + 0.5) / folds
                axes.plot(value, height, "o", color=_BLUE, markersize=3.5)
                axes.annotate(
                    str(fold + 1),
                    (value, height),
                    xytext=(4, -2.5),
                    textcoords="offset points",
                    fontsize=7,
                    color=_GREY,
                )
        pooled = entry.pooled
        errors = np.nan_to_num([[pooled.value - pooled.low], [pooled.high - pooled.value]]).clip(0)
        axes.errorbar(pooled.value, place + 0.33, xerr=errors, fmt="s", color=_VERMILLION, markersize=4, linewidth=1)
        lowest = min(lowest, entry.low, *(end for end in (pooled.low,) if not math.isnan(end)))
    axes.set_yticks(range(len(rows)), [ON_ONE_AXIS.get(entry.name, entry.title) for entry in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(lowest - 0.02, 1.02)
    return _svg(figure, "Figures over the folds: each fold, their mean, and all images together")


def _axes(x: str, y: str, size: tuple[float, float] = _SIZE) -> tuple[Figure, Axes]:
    # Not pyplot: nothing global, so two reports may be drawn at once.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _band(axes: Axes, curve: Curve, label: str | None = None) -> None:
    axes.fill_between(curve.x, curve.low, curve.high, color=_BLUE, alpha=0.18, linewidth=0)
    axes.plot(curve.x, curve.y, color=_BLUE, linewidth=1.6, label=label)


def _unit(axes: Axes) -> None:
    axes.set_xlim(0, 1.005)
    axes.set_ylim(0, 1.02)


def _svg(figure: Figure, says: str) -> str:
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        without_formulas(figure).savefig(out, format="svg", metadata=_NO_METADATA)
    text = out.getvalue()
    # Inline SVG stands in an HTML page: without a prologue, and with a name for those who hear the page.
    text = text[text.index("<svg") :]
    return re.sub(r"^<svg", f'<svg role="img" aria-label="{html.escape(says)}"', text, count=1)
