"""The findings of an audit, ordered for a person."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from skin_core.data.audit import AuditReport
from skin_core.data.manifest import Manifest, as_manifest_types
from skin_core.services.findings import Picture, kinds

ROOT = Path("/here")


def test_every_kind_with_its_pictures() -> None:
    frame = pd.DataFrame({"image_id": ["a", "b"], "location": ["a.jpg", "b.jpg"], "label": ["nv", "mel"]})
    manifest = Manifest(as_manifest_types(frame), "folder", ROOT)
    report = AuditReport(
        source="folder",
        n_images=2,
        classes={"mel": 1, "nv": 1},
        unreadable=(("c.jpg", "c.jpg is empty."),),
        identical=(("a.jpg", "b.jpg"),),
        label_conflicts=(("a.jpg", "b.jpg"),),
        near_duplicates=(("a.jpg", "d.jpg", 0.91), ("a.jpg", "e.jpg", 0.99)),
        across=(("a.jpg", "z.jpg", 1.0),),
        across_sets=("/there",),
    )
    found = {kind.key: kind for kind in kinds(report=report, manifest=manifest)}
    assert next(iter(found)) == "label_conflicts"
    assert [picture.location for picture in found["label_conflicts"].findings[0].pictures] == ["a.jpg", "b.jpg"]
    assert [finding.says for finding in found["near_duplicates"].findings] == ["similarity 0.990", "similarity 0.910"]
    (across,) = found["across"].findings
    assert across.says == "the same pixels"
    assert across.pictures == (Picture(ROOT, "a.jpg"), Picture(Path("/there"), "z.jpg", foreign=True))
    assert found["unreadable"].findings[0].says == "c.jpg is empty."
    assert found["split_leaks"].findings == ()
