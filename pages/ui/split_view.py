"""How a run would split the set: counts by class, and what would be left out and why, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.ui import dataset_store
from pages.ui.audit_view import last_report
from pages.ui.picture_grid import picture
from pages.ui.words import count, plain
from skin_core.config import RunConfig
from skin_core.services import datasets

if TYPE_CHECKING:
    from skin_core.data.split import Split

_PAIRS_A_REASON = 6
_ROWS = 1000
_SPLITS = ("train", "validation", "test")


def split_view(path: str) -> None:
    """The settings of the split, folded to what matters, and what they give."""
    counts = dataset_store.counts_at(path)
    if len(counts.classes) == 0:
        st.info("This set has no labels, so there is nothing to split.", icon=":material/label_off:")
        return
    report = last_report(path)
    if report is None:
        st.warning(
            "This set was not audited yet: twins are not known, so this preview groups by lesion or patient only. "
            "A run audits the set before it splits.",
            icon=":material/info:",
        )
    fields = RunConfig.model_fields
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        validation = st.number_input(
            "Validation share",
            0.05,
            0.5,
            fields["validation_fraction"].default,
            step=0.05,
            key="split_validation",
            width=170,
        )
        test = st.number_input(
            "Test share",
            0.05,
            0.5,
            fields["test_fraction"].default,
            step=0.05,
            key="split_test",
            width=170,
            disabled="test" in counts.prescribed,
            help="A published test folder stays the test split.",
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, fields["seed"].default, key="split_seed", width=170)
        clean = st.toggle(
            "Cleaned split",
            fields["clean"].default,
            key="split_clean",
            help="Leaves out conflicts in training, and what leaks or conflicts in a published test folder.",
        )
    split = _split(path, datasets.stamp(path), validation, test, int(seed), clean, report is not None)
    _told(split, clean)
    _table(path, split)
    _excluded(path, split)
    st.caption(
        "Runs start from these settings on the Train page, under Rarely needed; the same seed gives the same split."
    )


@st.cache_resource(max_entries=8, show_spinner="Splitting …")
def _split(path: str, stamp: int, validation: float, test: float, seed: int, clean: bool, audited: bool) -> Split:
    return datasets.split_preview(
        manifest=dataset_store.manifest_at(path),
        report=last_report(path) if audited else None,
        seed=seed,
        validation_fraction=validation,
        test_fraction=test,
        clean=clean,
    )


def _told(split: Split, clean: bool) -> None:
    if len(split.leaks) and not clean:
        st.error(
            f"{count(len(split.leaks), 'group')} of pictures would lie on two sides of this split. A run refuses it; "
            "switch the cleaned split on, or allow leaks on the Train page, which is recorded with the run.",
            icon=":material/call_split:",
        )
    if split.notes:
        st.warning("  \n".join(plain(note) for note in split.notes), icon=":material/info:")


def _table(path: str, split: Split) -> None:
    labels = dataset_store.manifest_at(path).frame[["image_id", "label"]]
    joined = split.frame[["image_id", "split", "group"]].merge(labels, on="image_id", how="left")
    images = joined.groupby(["label", "split"], observed=True).size().unstack(fill_value=0)
    groups = joined.groupby("split", observed=True)["group"].nunique()
    names = [name for name in _SPLITS if name in images]
    images = images[names]
    images["all"] = images.sum(axis=1)
    total = images.sum().rename("all classes")
    lesions = pd.Series({**{name: int(groups[name]) for name in names}, "all": int(groups.sum())}, name="groups")
    table = pd.concat([images, total.to_frame().T, lesions.to_frame().T])
    table.index.name = "class"
    st.dataframe(
        table,
        height="content" if len(table) <= 25 else "auto",
        key="split_table",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in table},
    )
    st.caption("Groups are lesions or patients; those that share a twin are one, and each is on one side as a whole.")


def _excluded(path: str, split: Split) -> None:
    if not len(split.excluded):
        st.caption("Nothing would be left out.")
        return
    root = dataset_store.manifest_at(path).root
    st.subheader(f"Left out: {count(len(split.excluded), 'image')}", anchor=False)
    for reason, rows in split.excluded.groupby("reason", sort=False, observed=True):
        st.markdown(f"{plain(reason)} ({len(rows):,})")
        if rows["beside"].isna().all():
            st.dataframe(rows[["location", "label"]].head(_ROWS), hide_index=True, key=f"excluded_{reason}")
            continue
        with st.container(horizontal=True):
            for row in rows.head(_PAIRS_A_REASON).itertuples():
                with st.container(border=True, horizontal=True, width="content"):
                    picture(root, row.location, width=110, caption=f"left out: {row.location}", alt=str(row.label))
                    picture(root, row.beside, width=110, caption=f"because of: {row.beside}")
        if len(rows) > _PAIRS_A_REASON:
            with st.expander(f"All {len(rows):,}"):
                shown = rows[["location", "label", "beside"]].head(_ROWS)
                st.dataframe(shown, hide_index=True, key=f"excluded_{reason}")
