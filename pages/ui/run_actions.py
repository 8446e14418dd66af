"""Publishing a run: started here, run apart, watched."""

from __future__ import annotations

import streamlit as st

from pages.ui.errors import show_error
from pages.ui.jobs import running, show_job
from pages.ui.operating_rule import choose_rule
from pages.ui.run_start import start_and_watch
from pages.ui.views import choose_views
from pages.ui.words import plain
from skin_core.errors import BundleError
from skin_core.screening.bundle import check_name
from skin_core.screening.variant import ENGINES
from skin_core.services import background, judged
from skin_core.services.runs import RunView


def _instead(run: RunView) -> None:
    """What to do in place of publishing a cross-validated run."""
    st.info(
        f"A cross-validated run is {run.config.folds} networks that tell how good these settings are, none of them to use. "
        "Train one run with the same settings, evaluate it on the locked test split and publish that one.",
        icon=":material/info:",
    )
    if st.button("Train it with these settings", icon=":material/play_arrow:", key="train_final", disabled=run.at_work):
        start_and_watch(run.config.model_copy(update={"folds": 0}))


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
    if run.config.folds:
        _instead(run)
        return
    if not run.publishable:
        st.info(plain(run.why_not) if run.why_not else "This run cannot be published yet.", icon=":material/info:")
        return
    if run.at_work:
        st.info("Publish when the run has ended or was stopped.", icon=":material/hourglass_empty:")
        return
    st.markdown("A bundle holds all that screening needs: the network, its calibration, its operating point, its card.")
    rule = choose_rule(run)
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
        views = choose_views(f"views_{run.run_id}", judged.views_judged(run.run_id))
        without_test = False
        if "test" not in judged.available(run.run_id):
            st.caption(
                ":material/lock: Evaluate the run on its locked test split first. A run that has none can be published "
                "without; its card then says that nobody knows how good it is."
            )
            without_test = st.checkbox("Publish without a test", key=f"without_test_{run.run_id}")
        asked = st.form_submit_button("Publish", icon=":material/publish:", type="primary", key="publish_run")
    if asked:
        try:
            check_name(name.strip())
        except BundleError as error:
            show_error(error)
        else:
            from skin_core.services import publishing

            background.start(
                key,
                "Publishing",
                publishing.publish_run,
                run_id=run.run_id,
                name=name.strip(),
                engine=engine,
                views=views,
                without_test=without_test,
                rule=rule,
            )
            st.rerun()
    show_job(key)
