"""A set while it is being split: who belongs together, what is left, and what was left out because of what.

Pictures are positions in the manifest here, and their labels, sides and groups are arrays of codes: a set of 400,000
is split in a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, permutations

import numpy as np
import pandas as pd

from skin_core.data.assignment import Group, deal, thinned
from skin_core.data.audit.groups import components
from skin_core.data.audit.report import AuditReport
from skin_core.data.manifest import SPLITS, Manifest

NONE = -1
_TRAIN = SPLITS.index("train")


class Partition:
    """The pictures of a set, the groups that must stay together, and what was left out so far.

    Attributes:
        image_id: object (N,).
        location: object (N,).
        labels: the classes, sorted.
        label: int64 (N,), position in ``labels``; `NONE` where there is no label.
        prescribed: int64 (N,), position in `SPLITS` of the side that the set prescribes; `NONE` where it does not.
        group: int64 (N,), which pictures belong together: numbers in the order of each group's first picture.
        reasons: position → why it is left out, and the position of the picture that it is left out because of.
        left: bool (N,), whether a picture is still in.
    """

    def __init__(self, manifest: Manifest, report: AuditReport | None) -> None:
        frame = manifest.frame
        self.report = report
        self.image_id = frame["image_id"].to_numpy(dtype=object)
        self.location = frame["location"].to_numpy(dtype=object)
        self.labels: list[str] = sorted(frame["label"].dropna().unique())
        self.label = _codes(frame["label"], self.labels)
        self.prescribed = _codes(frame["split"], SPLITS)
        self.reasons: dict[int, tuple[str, int | None]] = {}
        self.left = np.ones(len(frame), dtype=bool)
        self._known = pd.Index(self.location)
        self.group = self._groups(frame["group_id"])
        # Positions sorted by group: each group is a slice.
        self._by_group = np.argsort(self.group, kind="stable")

    def exclude(self, position: int, reason: str, beside: int | None = None) -> None:
        """Leaves a picture out; the first reason stays."""
        self.reasons.setdefault(position, (reason, beside))
        self.left[position] = False

    def drop_unusable(self) -> None:
        """Leaves out what cannot be read or has no label."""
        if self.report:
            for position in self._at(name for name, _ in self.report.unreadable):
                self.exclude(position, "The file cannot be read.")
        for position in np.flatnonzero(self.left & (self.label == NONE)).tolist():
            self.exclude(position, "It has no label.")

    def drop_conflicts(self) -> None:
        """Leaves out pictures that lie under two labels."""
        if self.report is None:
            return
        for names in self.report.label_conflicts:
            group = self._at(names)
            for one in group:
                other = next((o for o in group if self.label[o] not in (NONE, self.label[one])), None)
                if other is not None:
                    self.exclude(one, f"The same pixels lie under '{self._label_of(other)}'.", other)
        for *names, _ in self.report.near_label_conflicts:
            for one, other in permutations(self._at(names), 2):
                what = f"The same picture (a near-duplicate) lies under '{self._label_of(other)}'."
                self.exclude(one, what, other)

    def torn_groups(self) -> list[list[int]]:
        """Groups whose pictures the set prescribes to more than one side."""
        fixed = self.left & (self.prescribed != NONE)
        lowest = np.full(self._n_groups, len(SPLITS))
        highest = np.full(self._n_groups, NONE)
        np.minimum.at(lowest, self.group[fixed], self.prescribed[fixed])
        np.maximum.at(highest, self.group[fixed], self.prescribed[fixed])
        return [
            [position for position in self._members(group) if fixed[position]]
            for group in np.flatnonzero(highest > lowest)
        ]

    def drop_leaks(self, leaks: Sequence[Sequence[int]]) -> None:
        """Of torn groups, leaves out the members outside training (or outside the side that comes first)."""
        for group in leaks:
            first = min(group, key=self.prescribed.__getitem__)
            for position in group:
                if self.prescribed[position] != self.prescribed[first]:
                    side = SPLITS[self.prescribed[first]]
                    what = f"It, its twin or its lesion is also in the set's {side} pictures."
                    self.exclude(position, what, first)

    def assigned(self, seed: int, validation_fraction: float, test_fraction: float) -> np.ndarray:
        """The side of every picture that is left.

        Returns:
            int64 (N,), position in `SPLITS`; `NONE` for what is left out.
        """
        kept = set(np.unique(self.prescribed[self.left]).tolist()) - {NONE, _TRAIN}
        wanted = {"validation": validation_fraction, "test": test_fraction}
        shares = {side: share for side, share in wanted.items() if SPLITS.index(side) not in kept and share > 0}
        sides = np.where(self.left & np.isin(self.prescribed, list(kept)), self.prescribed, NONE)
        # What hangs together with a prescribed side and has none of its own follows it: the first member's.
        fixed = np.flatnonzero(sides != NONE)[::-1]
        followed = np.full(self._n_groups, NONE)
        followed[self.group[fixed]] = sides[fixed]
        follows = self.left & (sides == NONE) & (self.prescribed == NONE)
        sides[follows] = followed[self.group[follows]]
        pool = self.left & (sides == NONE)
        groups, numbers = self._undivided(pool)
        chosen = deal(groups, {"train": 1 - sum(shares.values()), **shares}, seed)
        dealt = np.full(self._n_groups, NONE)
        dealt[numbers] = [SPLITS.index(side) for side in chosen]
        sides[pool] = dealt[self.group[pool]]
        return sides

    def drop_untrained_classes(self, sides: np.ndarray) -> np.ndarray:
        """A class that cleaning left without a training picture cannot be validated or tested."""
        trained = self.label[sides == _TRAIN]
        dropped = self.label[~self.left]
        untrained = (sides != NONE) & ~np.isin(self.label, trained) & np.isin(self.label, dropped)
        for position in np.flatnonzero(untrained).tolist():
            self.exclude(position, f"No training picture of '{self._label_of(position)}' is left.")
        return np.where(self.left, sides, NONE)

    def thin(self, sides: np.ndarray, max_images: int, seed: int) -> np.ndarray:
        """Keeps about so many images, whole groups; the others lose their side."""
        groups, numbers = self._undivided(sides != NONE)
        # A group has its first member's side, should a leak have been allowed.
        used = np.flatnonzero(sides != NONE)[::-1]
        side_of = np.full(self._n_groups, NONE)
        side_of[self.group[used]] = sides[used]
        kept = np.zeros(self._n_groups, dtype=bool)
        kept[numbers] = thinned(groups, [SPLITS[code] for code in side_of[numbers]], max_images, seed)
        return np.where(kept[self.group], sides, NONE)

    def keys(self, sides: np.ndarray) -> np.ndarray:
        """Smallest image id of each picture's group, among those that have a side.

        Returns:
            object (N,); meaningless for pictures without a side.
        """
        groups, numbers = self._undivided(sides != NONE)
        key_of = np.full(self._n_groups, "", dtype=object)
        key_of[numbers] = [group.key for group in groups]
        return key_of[self.group]

    def counted(self, sides: np.ndarray) -> np.ndarray:
        """Images of each class on each side, and left out.

        Returns:
            int64 (classes, 4), columns as in `SPLITS`, then those left out.
        """
        table = np.zeros((len(self.labels), len(SPLITS) + 1), dtype=np.int64)
        used, gone = sides != NONE, ~self.left & (self.label != NONE)
        np.add.at(table, (self.label[used], sides[used]), 1)
        np.add.at(table[:, -1], self.label[gone], 1)
        return table

    @property
    def _n_groups(self) -> int:
        return int(self.group[self._by_group[-1]]) + 1 if len(self.group) else 0

    def _members(self, group: int) -> list[int]:
        start, end = np.searchsorted(self.group, [group, group + 1], sorter=self._by_group)
        return self._by_group[start:end].tolist()

    def _undivided(self, wanted: np.ndarray) -> tuple[list[Group], np.ndarray]:
        """What must stay together among some pictures, and the groups' numbers."""
        positions = self._by_group[wanted[self._by_group]]
        numbers, starts = np.unique(self.group[positions], return_index=True)
        names = self.image_id[positions].tolist()
        labels = [self.labels[code] for code in self.label[positions].tolist()]
        bounds = [*starts.tolist(), len(names)]
        found = []
        for start, end in pairwise(bounds):
            if end - start == 1:
                found.append(Group(names[start], 1, {labels[start]: 1}))
                continue
            counts: dict[str, int] = {}
            for label in labels[start:end]:
                counts[label] = counts.get(label, 0) + 1
            found.append(Group(min(names[start:end]), end - start, counts))
        return found, numbers

    def _groups(self, group_id: pd.Series) -> np.ndarray:
        """Connected components over lesions or patients and the twins that the audit found."""
        codes, known = pd.factorize(group_id)
        alone = np.flatnonzero(codes == -1)
        codes[alone] = len(known) + np.arange(len(alone))
        if self.report and self.report.twin_links:
            ends = self._known.get_indexer(pd.Index([name for pair in self.report.twin_links for name in pair]))
            pairs = ends.reshape(-1, 2)
            links = codes[pairs[(pairs >= 0).all(axis=1)]]
            same = np.arange(codes.max() + 1)
            for part in components(np.unique(links).tolist(), links.tolist()):
                same[part] = part[0]
            codes = same[codes]
        return pd.factorize(codes)[0]

    def _at(self, names: Iterable[str]) -> list[int]:
        """Positions of locations; those that the set does not have are passed over."""
        found = self._known.get_indexer(pd.Index(list(names), dtype=object))
        return found[found >= 0].tolist()

    def _label_of(self, position: int) -> str | None:
        code = self.label[position]
        return None if code == NONE else self.labels[code]


def _codes(values: pd.Series, names: Sequence[str]) -> np.ndarray:
    # Factorised first: looking 400,000 values up in the few names takes ten times as long.
    codes, found = pd.factorize(values)
    places = [list(names).index(name) for name in found]
    return np.array([*places, NONE], dtype=np.int64)[codes]
