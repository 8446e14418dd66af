"""The audit of a set: started here, run apart, its findings gone through as pictures side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pages.ui import dataset_store
from pages.ui.jobs import running, show_job
from pages.ui.picture_grid import picture
from pages.ui.words import count, plain
from skin_core.services import audits, background, datasets, findings, overview

if TYPE_CHECKING:
    from skin_core.data.audit import AuditReport

_A_PAGE = 6
_MOST_SIDE_BY_SIDE = 6


def audit_view(path: str) -> None:
    """The controls, and the findings of the last audit with the sets chosen."""
    against = _others(path)
    manifest = dataset_store.manifest_at(path)
    report = audits.last_audit(manifest=manifest, data=path, against=against)
    key = _key(path, against)
    if running(key):
        show_job(key)
        return
    if report is None:
        st.markdown(
            "The audit decodes every picture once and looks for what would make a figure dishonest: unreadable files, "
            "identical pictures and near-duplicates, identical pictures under two labels, and lesions on both sides "
            "of a published split. Its findings decide how the set is split."
        )
    if st.button(
        "Audit again" if report is not None else "Audit this set",
        icon=":material/fact_check:",
        type="secondary" if report is not None else "primary",
        key="audit_start",
    ):
        background.start(key, "Auditing", audits.audit_dataset, data=path, against=against)
        st.rerun()
    show_job(key)
    if report is not None:
        _report(path, report)


def last_report(path: str) -> AuditReport | None:
    """The findings on a set by itself, if it was ever audited."""
    return audits.last_audit(manifest=dataset_store.manifest_at(path), data=path)


def _others(path: str) -> list[str]:
    titles = datasets.titles_of(known for known in datasets.known_datasets() if known.path != path)
    if not titles:
        return []
    return st.multiselect(
        "Compare with other sets",
        list(titles),
        format_func=titles.__getitem__,
        key="audit_against",
        placeholder="None: this set by itself",
        help="Looks for the same pictures in sets that were opened before. Published sets overlap each other heavily.",
    )


def _report(path: str, report: AuditReport) -> None:
    manifest = dataset_store.manifest_at(path)
    kinds = {kind.key: kind for kind in findings.kinds(report=report, manifest=manifest)}
    found = [kind for kind in kinds.values() if kind.findings]
    if not found:
        st.success(
            f"{count(report.n_images, 'image')} looked at: no unreadable file, no twin, no conflict, no leak.",
            icon=":material/check_circle:",
        )
    with st.container(horizontal=True, gap="medium"):
        for kind in kinds.values():
            if kind.findings or kind.key in ("label_conflicts", "split_leaks", "unreadable"):
                st.metric(kind.title, f"{len(kind.findings):,}", width="content", help=kind.means)
    for sentence in _class_warnings(report):
        st.warning(plain(sentence), icon=":material/warning:")
    if not found:
        return
    chosen = st.segmented_control(
        "Show",
        [kind.key for kind in found],
        default=found[0].key,
        format_func=lambda key: f"{kinds[key].title} ({len(kinds[key].findings):,})",
        key=f"finding_kind_{_key(path, [])}",
        required=True,
    )
    kind = kinds.get(chosen, found[0])
    st.caption(kind.means)
    pages = -(-len(kind.findings) // _A_PAGE)
    page = st.pagination(pages, key=f"finding_page_{kind.key}") if pages > 1 else 1
    shown = kind.findings[(page - 1) * _A_PAGE : page * _A_PAGE]
    if kind.key == "unreadable":
        table = [{"File": finding.pictures[0].location, "Why": finding.says} for finding in kind.findings]
        st.dataframe(pd.DataFrame(table).head(1000), hide_index=True, key="unreadable")
        return
    locations = [picture.location for finding in shown for picture in finding.pictures if not picture.foreign]
    rows = overview.rows_at(manifest=manifest, locations=locations).set_index("location")
    for columns in _in_twos(shown):
        for column, finding in zip(st.columns(2), columns, strict=False):
            with column:
                _side_by_side(finding, rows)


def _side_by_side(finding: findings.Finding, rows: pd.DataFrame) -> None:
    with st.container(border=True):
        with st.container(horizontal=True):
            for shown in finding.pictures[:_MOST_SIDE_BY_SIDE]:
                picture(shown.root, shown.location, width=150, caption=_caption(shown, rows))
        left = len(finding.pictures) - _MOST_SIDE_BY_SIDE
        words = [finding.says] if finding.says else []
        if left > 0:
            words.append(f"and {count(left, 'more picture')}")
        if words:
            st.caption(plain(", ".join(words)))


def _caption(shown: findings.Picture, rows: pd.DataFrame) -> str:
    if shown.foreign:
        return f"{shown.root.name}: {shown.location}"
    told = [shown.location]
    if shown.location in rows.index:
        row = rows.loc[shown.location]
        told += [str(row[name]) for name in ("label", "split") if not pd.isna(row[name])]
        if not pd.isna(row["group_id"]):
            told.append(f"lesion {row['group_id']}")
    return " · ".join(told)


def _class_warnings(report: AuditReport) -> list[str]:
    told = []
    for classes, when in ((report.small_classes, ""), (report.small_if_cleaned, " once the conflicts are left out")):
        if classes and (not when or classes != report.small_classes):
            words = ", ".join(f"{label} ({n})" for label, n in classes.items())
            told.append(f"Fewer than 10 pictures{when}: {words}. Such a class can be neither learnt nor judged.")
    return told


def _in_twos(items: tuple) -> list[tuple]:
    return [items[start : start + 2] for start in range(0, len(items), 2)]


def _key(path: str, against: list[str]) -> str:
    return "audit " + "|".join([path, *sorted(against)])
