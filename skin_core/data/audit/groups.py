"""Who belongs together: connected components over pictures, lesions and twins."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import pandas as pd

from skin_core.data.manifest import Manifest


def components(members: Sequence[Hashable], links: Iterable[tuple[Hashable, Hashable]]) -> list[list]:
    """Connected components.

    Args:
        members: all nodes; order decides the order of the result.
        links: pairs of members; pairs with a node that is no member are ignored.

    Returns:
        Components in the order of their first member, members in theirs; singletons included.
    """
    parent = {member: member for member in members}

    def root(node):
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in links:
        if a in parent and b in parent:
            first, second = root(a), root(b)
            if first != second:
                parent[second] = first
    found: dict = {}
    for member in members:
        found.setdefault(root(member), []).append(member)
    return list(found.values())


def group_links(manifest: Manifest) -> list[tuple[str, str]]:
    """Pairs of locations that share a ``group_id``: each with the first of its group."""
    frame = manifest.frame[["location", "group_id"]].dropna()
    first = frame.groupby("group_id", sort=False)["location"].transform("first")
    return [(a, b) for a, b in zip(first.tolist(), frame["location"].tolist(), strict=True) if a != b]


def with_group_ids_from(manifest: Manifest, other: Manifest, pairs: Iterable[Sequence]) -> Manifest:
    """Takes over the lesion ids that another set knows for the same pictures.

    Args:
        manifest: the set that may lack ids; an id that it has stays.
        other: the set that knows them (HAM10000).
        pairs: (location in ``manifest``, location in ``other``, similarity) of twins, as ``AuditReport.across`` has them.

    Returns:
        The manifest with ``group_id`` filled where a twin has one. A picture with twins in several lesions takes the
        most similar one's; the audit's twins still bind it to the others.
    """
    known = dict(zip(other.frame["location"], other.frame["group_id"], strict=True))
    taken: dict[str, str] = {}
    for a, b, _ in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        group = known.get(b, pd.NA)
        if not pd.isna(group):
            taken.setdefault(a, group)
    frame = manifest.frame.copy(deep=False)
    frame["group_id"] = frame["group_id"].fillna(frame["location"].map(taken).astype("string"))
    return manifest.with_frame(frame)
