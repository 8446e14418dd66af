"""Judging a run on its locked test split, and publishing it: started here, run apart, watched."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.errors import show_error
from pages.ui.jobs import running, show_job
from pages.ui.run_status import metric_words
from pages.ui.words import plain, with_interval
from skin_core.errors import BundleError
from skin_core.screening.bundle import check_name
from skin_core.screening.variant import ENGINES
from skin_core.services import background, results
from skin_core.services.runs import RunView


def evaluation(run: RunView) -> None:
    """The figures on the locked test split, or the button that unlocks it once."""
    st.markdown("**Locked test split**")
    key = f"evaluate {run.run_id}"
    found = results.evaluation_of(run.run_id)
    if running(key):
        show_job(key)
        return
    if found is not None:
        _figures(found)
        if found.get("best_epoch") == run.best_epoch:
            return
        st.caption("The run was trained further since then; a new look is recorded as one more.")
    st.markdown(
        "The test split was never read by training, by early stopping or by the choice of the threshold. Reading it is "
        "done once, when every choice is made, and is recorded: a second look would turn it into another validation split."
    )
    show_job(key)
    if st.button(
        "Evaluate on the locked test split",
        icon=":material/lock_open:",
        key="evaluate_run",
        disabled=run.best_epoch is None or run.at_work,
    ):
        from skin_core.services import publishing

        background.start(key, "Evaluating", publishing.evaluate_run, run_id=run.run_id)
        st.rerun()


def publication(run: RunView) -> None:
    """The name, and the button that makes a bundle of the run."""
    st.markdown("**Publish**")
    key = f"publish {run.run_id}"
    if run.bundles:
        st.success(f"Published as {', '.join(run.bundles)}.", icon=":material/check_circle:")
        st.page_link("pages/1_Screen.py", label="Screen with it", icon=":material/search_insights:")
    if running(key):
        show_job(key)
        return
    if not run.publishable:
        st.info(plain(run.why_not) if run.why_not else "This run cannot be published yet.", icon=":material/info:")
        return
    if run.at_work:
        st.info("Publish when the run has ended or was stopped.", icon=":material/hourglass_empty:")
        return
    st.markdown("A bundle holds all that screening needs: the network, its calibration, its operating point, its card.")
    with st.form("publish", border=False):
        name = st.text_input(
            "Name of the bundle",
            key=f"bundle_name_{run.run_id}",
            placeholder="clinic-2026",
            help="Lower-case letters, digits, - and _.",
        )
        engine = st.selectbox(
            "Engine",
            list(ENGINES),
            format_func=lambda kind: f"{kind}: {ENGINES[kind]}",
            key=f"engine_{run.run_id}",
            help="A smaller engine loads and runs faster and decides a little differently; the bundle's card tells how "
            "much balanced accuracy and AUC it loses on validation.",
        )
        asked = st.form_submit_button("Publish", icon=":material/publish:", type="primary", key="publish_run")
    if asked:
        try:
            check_name(name.strip())
        except BundleError as error:
            show_error(error)
        else:
            from skin_core.services import publishing

            background.start(
                key, "Publishing", publishing.publish_run, run_id=run.run_id, name=name.strip(), engine=engine
            )
            st.rerun()
    show_job(key)


def _figures(found: dict) -> None:
    table = pd.DataFrame(
        [
            {"Figure": metric_words(name), "Value (95 % interval)": with_interval(value)}
            for name, value in found.get("metrics", {}).items()
        ]
    )
    st.caption(f"{found.get('n', 0):,} images; intervals by drawing lesions anew.")
    st.dataframe(table, hide_index=True, key="test_figures")
    for note in found.get("notes", []):
        st.caption(f":material/info: {plain(note)}")
