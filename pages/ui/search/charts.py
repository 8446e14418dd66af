"""Charts of a search. Pure: trials in, a figure out; they redraw in place."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.ui.colors import BLUE, GREY, ORANGE, VERMILLION
from pages.ui.figures import calm
from pages.ui.run_form import label_of
from pages.ui.run_status import metric_words
from pages.ui.search.words import settings_words, trial_word, value_words
from skin_core.services.searches import Dimension, Importance, SearchView, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# A shape as well as a colour for each end of a trial.
_MARKS = {
    "finished": (BLUE, "circle"),
    "pruned": (GREY, "x-thin-open"),
    "running": (ORANGE, "circle-open"),
}


def history_chart(search: SearchView, *, height: int = 330) -> Figure:
    """Each trial's figure by its number, the best so far as a line."""
    import plotly.graph_objects as go

    figure = go.Figure()
    finished = [trial for trial in search.trials if trial.state == "finished" and trial.value is not None]
    best, line = None, []
    for trial in finished:
        better = best is None or (trial.value < best if search.config.minimises else trial.value > best)
        best = trial.value if better else best
        line.append(best)
    figure.add_trace(
        go.Scatter(
            x=[trial.number for trial in finished],
            y=line,
            mode="lines",
            line={"color": VERMILLION, "width": 2, "shape": "hv"},
            name="best so far",
            hoverinfo="skip",
        )
    )
    for state, (color, symbol) in _MARKS.items():
        shown = [trial for trial in search.trials if trial.state == state and trial.value is not None]
        if not shown:
            continue
        figure.add_trace(
            go.Scatter(
                x=[trial.number for trial in shown],
                y=[trial.value for trial in shown],
                mode="markers",
                marker={"color": color, "symbol": symbol, "size": 10, "line": {"width": 2, "color": color}},
                name=trial_word(shown[0]).lower(),
                customdata=[_lines(settings_words(trial)) for trial in shown],
                hovertemplate="trial %{x}: %{y:.3f}<br>%{customdata}<extra></extra>",
            )
        )
    calm(figure, height=height, x="Trial", y=_figure_name(search))
    figure.update_xaxes(range=[0.5, search.wanted + 0.5], tick0=1, dtick=max(1, round(search.wanted / 10)))
    figure.update_yaxes(range=_around(search, [trial.value for trial in search.trials if trial.value is not None]))
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.25}, margin_t=56)
    return figure


def curves_chart(search: SearchView, *, height: int = 330) -> Figure:
    """The validation figure over epochs, one line a trial: the best in colour, those given up end early."""
    import plotly.graph_objects as go

    figure = go.Figure()
    best = search.best
    for trial in sorted(search.trials, key=lambda trial: best is not None and trial.number == best.number):
        if not trial.curve:
            continue
        is_best = best is not None and trial.number == best.number
        color = VERMILLION if is_best else ORANGE if trial.state == "running" else GREY
        figure.add_trace(
            go.Scatter(
                x=[epoch for epoch, _ in trial.curve],
                y=[value for _, value in trial.curve],
                mode="lines+markers",
                line={
                    "color": color,
                    "width": 3 if is_best else 1.3,
                    "dash": "dot" if trial.state == "pruned" else "solid",
                },
                marker={"size": 4},
                opacity=1.0 if is_best or trial.state == "running" else 0.6,
                name=f"trial {trial.number}",
                hovertemplate=f"trial {trial.number}, {trial_word(trial).lower()}<br>epoch %{{x}}: %{{y:.3f}}<extra></extra>",
            )
        )
        if is_best or trial.state == "running":
            epoch, value = trial.curve[-1]
            label = f"trial {trial.number}, {'best' if is_best else 'under way'}"
            figure.add_annotation(x=epoch, y=value, text=label, showarrow=False, xanchor="right", yshift=12)
    calm(figure, height=height, x="Epoch", y=f"{_figure_name(search)}, validation")
    last = max((epoch for trial in search.trials for epoch, _ in trial.curve), default=1)
    figure.update_xaxes(range=[0.5, last + 0.5], tick0=1, dtick=max(1, round(last / 8)))
    figure.update_yaxes(range=_around(search, [value for trial in search.trials for _, value in trial.curve]))
    return figure


