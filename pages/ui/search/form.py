"""The form of a search: what to train, which settings to try, and how many trials."""

from __future__ import annotations

import re

import streamlit as st

from pages.ui import dataset_store
from pages.ui.errors import show_error, showing_errors
from pages.ui.run_choice import Choice, choose_what
from pages.ui.run_form import CROSS_VALIDATION, run_form
from pages.ui.search.words import dimension_words, setting_words
from pages.ui.words import count, duration, plain
from skin_core.config import RunConfig
from skin_core.errors import ConfigError, SkinCoreError
from skin_core.services import estimates, searches
from skin_core.services.overview import Overview

_PRUNERS = {
    "median": "behind the median of the others",
    "hyperband": "in rounds, the better third goes on (Hyperband)",
    "none": "never",
}


def new_search() -> str | None:
    """Draws the form; returns the name of the search that it started, if it did."""
    choice = choose_what("search")
    if choice is None:
        return None
    try:
        manifest = dataset_store.manifest_at(choice.path)
        counts = dataset_store.counts_at(choice.path)
        risk_levels = dataset_store.changed_risk_levels(choice.path)
    except SkinCoreError as error:
        show_error(error)
        return None
    tried, stays = st.tabs(["What is tried", "What each trial begins from"])
    with stays:
        st.caption("The first trial takes these settings as they are, where the ranges hold them; the rest stays so.")
        try:
            # Trials are compared on one validation split: a search refuses folds.
            without = ("title", *CROSS_VALIDATION)
            run = run_form(
                choice.defaults, choice.family, manifest, risk_levels, key=f"search.{choice.key}", without=without
            )
        except ConfigError as error:
            show_error(error)
            return None
    with tried:
        space = _space(choice, run)
    trials, name, further = _how_many(run)
    if space is None:
        return None
    st.markdown(_in_words(run, counts, trials))
    trainable = len(counts.classes) >= 2
    if not trainable:
        st.caption("A classifier needs at least two classes: choose a set with more.")
    if st.button(
        "Start the search", icon=":material/play_arrow:", type="primary", key="start_search", disabled=not trainable
    ):
        with showing_errors():
            config = searches.propose(run, recipe=choice.recipe, space=space, **further)
            return searches.start_search(config, name=name, trials=trials)
    return None


def _space(choice: Choice, run: RunConfig) -> list[str] | None:
    """The declared space; None where it does not work, which is told."""
    known = searches.searchable()
    chosen = st.multiselect(
        "Settings to try",
        known,
        [key for key in searches.usual_space(run) if key in known],
        format_func=setting_words,
        key=f"space.{choice.key}",
        help="The more settings, the more trials are needed: as a rule of thumb ten for each.",
    )
    st.caption("Write a range as low:high, or low:high:log where it spans powers of ten; write values as a,b,c.")
    space, works = [], True
    for start in range(0, len(chosen), 3):
        for key, column in zip(chosen[start : start + 3], st.columns(3), strict=False):
            with column:
                raw = st.text_input(
                    setting_words(key),
                    choice.family.space.get(key, ""),
                    key=f"space.{choice.key}.{key}",
                    placeholder="low:high",
                )
                try:
                    st.caption(plain(dimension_words(searches.dimension(key, raw, run))))
                except ConfigError as error:
                    show_error(error)
                    works = False
            space.append(f"{key}={raw}")
    if not chosen:
        st.info("Choose at least one setting to try.", icon=":material/tune:")
        return None
    return space if works else None


def _how_many(run: RunConfig) -> tuple[int, str, dict]:
    left, middle, right = st.columns(3)
    with left:
        trials = st.number_input("Trials", 1, 1000, 20, key="search_trials", help="Each is a run of its own.")
    with middle:
        pruner = st.selectbox(
            "A trial is given up",
            list(_PRUNERS),
            format_func=_PRUNERS.__getitem__,
            key="search_pruner",
            help="Judged by its validation figure after each epoch; its run is stopped and kept.",
        )
    with right:
        name = st.text_input(
            "Name",
            key="search_name",
            placeholder="made of the time and the family",
            help="In lower-case letters, digits, - and _; what you type is brought to that.",
        )
    with st.expander("When a trial is given up, and the seed", icon=":material/tune:"):
        first, second, third = st.columns(3)
        startup = first.number_input("Trials before any is given up", 1, 1000, 5, key="search_startup")
        warmup = second.number_input(
            "Epochs before it may be given up", 1, 1000, min(3, run.epochs), key="search_warmup"
        )
        seed = third.number_input("Seed of what is tried", 0, 2**31 - 1, 42, key="search_seed")
    further = {"pruner": pruner, "startup_trials": int(startup), "warmup_epochs": int(warmup), "seed": int(seed)}
    return int(trials), re.sub(r"[^a-z0-9_-]+", "-", name.strip().lower()).strip("-"), further


def _in_words(run: RunConfig, counts: Overview, trials: int) -> str:
    size = estimates.estimate_run(config=run, n_images=counts.n_labelled, n_test=counts.prescribed.get("test", 0))
    words = (
        f"{count(trials, 'trial')} of up to {count(run.epochs, 'epoch')} on {count(size.n_train, 'training image')}."
    )
    if size.seconds is None:
        return f"{words} No earlier run of this family was made here to tell the time from; the first trial will."
    return (
        f"{words} At the pace of “{plain(size.like)}” that is about {duration(size.seconds)} a trial and "
        f"{duration(size.seconds * trials)} in all; trials given up make it shorter."
    )
