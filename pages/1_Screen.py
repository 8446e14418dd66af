"""Screen: a photo in; what it may be, how sure that is, where the model looked, and when not to trust it."""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui.bundle_choice import choose_bundle
from pages.ui.errors import showing_errors
from pages.ui.screen.answer import show_answer, show_summary
from pages.ui.screen.choices import EXAMPLE_NAME, about_the_person, choose_pictures
from pages.ui.screen.clinic import ask_prevalence
from pages.ui.screen.explanation import show_explanation
from pages.ui.screen.model_card import show_model_card
from pages.ui.screen.results import Result, loaded, screen_all
from pages.ui.trust import ask_for_trust
from pages.ui.words import plain
from skin_core.services.screening import (
    Bundle,
    damaged_bundles,
    is_trusted,
    list_bundles,
    standing_warnings,
)


def main() -> None:
    """Draws the page."""
    page.start(
        "Screen a lesion",
        question="What may this lesion be, how sure is the model, and what now?",
    )
    with showing_errors():
        infos = list_bundles()
        if not infos:
            _nothing_installed()
            return
        # With a single model there is nothing to choose, and nothing is asked.
        info = infos[0] if len(infos) == 1 else choose_bundle(infos, "screen_bundle")
        if not is_trusted(info):
            ask_for_trust(info)
            return
        _screen(loaded(info))


def _screen(bundle: Bundle) -> None:
    info = bundle.info
    for warning in standing_warnings(info):
        st.markdown(f":material/warning: {plain(warning)}")
    pictures = choose_pictures()
    person = about_the_person(info)
    prevalence = ask_prevalence(info)
    results = screen_all(bundle, pictures, person)
    if len(results) > 1:
        show_summary(info, results, prevalence)
    _unusable(results)
    if usable := [result for result in results if result.prediction is not None]:
        _show(bundle, _pick(usable), prevalence)
    show_model_card(info)


def _pick(usable: list[Result]) -> Result:
    if len(usable) == 1:
        return usable[0]
    by_digest = {result.picture.digest: result for result in usable}
    chosen = st.selectbox(
        "Picture to look at",
        list(by_digest),
        format_func=lambda digest: plain(by_digest[digest].picture.name),
        key="screen_picked",
    )
    return by_digest[chosen]


def _show(bundle: Bundle, result: Result, prevalence: float | None) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(result.picture.name)}**")
        show_answer(bundle.info, result, prevalence)
        if result.picture.name == EXAMPLE_NAME and not result.prediction.in_distribution:
            st.caption("The example is drawn, and this model knows photos: it is right to refuse it.")
        page.disclaimer()
    if result.prediction.in_distribution:
        show_explanation(bundle, result)


def _unusable(results: list[Result]) -> None:
    for result in results:
        if result.prediction is None:
            st.error(f"**{plain(result.picture.name)}**: {plain(result.error)}", icon=":material/broken_image:")


def _nothing_installed() -> None:
    damaged = damaged_bundles()
    page.empty_state(
        "No model is installed yet. Train one on a synthetic set or on your own data, then publish the run: "
        "it appears here."
    )
    for sentence in damaged.values():
        st.error(plain(sentence), icon=":material/error:")
    with st.container(horizontal=True):
        if st.button("Train a model", key="empty_train", type="primary", icon=":material/model_training:"):
            st.switch_page("pages/3_Train.py")
        if st.button("Publish a run", key="empty_runs", icon=":material/leaderboard:"):
            st.switch_page("pages/4_Runs.py")


main()
