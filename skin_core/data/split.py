"""Train, validation and test: grouped by lesion, patient and twins, stratified, and the same on every machine.

The order of groups comes from sha256 of the seed and the group's smallest image id, and groups are dealt out by
quotas: no random generator, no order of files, no library's version decides who is tested.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from skin_core.data.audit.report import SMALL_CLASS, AuditReport
from skin_core.data.manifest import SPLITS, Manifest
from skin_core.data.partition import NONE, Partition
from skin_core.errors import DataSourceError, LeakError
from skin_core.paths import write_text

EXCLUDED_COLUMNS = ("image_id", "location", "label", "reason", "beside")


@dataclass(frozen=True)
class Split:
    """Who is trained on, who validates, who tests.

    Attributes:
        frame: one row a picture that is used: ``image_id``, ``split`` (train, validation, test), ``group`` (smallest
            image id among those that must stay together), in the manifest's order.
        excluded: one row a picture that is not used: ``image_id``, ``location``, ``label``, ``reason`` (a sentence),
            ``beside`` (location of the picture that it is excluded because of, or NA).
        leaks: groups of locations that lie on more than one side as the data set prescribes them (after conflicts
            were left out). Where the split was cleaned they no longer do; where a leak was allowed they still do.
        leaking: whether leaks were let through.
        summary: one row a class: images in train, validation, test, and excluded.
        notes: sentences for the reader.
    """

    frame: pd.DataFrame
    excluded: pd.DataFrame
    leaks: tuple[tuple[str, ...], ...]
    leaking: bool
    summary: pd.DataFrame
    notes: tuple[str, ...] = ()

    def ids(self, side: str) -> list[str]:
        """Image ids of one side, in the manifest's order."""
        return self.frame.loc[self.frame["split"] == side, "image_id"].tolist()

    def save(self, folder: Path) -> None:
        """Writes ``split.csv``, ``excluded.csv`` and ``split.json`` into a folder.

        Raises:
            WorkspaceError: if it cannot be written.
        """
        folder = Path(folder)
        write_text(folder / "split.csv", self.frame.to_csv(index=False))
        write_text(folder / "excluded.csv", self.excluded.to_csv(index=False))
        facts = {
            "leaks": self.leaks,
            "leaking": self.leaking,
            "notes": self.notes,
            "summary": json.loads(self.summary.to_json(orient="index")),
        }
        write_text(folder / "split.json", json.dumps(facts, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Split:
        """Reads what `save` wrote.

        Raises:
            DataSourceError: if a file is missing or damaged.
        """
        folder = Path(folder)
        try:
            frame = pd.read_csv(folder / "split.csv", dtype="string", keep_default_na=False)
            excluded = pd.read_csv(folder / "excluded.csv", dtype="string", keep_default_na=False, na_values=[""])
            facts = json.loads((folder / "split.json").read_text(encoding="utf-8"))
            summary = pd.DataFrame.from_dict(facts["summary"], orient="index")
            leaks = tuple(tuple(group) for group in facts["leaks"])
            return cls(frame, excluded, leaks, facts["leaking"], summary, tuple(facts["notes"]))
        except (OSError, ValueError, KeyError, pd.errors.ParserError) as error:
            raise DataSourceError(f"The split in {folder} cannot be read; make it again.") from error


def make_split(
    manifest: Manifest,
    report: AuditReport | None,
    *,
    seed: int = 42,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.15,
    clean: bool = True,
    allow_leaks: bool = False,
    max_images: int = 0,
) -> Split:
    """Splits a set. Lesions, patients and twins stay on one side.

    A side that the data set prescribes stays what it is; sides that it lacks are taken from its training pictures (or
    from those without a side), the fraction being a share of those.

    Args:
        manifest: the set. Pictures without a label are left out.
        report: its audit, for twins, conflicts and unreadable files; None knows groups only.
        seed: who falls on which side.
        validation_fraction: share of each class for validation, 0 to 1.
        test_fraction: share of each class for the test.
        clean: leave out pictures that lie under two labels, and of groups that the prescribed split tears apart the
            members outside training.
        allow_leaks: keep a prescribed split that leaks (matters only without ``clean``).
        max_images: keep about so many images, whole groups, of each class and side its share; 0 keeps all.

    Raises:
        LeakError: if the prescribed split leaks, and neither ``clean`` nor ``allow_leaks`` is set.
        ValueError: if the fractions leave nothing to train on.
    """
    if min(validation_fraction, test_fraction) < 0 or validation_fraction + test_fraction >= 1:
        raise ValueError(
            f"validation_fraction and test_fraction must be in [0, 1) and leave something to train on; "
            f"got {validation_fraction} and {test_fraction}"
        )
    work = Partition(manifest, report)
    work.drop_unusable()
    if clean:
        work.drop_conflicts()
    leaks = work.torn_groups()
    if leaks and clean:
        work.drop_leaks(leaks)
    elif leaks and not allow_leaks:
        raise LeakError(
            f"The split of the data set leaks: {_n(leaks, 'group')} of pictures that belong together on more than one "
            f"side (such as {' and '.join(_across_sides(work, leaks[0]))}); set clean to leave them out, or "
            "allow_leaks to train all the same."
        )
    sides = work.assigned(seed, validation_fraction, test_fraction)
    if clean:
        sides = work.drop_untrained_classes(sides)
    notes = [*_class_notes(work, sides), *(_leak_notes(leaks, clean))]
    before = int((sides != NONE).sum())
    if max_images and max_images < before:
        sides = work.thin(sides, max_images, seed)
        after = int((sides != NONE).sum())
        notes.append(f"{after} of {before} images are used, of each class and side its share (max_images).")
    torn = tuple(tuple(work.location[group]) for group in leaks)
    frame, excluded, summary = _used(work, sides), _excluded(work), _summary(work, sides)
    return Split(frame, excluded, torn, bool(leaks) and not clean, summary, tuple(notes))


def _used(work: Partition, sides: np.ndarray) -> pd.DataFrame:
    used = sides != NONE
    columns = {
        "image_id": work.image_id[used],
        "split": np.array(SPLITS, dtype=object)[sides[used]],
        "group": work.keys(sides)[used],
    }
    return pd.DataFrame(columns, dtype="string")


def _excluded(work: Partition) -> pd.DataFrame:
    gone = sorted(work.reasons)
    named = np.array([*work.labels, None], dtype=object)  # NONE is the last.
    columns = {
        "image_id": work.image_id[gone],
        "location": work.location[gone],
        "label": named[work.label[gone]],
        "reason": [work.reasons[position][0] for position in gone],
        "beside": [None if other is None else work.location[other] for _, other in map(work.reasons.get, gone)],
    }
    return pd.DataFrame(columns, columns=list(EXCLUDED_COLUMNS), dtype="string")


def _summary(work: Partition, sides: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(work.counted(sides), index=work.labels, columns=[*SPLITS, "excluded"])


def _class_notes(work: Partition, sides: np.ndarray) -> list[str]:
    """Sentences on classes that are nearly gone, or missing on a side."""
    few, missing = [], {side: [] for side in SPLITS}
    for label, (*used, dropped) in zip(work.labels, work.counted(sides).tolist(), strict=True):
        on = dict(zip(SPLITS, used, strict=True))
        learnt = on["train"] + on["validation"]
        if learnt < SMALL_CLASS:
            few.append(f"'{label}' {learnt or 'none'}" + (f" ({dropped} left out)" if dropped else ""))
        for side in SPLITS:
            if any(used) and not on[side]:
                missing[side].append(f"'{label}'")
    notes = [f"Few images for training and validation together: {', '.join(few)}."] if few else []
    return notes + [f"No image in {side}: {', '.join(labels)}." for side, labels in missing.items() if labels]


def _leak_notes(leaks: Sequence, clean: bool) -> list[str]:
    if not leaks:
        return []
    how = "their members outside training were left out" if clean else "it was allowed (allow_leaks)"
    return [f"The set's own split leaks in {_n(leaks, 'group')} of pictures that belong together; {how}."]


def _across_sides(work: Partition, group: Sequence[int]) -> list[str]:
    """One member of each side."""
    found: dict[int, str] = {}
    for position in group:
        found.setdefault(int(work.prescribed[position]), work.location[position])
    return list(found.values())


def _n(items: Sequence, word: str) -> str:
    return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"
