"""The live view of one search: polled from its folder while it is at work, still afterwards."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui.errors import show_error
from pages.ui.progress import show_progress
from pages.ui.run_start import start_and_watch
from pages.ui.run_status import metric_words, status_word
from pages.ui.search.charts import curves_chart, history_chart, importance_chart, parallel_chart
from pages.ui.search.words import setting_words, trial_word, value_words
from pages.ui.steady import load_library, show_live
from pages.ui.words import count, duration, figure, plain
from skin_core.errors import SearchError
from skin_core.models.registry import family
from skin_core.recipes import all_recipes
from skin_core.services import searches
from skin_core.services.searches import SearchView, Trial

EVERY_SECONDS = 1.5

_BADGES = {
    "queued": ("hourglass_empty", "gray"),
    "running": ("play_circle", "blue"),
    "stopping": ("stop_circle", "orange"),
    "stopped": ("pause_circle", "orange"),
    "finished": ("check_circle", "green"),
    "failed": ("error", "red"),
    "interrupted": ("power_off", "red"),
}


def live_search(name: str) -> None:
    """Shows a search and keeps it moving while it is at work; at its end the whole page is drawn once more."""
    try:
        live = searches.get_search(name).at_work
    except SearchError as error:
        show_error(error)
        return
    load_library()
    st.fragment(_view, run_every=EVERY_SECONDS if live else None)(name, live)


def state_words(search: SearchView) -> str:
    """The state as a person says it: a search that runs is searching, not training."""
    return "Searching" if search.status == "running" else status_word(search.status)


def _view(name: str, was_live: bool) -> None:
    try:
        search = searches.get_search(name)
    except SearchError as error:
        show_error(error)
        return
    if search.at_work != was_live:
        st.rerun()
    _header(search)
    _status_line(search)
    _answer(search)
    if any(trial.value is not None for trial in search.trials):
        _charts(search)
    _table(search)
    with st.expander("Log", icon=":material/receipt_long:"):
        st.code(searches.log_tail(name) or "Nothing was logged yet.", language=None, wrap_lines=True)


def _header(search: SearchView) -> None:
    icon, color = _BADGES[search.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(search.name), anchor=False, width="content")
        st.badge(state_words(search), icon=f":material/{icon}:", color=color)
        st.space("stretch")
        if search.at_work:
            if st.button(
                "Stop the search",
                icon=":material/stop_circle:",
                key="stop_search",
                disabled=search.status == "stopping",
                help="Stops the run under way at its next batch and keeps everything; both can be resumed.",
            ):
                _asked(searches.stop_search, search.name)
        elif search.resumable:
            if st.button("Resume", icon=":material/resume:", key="resume_search", help="Picks up the trial under way."):
                _asked(searches.resume_search, search.name)
        else:
            _more(search)
    run = search.config.run
    recipe = all_recipes().get(search.config.recipe)
    what = family(run.family).title if recipe is None else f"recipe “{recipe.title}”"
    st.caption(f"{plain(what)} on {plain(Path(run.data).name)}, compared by {metric_words(run.monitor)} on validation.")


def _more(search: SearchView) -> None:
    with st.popover("Go on with more trials", icon=":material/add:"):
        most = st.number_input(
            "Trials in all", len(search.ended) + 1, 1000, len(search.ended) + 10, key=f"more_trials_{search.name}"
        )
        if st.button("Go on", icon=":material/play_arrow:", key="more_trials"):
            _asked(searches.resume_search, search.name, trials=int(most))


def _asked(request, name: str, **how) -> None:
    try:
        request(name, **how)
    except SearchError as error:  # Another browser was quicker; the state below says what is so.
        st.toast(str(error), icon=":material/info:")
    else:
        st.rerun()


def _status_line(search: SearchView) -> None:
    if search.at_work:
        if search.progress is not None:
            show_progress(search.progress)
        else:
            st.progress(0.0, text="Starting …")
    elif search.status == "failed":
        st.error(
            plain(search.error or "The search failed without a word; its log may tell why."), icon=":material/error:"
        )
    elif search.status == "interrupted":
        st.warning(plain(search.error or "The search's process is gone."), icon=":material/power_off:")
    elif search.status == "stopped":
        st.info(
            f"Stopped after {count(len(search.ended), 'trial')} of {search.wanted}; Resume goes on from there.",
            icon=":material/pause_circle:",
        )


def _answer(search: SearchView) -> None:
    """The best trial, what it gained, and what its figure is worth."""
    best, first = search.best, search.baseline
    ended = search.ended
    with st.container(horizontal=True, gap="medium"):
        st.metric(
            f"Best {metric_words(search.config.run.monitor)}",
            figure(best.value) if best else "not yet",
            width="content",
        )
        if first is not None and first.value is not None:
            st.metric(
                "Settings as they were",
                figure(first.value),
                width="content",
                help="The first trial: what every trial begins from, unchanged. The gain is the distance from here.",
            )
        st.metric("Trials ended", f"{len(ended)} of {search.wanted}", width="content")
        st.metric("Given up early", str(sum(trial.state == "pruned" for trial in ended)), width="content")
        failed = sum(trial.state == "failed" for trial in ended)
        if failed:
            st.metric("Failed", str(failed), width="content")
        if search.progress is not None and search.progress.seconds_left:
            st.metric("Time left", duration(search.progress.seconds_left), width="content")
    if best is None:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Best so far: trial {best.number}**", width="content")
            st.space("stretch")
            if best.run:
                st.page_link(
                    "pages/4_Runs.py",
                    label="See its run",
                    icon=":material/leaderboard:",
                    query_params={"run": best.run},
                )
        _best_settings(search, best)
        st.caption(f":material/info: {searches.CAUTION}")
        with st.expander("Train with these settings", icon=":material/play_arrow:"):
            _train(search, best)


def _train(search: SearchView, best: Trial) -> None:
    """A run with the best settings: started here, or by a command."""
    config = searches.trial_config(search, best)
    st.caption(
        "Trials are kept short to try many; a run to keep may take more epochs. Its data are split as those of the trials."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        epochs = st.number_input(
            "Epochs", 1, 1000, config.epochs, key=f"best_epochs_{search.name}_{best.number}", width=180
        )
        pressed = st.button("Start the run", icon=":material/play_arrow:", key="train_best")
    if pressed:
        title = f"{search.name}, settings of trial {best.number}"
        start_and_watch(config.model_copy(update={"epochs": int(epochs), "title": title}))
    st.markdown("The same as a command, with the trials' epochs:")
    st.code(searches.train_command(search, best), language="bash", wrap_lines=True)


def _best_settings(search: SearchView, best: Trial) -> None:
    was = searches.begun_from(search)
    table = pd.DataFrame(
        {
            "Setting": [setting_words(key) for key in best.settings],
            "Best trial": [value_words(value) for value in best.settings.values()],
            "As it was": [value_words(was[key]) for key in best.settings],
        }
    )
    st.dataframe(table, hide_index=True, height="content", key="best_settings")


def _charts(search: SearchView) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Trials and the best so far**")
        show_live(history_chart(search), "search_history", "Validation figure of each trial, and the best so far")
    with right:
        st.markdown("**Validation over epochs**")
        show_live(curves_chart(search), "search_curves", "Validation figure over epochs, one line a trial")
    st.caption("A trial that was given up shows its best figure until then; the dotted lines are theirs.")
    st.markdown("**What mattered**")
    importance = search.importance
    if importance.shares:
        show_live(importance_chart(importance), "search_importance", "Share of the variance explained by each setting")
        few = " So few say little more than chance." if importance.trials < 10 * len(importance.shares) else ""
        st.caption(f"Functional ANOVA over {count(importance.trials, 'finished trial')}.{few}")
    elif importance.trials < searches.IMPORTANCE_FROM:
        st.caption(f"Told from {searches.IMPORTANCE_FROM} finished trials on; there are {importance.trials}.")
    else:
        st.caption(
            f"All {importance.trials} finished trials came to the same figure: nothing tells the settings apart. More epochs "
            "a trial, or wider ranges, may."
        )
    st.markdown("**Settings and figure, one line a trial**")
    if sum(trial.state in ("finished", "pruned") and trial.value is not None for trial in search.trials) < 2:
        st.caption("Drawn from two trials on.")
        return
    show_live(
        parallel_chart(search, search.config.dimensions),
        "search_parallel",
        "Parallel coordinates: each trial's settings and its figure",
    )
    st.caption("The better a trial, the redder its line. Drag along an axis to keep the trials in that range.")


def _table(search: SearchView) -> None:
    if not search.trials:
        return
    monitor = metric_words(search.config.run.monitor)
    column = f"{monitor[:1].upper()}{monitor[1:]}, validation"
    rows = [
        {
            "Trial": trial.number,
            "State": trial_word(trial),
            column: trial.value,
            "Epochs": len(trial.curve),
            **{setting_words(key): value_words(value) for key, value in trial.settings.items()},
            "Time": duration(trial.seconds) if trial.seconds else "",
            "Why": trial.why,
            "Run": trial.run or "",
        }
        for trial in reversed(search.trials)
    ]
    with st.expander(f"All trials ({len(rows)})", icon=":material/table_rows:"):
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            key="search_trials_table",
            column_config={column: st.column_config.NumberColumn(format="%.3f")},
        )