def importance_chart(importance: Importance) -> Figure:
    """The share of the figures' variance that each setting explains, the largest on top."""
    import plotly.graph_objects as go

    ordered = sorted(importance.shares.items(), key=lambda item: item[1])
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in ordered],
            y=[label_of(key) for key, _ in ordered],
            orientation="h",
            marker={"color": BLUE},
            text=[f"{share:.2f}" for _, share in ordered],
            textposition="outside",
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    calm(figure, height=90 + 28 * len(ordered), x="Share of the variance explained")
    figure.update_xaxes(range=[0, 1.08], tickvals=[0, 0.25, 0.5, 0.75, 1])
    return figure


def parallel_chart(search: SearchView, dimensions: Sequence[Dimension], *, height: int = 380) -> Figure:
    """One line a trial through its settings to its figure: where the good ones run together, a setting matters."""
    import plotly.graph_objects as go

    shown = [trial for trial in search.trials if trial.state in ("finished", "pruned") and trial.value is not None]
    values = [trial.value for trial in shown]
    axes = [_axis(item, shown) for item in dimensions]
    ends = _around(search, values)
    axes.append({"label": _figure_name(search), "values": values, "tickformat": ".3f", "range": ends})
    figure = go.Figure(
        go.Parcoords(
            dimensions=axes,
            line={
                "color": values,
                "cmin": ends and ends[0],
                "cmax": ends and ends[1],
                # The best stands out on light and on dark ground, in the colour that it has in the other charts.
                "colorscale": [[0, "#B4B4B4"], [1, VERMILLION]],
                "reversescale": search.config.minimises,
                "showscale": True,
                "colorbar": {"thickness": 12, "tickformat": ".2f"},
            },
            labelside="top",
            # Names of settings are longer than the way from axis to axis.
            labelangle=-20,
        )
    )
    calm(figure, height=height)
    figure.update_layout(margin={"l": 70, "r": 20, "t": 90, "b": 20})
    return figure


def _axis(item: Dimension, shown: Sequence[Trial]) -> dict:
    given = [trial.settings[item.key] for trial in shown]
    label = label_of(item.key)
    if item.kind == "choice":
        places = list(range(len(item.choices)))
        words = [value_words(value) for value in item.choices]
        ends = [-0.2, len(places) - 0.8]
        return {
            "label": label,
            "values": [item.choices.index(value) for value in given],
            "tickvals": places,
            "ticktext": words,
            "range": ends,
        }
    if not item.log:
        return {"label": label, "values": given, "range": [item.low, item.high]}
    low, high = math.log10(item.low), math.log10(item.high)
    ticks = _log_ticks(item.low, item.high)
    return {
        "label": label,
        "values": [math.log10(value) for value in given],
        "range": [low, high],
        "tickvals": [math.log10(tick) for tick in ticks],
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def _around(search: SearchView, values: Sequence[float]) -> list[float] | None:
    """Ends of an axis on which all values are the same; None where they differ and Plotly finds the ends.

    Alone it would go one to each side: to balanced accuracies below 0.
    """
    if len(set(values)) != 1:
        return None
    (value,) = set(values)
    if search.config.minimises:  # A loss: it has no upper end.
        return [0.9 * value, 1.1 * value] if value else [0.0, 1.0]
    return [max(0.0, value - 0.05), min(1.0, value + 0.05)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times each power of ten in a range; its ends where none lies in it."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]
    return ticks or [low, high]


def _figure_name(search: SearchView) -> str:
    words = metric_words(search.config.run.monitor)
    return words[:1].upper() + words[1:]


def _lines(words: str, width: int = 60) -> str:
    """Broken into lines, since a hover box does not break them."""
    import textwrap

    return "<br>".join(html.escape(line) for line in textwrap.wrap(words, width))
