"""The pictures that an ensemble may be fitted to and judged on: those that none of its members was trained on.

What the members' runs have in common: a picture counts as validation where it lies in the validation split of every
run, by its pixels, and neither it nor a twin nor its lesion in any run's training. The test split likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skin_core.errors import BundleError, DataSourceError, LeakError, RunError
from skin_core.progress import Progress, ProgressCallback
from skin_core.screening.draft import groups_of
from skin_core.screening.record import BundleInfo
from skin_core.screening.seen import with_hashed_groups
from skin_core.screening.truth import group_word, map_classes
from skin_core.training.folder import RunFolder
from skin_core.training.prepare import Prepared, load_prepared

if TYPE_CHECKING:
    from skin_core.data.audit import Signatures
    from skin_core.data.manifest import Manifest

# Of the smallest validation split of a member: with less in common the runs were split differently, and what is left is
# no sample of anything.
SHARED = 0.5


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures, by their row in a manifest.

    Attributes:
        manifest: N pictures.
        rows: int, those to fit to, or to judge on.
        beside: int, those to learn from what pictures look like; for the gate.
        labels: int (N,), column of each label.
        groups: object (N,), lesion, patient or twins. word: what a group is, in the plural.
        seed: of resamples.
        told: which pictures ``rows`` are, a sentence.
    """

    manifest: Manifest
    rows: np.ndarray
    beside: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    word: str
    seed: int
    told: str


@dataclass(frozen=True)
class _Run:
    name: str
    folder: RunFolder
    prepared: Prepared

    @property
    def trained(self) -> Signatures:
        from skin_core.data.audit import Signatures

        return Signatures.load(self.folder.signatures)

    @property
    def validation(self) -> Signatures:
        from skin_core.data.audit import Signatures

        return Signatures.load(self.folder.signatures_validation)

    def test(self, progress: ProgressCallback) -> Signatures:
        from skin_core.data.audit import signatures

        manifest = self.prepared.manifest
        return signatures(manifest.with_frame(manifest.frame.iloc[self.prepared.rows("test")]), progress=progress)


def common_validation(members: Sequence[BundleInfo], progress: ProgressCallback) -> Pictures:
    """The validation pictures of the members' runs that none of them was trained on.

    Raises:
        BundleError: if a run is not here, or is not the one that its bundle was published from.
        LeakError: if less than `SHARED` of a validation split is left.
    """
    from skin_core.data.audit import seen_pictures

    instead = "or give a labelled set of which no member has seen a picture (--data on the command line)"
    runs = _fullest_first([_run(info.name, info.run_id, info.data.fingerprint, instead) for info in members])
    base = runs[0]
    progress(Progress("Looking for pictures that no member was trained on", 0, 0))
    validation = [run.validation for run in runs]
    shared = validation[0].subset(_in_all(validation))
    for run in runs:
        seen = seen_pictures(run.trained, shared, progress=progress).image_ids
        shared = shared.subset(set(shared.image_ids) - seen)
    smallest = min(len(prints) for prints in validation)
    if len(shared) < SHARED * smallest:
        raise LeakError(
            f"The members have only {len(shared)} validation pictures in common that none of them was trained on (the smallest validation split has {smallest}), so the ensemble cannot be calibrated; train them on the same data with the same seed and fractions."
        )
    told = f"the {len(shared):,} pictures that every member's run had in its validation split and none was trained on"
    trained = _in_all([run.trained for run in runs])
    return _pictures(base, shared.image_ids, told, beside=_rows_of(base, trained, "train"))


def common_test(name: str, info: BundleInfo, seen: Signatures, progress: ProgressCallback) -> tuple[Pictures, int]:
    """The pictures of the locked test split of every member's run.

    Args:
        name: of the ensemble. info: its record.
        seen: what its members were made with, as a bundle carries it.
        progress: told what is done.

    Returns:
        The pictures, and how many of the test split were left out because a member has seen them.

    Raises:
        BundleError, RunError, LeakError: one sentence on what is missing.
    """
    from skin_core.data.audit import seen_pictures

    instead = "or judge the ensemble with evaluate-bundle on a set that no member has seen"
    runs = _fullest_first([_run(member.name, member.run_id, None, instead) for member in info.ensemble.members])
    without = [run.name for run in runs if not len(run.prepared.rows("test"))]
    if without:
        raise RunError(
            f"The run of {', '.join(without)} has no test split, so '{name}' has none in common; judge it with evaluate-bundle on another set."
        )
    tests = [run.test(progress) for run in runs]
    shared = tests[0].subset(_in_all(tests))
    if not len(shared):
        raise RunError(
            f"The test splits of the members of '{name}' have no picture in common; judge it with evaluate-bundle on another set."
        )
    known = seen_pictures(seen, with_hashed_groups(shared), progress=progress).image_ids
    kept = shared.subset(set(shared.image_ids) - known)
    if not len(kept):
        raise LeakError(f"A member of '{name}' was trained on every picture of the common test split; split anew.")
    told = f"the {len(kept):,} pictures that lie in the locked test split of every member's run"
    return _pictures(runs[0], kept.image_ids, told), len(shared) - len(kept)


