"""Searches for better settings, for pages and the command line. Imports neither Optuna nor TensorFlow.

A search sees validation alone; what it finds best was chosen by validation, so that figure flatters (see `CAUTION`).
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence

from skin_core.config import RunConfig
from skin_core.errors import ConfigError, SearchError
from skin_core.models.registry import family
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.search import store
from skin_core.search.config import SearchConfig
from skin_core.search.folder import IMPORTANCE_FROM, Importance, SearchFolder, Trial
from skin_core.search.space import Dimension, declared, default_space, dimensions, searchable, setting, with_settings
from skin_core.search.store import SearchView
from skin_core.training import worked

__all__ = ["CAUTION", "IMPORTANCE_FROM", "Dimension", "Importance", "SearchView", "Trial", "searchable"]

POLL_SECONDS = 0.3

CAUTION = (
    "The best trial's validation figure is flattered: it was chosen as the best of many on the same pictures. "
    "The test split was not touched by any of them; evaluate the one run that you choose on it, once."
)


def usual_space(run: RunConfig) -> dict[str, str]:
    """What a search of a run's family tries where nobody says otherwise, as far as the run's settings allow it."""
    return default_space(family(run.family).space, run)


def propose(
    run: RunConfig,
    *,
    recipe: str = "",
    space: Sequence[str] = (),
    fixed: Sequence[str] = (),
    **settings: object,
) -> SearchConfig:
    """Puts a search together and checks it, without making it.

    Args:
        run: what each trial begins from.
        recipe: the recipe that it comes from; empty for none.
        space: ``key=low:high``, ``key=low:high:log`` or ``key=a,b,c``; empty takes the family's own space.
        fixed: names of the settings that were set by hand: the family's own space leaves them alone.
        settings: further fields of `SearchConfig` (pruner, startup_trials, ...).

    Raises:
        ConfigError: one sentence, for what does not work.
    """
    tried = declared(space) if space else default_space(family(run.family).space, run, fixed)
    for key in fixed:
        if key in tried or key in {name.split(".")[0] for name in tried}:
            raise ConfigError(f"'{key}' is both set and searched; leave it out of --set or of --space.")
    return SearchConfig.parse({"run": run.model_dump(), "recipe": recipe, "space": tried, **settings})


def dimension(key: str, raw: str, run: RunConfig) -> Dimension:
    """One setting's declaration, read and checked on the settings that the trials begin from.

    Raises:
        ConfigError: one sentence, for what does not work.
    """
    (found,) = dimensions({key: raw}, run)
    return found


def create_search(config: SearchConfig, *, name: str = "", trials: int = 20) -> str:
    """Makes a search, without starting it.

    Args:
        config: see `propose`.
        name: empty for one made of the time and the family.
        trials: how many, those given up or failed included.

    Returns:
        Its name.

    Raises:
        SearchError: if the name cannot be one or is taken.
        ConfigError, DataSourceError, RunError: if its runs could not be made.
    """
    return store.create(name, config, trials)


def start_search(config: SearchConfig, *, name: str = "", trials: int = 20) -> str:
    """Makes a search and starts its process, which outlives the caller.

    Returns:
        Its name.

    Raises:
        SearchError, ConfigError, DataSourceError, RunError: see `create_search`.
    """
    made = create_search(config, name=name, trials=trials)
    store.start(made)
    return made


def stop_search(name: str) -> None:
    """Asks a search to stop, with the run of its trial; both can be taken up again.

    Raises:
        SearchError: if there is no such search or it is not at work.
    """
    store.stop(name)


def resume_search(name: str, *, trials: int | None = None) -> None:
    """Goes on with a search; a trial left under way is picked up where its run is.

    Args:
        name: of the search.
        trials: a new number of trials in all; a finished search goes on with more.

    Raises:
        SearchError: if there is no such search, it is at work, or it has had its trials.
    """
    store.start(name, trials)


def get_search(name: str) -> SearchView:
    """A search as it is now.

    Raises:
        SearchError: if there is no such search.
    """
    return store.view(name)


def list_searches() -> list[SearchView]:
    """Every search, the newest first."""
    return store.views()


def search_in_foreground(
    name: str,
    progress: ProgressCallback = ignore_progress,
    on_trial: Callable[[Trial, SearchView], None] = lambda trial, search: None,
    *,
    trials: int | None = None,
) -> SearchView:
    """Starts or resumes a search and waits for its end.

    The work is done by the same process as ever. Ctrl-C asks it to stop and waits for that.

    Args:
        name: of the search.
        progress: told how far it is.
        on_trial: told each trial as it ends.
        trials: see `resume_search`.

    Raises:
        SearchError: if it cannot be started, or its process was killed.
        KeyboardInterrupt: after it has stopped on Ctrl-C.
    """
    told = len(store.view(name).ended)
    store.start(name, trials)
    try:
        view = _follow(name, progress, on_trial, told)
    except KeyboardInterrupt:
        if store.view(name).at_work:
            store.stop(name)
            _follow(name, progress, on_trial, len(store.view(name).ended))
        raise
    if view.status == "interrupted":
        raise SearchError(f"The process of search {name} was killed; resume it to go on.")
    return view


def log_tail(name: str, lines: int = 40) -> str:
    """The last lines of a search's log.

    Raises:
        SearchError: if there is no such search.
    """
    return worked.log_tail(SearchFolder.of(name).log, lines)


def trial_config(search: SearchView, trial: Trial) -> RunConfig:
    """The configuration that a trial's run was made with, but for its title."""
    return with_settings(search.config.run, trial.settings)


def begun_from(search: SearchView) -> dict[str, object]:
    """The value of each searched setting that the trials begin from."""
    return {key: setting(search.config.run, key) for key in search.config.space}


def train_command(search: SearchView, trial: Trial) -> str:
    """The command that trains with a trial's settings, ready for a shell."""
    config, origin = trial_config(search, trial), search.config.origin
    what = ["--recipe", search.config.recipe] if search.config.recipe else ["--family", config.family]
    parts = ["python", "-m", "skin_core", "train", config.data, *what]
    for key, value in _differences(config.model_dump(mode="json"), origin.model_dump(mode="json")).items():
        parts += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    return shlex.join(parts)


def _differences(values: Mapping, other: Mapping, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in values.items():
        if prefix + key in ("data", "family", "title"):
            continue
        if key == "augmentation" and isinstance(value, Mapping):
            found |= _differences(value, other[key], f"{key}.")
        elif value != other[key]:
            found[prefix + key] = value
    return found


def _follow(
    name: str, progress: ProgressCallback, on_trial: Callable[[Trial, SearchView], None], told: int
) -> SearchView:
    last = None
    while True:
        view = store.view(name)
        for trial in view.ended[told:]:
            on_trial(trial, view)
        told = max(told, len(view.ended))
        if view.progress is not None and view.progress != last:
            last = view.progress
            progress(last)
        if not view.at_work:
            return view
        time.sleep(POLL_SECONDS)
