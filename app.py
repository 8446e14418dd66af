"""LesionLab's home page: what is ready, what it is for, and one click to each job."""

from __future__ import annotations

from pages.ui import page

# isort: split
import streamlit as st

from pages.ui.errors import showing_errors
from pages.ui.ready import Ready, whats_ready
from pages.ui.words import count, plain

RUNNING = ("preparing", "running", "stopping")


def main() -> None:
    """Draws the page."""
    page.start(
        "LesionLab",
        question="Screen a skin lesion with an explanation, explore a data set, train a classifier and judge it honestly.",
    )
    ready = Ready()
    with showing_errors():
        ready = whats_ready()
    _jobs(ready)
    _purpose()
    with showing_errors():
        _installed(ready)


def _jobs(ready: Ready) -> None:
    first, second = st.columns(2, gap="medium"), st.columns(2, gap="medium")
    with first[0]:
        _job(
            "Screen a lesion",
            "search_insights",
            "Drop a photo: the risk, how sure the model is, and where it looked.",
            _screen_state(ready),
            "Open Screen",
            "pages/1_Screen.py",
            primary=bool(ready.bundles),
        )
    with first[1]:
        _job(
            "Explore data",
            "photo_library",
            "Open a data set in its published layout and see what is wrong with it before you train.",
            _data_state(ready),
            "Open Data",
            "pages/2_Data.py",
            primary=not ready.bundles and not ready.demo_sets,
        )
    with second[0]:
        _job(
            "Train a model",
            "model_training",
            "Pick data and a model family, watch the curves as they come, stop and resume.",
            _train_state(ready),
            "Open Train",
            "pages/3_Train.py",
            primary=not ready.bundles and bool(ready.demo_sets),
        )
    with second[1]:
        _job(
            "Compare and publish runs",
            "leaderboard",
            "Each run with its best figures and its history; publish one to screen with it.",
            _runs_state(ready),
            "Open Runs",
            "pages/4_Runs.py",
        )


def _job(title: str, icon: str, what: str, state: str, button: str, target: str, *, primary: bool = False) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader(f":material/{icon}: {title}", anchor=False)
        st.markdown(what)
        st.caption(state)
        if st.button(
            button, key=f"go_{target}", type="primary" if primary else "secondary", icon=":material/arrow_forward:"
        ):
            st.switch_page(target)


def _screen_state(ready: Ready) -> str:
    if not ready.bundles:
        return ":material/hourglass_empty: No model is installed yet: train one and publish it."
    names = ", ".join(info.title for info in ready.bundles[:3])
    return f":material/check_circle: {count(len(ready.bundles), 'model')} ready: {plain(names)}"


def _data_state(ready: Ready) -> str:
    if not ready.demo_sets:
        return ":material/add_circle: A set of synthetic lesions is made in one click there."
    return f":material/check_circle: {count(len(ready.demo_sets), 'synthetic set')} ready to explore and train on"


def _train_state(ready: Ready) -> str:
    running = sum(run.status in RUNNING for run in ready.runs)
    if running:
        return f":material/play_circle: {count(running, 'run')} under way"
    return ":material/check_circle: Ready; each run goes on by itself when the browser is closed"


def _runs_state(ready: Ready) -> str:
    if not ready.runs:
        return ":material/hourglass_empty: No run yet: the first one is started on the Train page."
    finished = sum(run.status == "finished" for run in ready.runs)
    return f":material/check_circle: {count(len(ready.runs), 'run')}, {finished} finished"


def _purpose() -> None:
    st.subheader("What LesionLab is for, and what it is not for", anchor=False)
    good, bad = st.columns(2, gap="medium")
    with good:
        st.markdown(
            "**For**\n"
            "- research and teaching on dermoscopic and close-up images of skin lesions\n"
            "- finding leaks, twins and wrong labels in a data set before they flatter a model\n"
            "- training known recipes without their mistakes, and telling their figures with intervals\n"
            "- seeing what a model looked at, and when it should not be asked"
        )
    with bad:
        st.markdown(
            "**Not for**\n"
            "- diagnosis, triage or any decision about a patient: it is no medical device\n"
            "- photos of anything but one skin lesion; the model refuses what it does not know\n"
            "- a second opinion on a lesion that worries you: show it to a dermatologist"
        )
    st.caption(":material/lock: Images stay on this machine: nothing is sent out and no upload is kept.")


def _installed(ready: Ready) -> None:
    st.subheader("Models installed", anchor=False)
    if not ready.bundles:
        for sentence in ready.damaged:
            st.error(plain(sentence), icon=":material/error:")
        page.empty_state(
            "No model is installed yet. Make a set of synthetic lesions, train a small network on it and publish "
            "the run: it then appears here.",
        )
        if st.button("Make a synthetic set", key="empty_data", icon=":material/add_photo_alternate:"):
            st.switch_page("pages/2_Data.py")
        return
    from skin_core.services.screening import standing_warnings

    for info in ready.bundles:
        with st.container(border=True):
            st.markdown(f"**{plain(info.title)}**")
            titles = ", ".join(entry.title for entry in info.classes)
            st.caption(f"{count(len(info.classes), 'class', 'classes')}: {plain(titles)}")
            for warning in standing_warnings(info):
                st.caption(f":material/warning: {plain(warning)}")
    st.page_link("pages/5_Evaluate.py", label="Does a model work on your own pictures?", icon=":material/fact_check:")
    for sentence in ready.damaged:
        st.error(plain(sentence), icon=":material/error:")


main()