def given_pictures(
    members: Sequence[BundleInfo], seen: Signatures, data: str | Path, progress: ProgressCallback
) -> Pictures:
    """A labelled set of which no member has seen a picture.

    A set that a member has seen a picture of is refused: the rest may be the member's locked test split.

    Raises:
        DataSourceError: if the set cannot be read, or its labels say too little.
        LeakError: if a member has seen a picture of it.
    """
    from skin_core.data.audit import seen_pictures, signatures
    from skin_core.data.sources import read_manifest

    progress(Progress("Reading the data set", 0, 0))
    manifest = read_manifest(data)
    prints = with_hashed_groups(signatures(manifest, progress=progress))
    progress(Progress("Looking for pictures that a member was made with", 0, 0))
    known = seen_pictures(seen, prints, progress=progress)
    if known.pictures:
        raise LeakError(
            f"A member was made with {len(known.pictures)} of the {len(manifest)} pictures of {manifest.root.name}, so the others may be its locked test pictures; give a set that no member has seen anything of."
        )
    frame = manifest.frame
    columns = map_classes(members[0], set(frame["label"].dropna())).column
    # A lesion of a known name may be the known lesion, or another clinic's with the same number: it stays out.
    usable = frame["label"].isin(list(columns)) & ~frame["image_id"].isin({*prints.failed, *known.lesions})
    manifest = manifest.with_frame(frame[usable])
    frame = manifest.frame
    if frame["label"].map(columns).nunique() < 2:
        raise DataSourceError(
            f"Calibrating needs pictures of at least two of the members' classes ({', '.join(members[0].class_names)}); {manifest.root.name} has {', '.join(sorted(columns)) or 'none of them'}."
        )
    groups = frame["group_id"].fillna("image " + frame["image_id"]).to_numpy(dtype=object)
    half = _half_of(groups)
    return Pictures(
        manifest,
        rows=np.arange(len(frame)),
        beside=np.flatnonzero(half),
        labels=frame["label"].map(columns).to_numpy(dtype=np.int64),
        groups=groups,
        word=group_word(manifest, otherwise="pictures"),
        seed=0,
        told=f"the {len(frame):,} pictures of {manifest.root.name}, of which no member has seen any",
    )


def _run(name: str, run_id: str, fingerprint: str | None, instead: str) -> _Run:
    try:
        folder = RunFolder.of(run_id)
        prepared = load_prepared(folder)
    except (RunError, DataSourceError):
        raise BundleError(
            f"The run that '{name}' was published from is not in this workspace, so nobody here knows which pictures it was not trained on; bring the run's folder, {instead}."
        ) from None
    if fingerprint is not None and prepared.fingerprint != fingerprint:
        raise BundleError(
            f"Bundle '{name}' was made from other data than run {run_id} holds; publish the run again, then make the ensemble."
        )
    return _Run(name, folder, prepared)


def _fullest_first(runs: Sequence[_Run]) -> list[_Run]:
    """The run whose manifest holds the columns beside the picture first: pictures are taken from there."""
    return sorted(runs, key=lambda run: run.prepared.tabular is None)


def _in_all(prints: Sequence[Signatures]) -> set[str]:
    """Image ids of the first, of pictures that all hold, by pixels."""
    others = [{digest.tobytes() for digest in each.digests} for each in prints[1:]]
    return {
        image_id
        for image_id, digest in zip(prints[0].image_ids, prints[0].digests, strict=True)
        if all(digest.tobytes() in other for other in others)
    }


def _rows_of(run: _Run, image_ids: set[str] | frozenset[str], split: str) -> np.ndarray:
    rows = run.prepared.rows(split)
    return rows[run.prepared.manifest.frame["image_id"].iloc[rows].isin(image_ids).to_numpy(dtype=bool)]


def _pictures(run: _Run, image_ids: Sequence[str], told: str, beside: np.ndarray | None = None) -> Pictures:
    prepared = run.prepared
    rows = np.flatnonzero(prepared.manifest.frame["image_id"].isin(set(image_ids)).to_numpy(dtype=bool))
    return Pictures(
        prepared.manifest,
        rows=rows,
        beside=np.zeros(0, np.int64) if beside is None else beside,
        labels=prepared.labels,
        groups=groups_of(run.folder, prepared),
        word=group_word(prepared.manifest),
        seed=run.folder.read_config().seed,
        told=told,
    )


def _half_of(groups: np.ndarray) -> np.ndarray:
    """Bool (N,): half of the groups, drawn with a fixed seed."""
    names = np.unique(groups.astype(str))
    chosen = np.random.default_rng(0).permutation(len(names))[: len(names) // 2]
    return np.isin(groups.astype(str), names[chosen])
