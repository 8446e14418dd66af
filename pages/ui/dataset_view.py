"""The head of an open data set and what it is composed of."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.ui import dataset_store
from pages.ui.dataset_figures import age_bars, class_pie, count_bars, size_points
from pages.ui.figures import show
from pages.ui.risk_levels import risk_panel
from pages.ui.words import count, plain
from skin_core.data.sources import all_sources
from skin_core.data.sources.synthetic import NOTE as SYNTHETIC_NOTE
from skin_core.services.overview import AGE_STEP

_EVERY_CLASS = "All classes"


def headline(path: str) -> None:
    """How much there is, and as what it was recognised."""
    manifest = dataset_store.manifest_at(path)
    counts = dataset_store.counts_at(path)
    sources = all_sources()
    title = sources[manifest.source].title if manifest.source in sources else manifest.source
    with st.container(horizontal=True, gap="medium"):
        st.metric("Images", f"{counts.n_images:,}", width="content")
        st.metric("Classes", f"{len(counts.classes):,}", width="content")
        st.metric(
            "Lesions or patients",
            f"{counts.n_groups:,}" if counts.n_groups else "not told",
            width="content",
            help="Pictures of one lesion or patient never stand on two sides of a split.",
        )
        if len(counts.classes):
            st.metric("Images in the smallest class", f"{counts.smallest_class:,}", width="content")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(f"Recognised as {title}", icon=":material/check:", color="green")
        if counts.synthetic:
            st.badge("Synthetic: drawn lesions, no patient", icon=":material/draw:", color="orange")
        st.caption(plain("/".join(Path(path).parts[-2:])), width="content", help=plain(path))
        st.space("stretch")
        if st.button("Read again", icon=":material/refresh:", type="tertiary", key="read_again"):
            dataset_store.read_again()
            st.rerun()
    if counts.prescribed:
        words = ", ".join(f"{n:,} {name}" for name, n in counts.prescribed.items())
        st.caption(f"The set prescribes a split: {words}.")
    for note in manifest.notes:
        if note != SYNTHETIC_NOTE:  # The badge says it.
            st.warning(plain(note), icon=":material/info:")


def composition(path: str) -> None:
    """Classes, risk levels, ages, sexes, sites, sizes and what is missing."""
    counts = dataset_store.counts_at(path)
    left, right = st.columns([5, 6], gap="large")
    with left:
        st.subheader("Classes", anchor=False)
        if counts.classes.empty:
            st.info("This set has no labels; it can be predicted on, not trained on.", icon=":material/label_off:")
        else:
            show(class_pie(counts.classes), key="class_pie")
    with right:
        st.subheader("Risk levels", anchor=False)
        if not counts.classes.empty:
            risk_panel(path)
    st.subheader("People and places", anchor=False)
    _people(path)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Image sizes", anchor=False)
        _sizes(path)
    with right:
        st.subheader("What the set does not tell", anchor=False)
        _missing(path)


def _people(path: str) -> None:
    counts = dataset_store.counts_at(path)
    labels = counts.classes["class"].tolist()
    chosen = _EVERY_CLASS
    if labels:
        titles = dict(zip(counts.classes["class"], counts.classes["title"], strict=True))
        chosen = st.selectbox(
            "Of which class",
            [_EVERY_CLASS, *labels],
            format_func=lambda label: titles.get(label, label),
            key="people_class",
            width=320,
        )
    ages, sexes, sites = (
        table if chosen == _EVERY_CLASS else table[table["label"] == chosen]
        for table in (counts.ages, counts.sexes, counts.sites)
    )
    age, sex, site = st.columns([4, 3, 4], gap="medium")
    with age:
        if ages.empty:
            st.caption("No age is told.")
        else:
            show(age_bars(ages, AGE_STEP), key="ages")
    with sex:
        show(count_bars(sexes, "sex", "Sex"), key="sexes")
    with site:
        show(count_bars(sites, "site", "Site of the body"), key="sites")


def _sizes(path: str) -> None:
    sizes = dataset_store.sizes_at(path)
    n = int(sizes["n"].sum())
    if not n:
        st.caption("None of the sampled images could be read; the audit names the files.")
    elif len(sizes) == 1:
        first = sizes.iloc[0]
        st.markdown(f"All of {count(n, 'sampled image')} are {first['width']} × {first['height']} pixels.")
    else:
        show(size_points(sizes), key="sizes")
        first = sizes.iloc[0]
        st.caption(
            f"{count(n, 'image')} taken at random, {len(sizes)} sizes; most often {first['width']} × {first['height']} "
            f"pixels ({count(int(first['n']), 'image')})."
        )


def _missing(path: str) -> None:
    counts = dataset_store.counts_at(path)
    words = {"group_id": "lesion or patient", "risk_level": "risk level"}
    table = counts.missing.assign(column=counts.missing["column"].map(lambda name: words.get(name, name)))
    table.columns = ["What", "Images without", "Share"]
    st.dataframe(
        table,
        hide_index=True,
        key="missing",
        column_config={
            "What": st.column_config.TextColumn(width=120),
            "Share": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1),
            "Images without": st.column_config.NumberColumn(format="localized"),
        },
    )
