"""Pictures and tables of a run: curves, confusion matrix and classification report on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skin_core.paths import atomic_path, write_text
from skin_core.training.folder import EPOCH_COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe–Ito blue and vermilion: told apart by every eye, and by line style besides.
_TRAIN, _VALIDATION = "#0072B2", "#D55E00"
_CURVES = (("loss", "Loss"), ("auc", "AUC"), ("accuracy", "Accuracy"))


def write_report(
    folder: Path,
    *,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
) -> None:
    """Writes everything into a folder, replacing what an earlier end of the run left there.

    Args:
        folder: where to; made if it is not there.
        history: one row an epoch.
        best_epoch: its number, from 1: marked in the curves; the tables are of it.
        labels: int (N,), validation.
        probabilities: float (N, C) of the best epoch.
        classes: C names in output order.
    """
    frame = pd.DataFrame(history, columns=list(EPOCH_COLUMNS))
    _write_csv(folder / "history.csv", frame, index=False)
    for name, title in _CURVES:
        _curve(folder, frame, name, title, best_epoch)
    write_tables(folder, labels=labels, probabilities=probabilities, classes=classes)


def write_tables(folder: Path, *, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> None:
    """Writes the confusion matrix and the classification report, as csv and picture.

    Args:
        folder: where to; made if it is not there.
        labels: int (N,).
        probabilities: float (N, C).
        classes: C names in output order.
    """
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, classes)
    _write_csv(folder / "confusion_matrix.csv", confusion, index_label="true \\ predicted")
    _confusion_picture(folder / "confusion_matrix.png", confusion)
    table = classification_table(labels, predicted, classes)
    _write_csv(folder / "classification_report.csv", table, index_label="class")
    _table_picture(folder / "classification_report.png", table)


def write_distribution(folder: Path, counts: pd.DataFrame) -> None:
    """Writes the class distribution before and after balancing, as csv and picture.

    Args:
        folder: where to.
        counts: one row a class, columns ``class``, ``before`` and ``after`` (images an epoch), and any further one.
    """
    _write_csv(folder / "distribution.csv", counts, index=False)
    figure, axes = _figure(max(4.0, 0.8 * len(counts) + 2), 3.5)
    places = np.arange(len(counts))
    for offset, column, color in ((-0.2, "before", _TRAIN), (0.2, "after", _VALIDATION)):
        bars = axes.bar(places + offset, counts[column], 0.4, color=color, label=column)
        axes.bar_label(bars, fontsize=7)
    axes.set_xticks(places, list(counts["class"]), rotation=45, ha="right")
    axes.set_ylabel("Training images an epoch")
    axes.legend(frameon=False)
    _save(figure, folder / "distribution.png")


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Counts of images, true class by row, predicted class by column."""
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (labels, predicted), 1)
    return pd.DataFrame(counts, index=list(classes), columns=list(classes))


def classification_table(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Precision, recall, F1 and support of each class, then their macro and support-weighted means.

    What is undefined (precision of a class never predicted, recall of one that does not occur) is NaN and left out of
    the means.
    """
    confusion = confusion_matrix(labels, predicted, classes).to_numpy()
    hits, support, called = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision, recall = hits / called, hits / support
        f1 = 2 * hits / (called + support)
    table = pd.DataFrame({"precision": precision, "recall": recall, "f1": f1}, index=list(classes))
    means = {"macro avg": table.mean(), "weighted avg": table.apply(_weighted_mean, weights=support)}
    table = pd.concat([table, pd.DataFrame(means).T])
    table["support"] = [*support, support.sum(), support.sum()]
    return table.astype({"support": int})


def _weighted_mean(column: pd.Series, weights: np.ndarray) -> float:
    defined = column.notna().to_numpy()
    total = weights[defined].sum()
    return float((column[defined] * weights[defined]).sum() / total) if total else float("nan")


def _curve(folder: Path, frame: pd.DataFrame, name: str, title: str, best_epoch: int) -> None:
    columns = [name, f"val_{name}"]
    _write_csv(folder / f"curve_{name}.csv", frame[["epoch", *columns]], index=False)
    figure, axes = _figure(6.0, 3.5)
    for column, label, style, color in zip(
        columns, ("train", "validation"), ("--", "-"), (_TRAIN, _VALIDATION), strict=True
    ):
        axes.plot(frame["epoch"], frame[column], style, color=color, marker="o", markersize=3, label=label)
    axes.axvline(best_epoch, color="0.5", linewidth=1, linestyle=":")
    axes.annotate(
        f"best: epoch {best_epoch}", (best_epoch, 1), xycoords=("data", "axes fraction"), fontsize=8, va="bottom"
    )
    axes.set_xlabel("Epoch")
    axes.set_ylabel(title)
    if name == "auc" and frame[columns].min().min() >= 0.5:
        axes.set_ylim(0.5, 1.0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    _save(figure, folder / f"curve_{name}.png")


def _confusion_picture(path: Path, confusion: pd.DataFrame) -> None:
    side = max(4.0, 0.6 * len(confusion) + 2)
    figure, axes = _figure(side + 0.5, side)
    totals = confusion.sum(axis=1).to_numpy()[:, None]
    shares = np.divide(confusion.to_numpy(), totals, out=np.zeros(confusion.shape), where=totals > 0)
    drawn = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(confusion.to_numpy()):
        color = "black" if shares[row, column] > 0.5 else "white"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
    places = range(len(confusion))
    axes.set_xticks(places, list(confusion.columns), rotation=45, ha="right")
    axes.set_yticks(places, list(confusion.index))
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    figure.colorbar(drawn, label="Share of the true class", shrink=0.8)
    _save(figure, path)


def _table_picture(path: Path, table: pd.DataFrame) -> None:
    figure, axes = _figure(6.5, 0.3 * len(table) + 0.8)
    axes.axis("off")
    cells = [
        [*("undefined" if np.isnan(value) else f"{value:.3f}" for value in row[:3]), f"{int(row[3])}"]
        for row in table[["precision", "recall", "f1", "support"]].to_numpy()
    ]
    axes.table(cells, rowLabels=list(table.index), colLabels=["precision", "recall", "F1", "support"], loc="center")
    _save(figure, path)


def without_formulas(figure: Figure) -> Figure:
    """The figure, its texts drawn as they are written; call it when all are there.

    Names of classes are someone else's: between two dollar signs matplotlib would read a formula, and refuse a wrong one.
    """
    from matplotlib.table import Table
    from matplotlib.text import Text

    cells = [cell.get_text() for table in figure.findobj(Table) for cell in table.get_celld().values()]
    for text in (*figure.findobj(Text), *cells):
        text.set_parse_math(False)
    return figure


def _figure(width: float, height: float):
    # The Figure class alone, without pyplot: no display, no global state, nothing left in memory.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _save(figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        without_formulas(figure).savefig(temporary, format="png", dpi=120)


def _write_csv(path: Path, frame: pd.DataFrame, **options) -> None:
    write_text(path, frame.to_csv(**options))
