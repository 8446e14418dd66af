"""Audits of data sets, kept so that a page shows the findings of the last one at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skin_core.paths import cache_dir, write_text
from skin_core.progress import ProgressCallback, ignore_progress
from skin_core.services.datasets import absolute, open_dataset, stamp

if TYPE_CHECKING:
    from skin_core.data.audit import AuditReport
    from skin_core.data.manifest import Manifest


def audit_dataset(
    *, data: str | Path, against: Sequence[str | Path] = (), progress: ProgressCallback = ignore_progress
) -> AuditReport:
    """Audits a data set, also against others, and keeps the report.

    Args:
        data: the set to audit.
        against: other sets to look for the same pictures in.
        progress: told of each step.

    Raises:
        SkinCoreError: one sentence, if a set cannot be read.
    """
    from skin_core.data.audit import audit

    manifest = open_dataset(data)
    others = [open_dataset(other) for other in against]
    report = audit(manifest, against=others, progress=progress)
    write_text(_kept(manifest, data, against), json.dumps(report.to_json()))
    return report


def last_audit(*, manifest: Manifest, data: str | Path, against: Sequence[str | Path] = ()) -> AuditReport | None:
    """The kept report of this very set (same rows, folders unchanged), or None.

    Cheap enough for each rerun of a page: it looks at folders, not at each file as the audit's own cache does.

    Args:
        manifest: the set, already read.
        data: its path.
        against: the other sets it was compared with.
    """
    from skin_core.data.audit import AuditReport

    try:
        return AuditReport.from_json(json.loads(_kept(manifest, data, against).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # Never audited, or kept by another version of the program.


def _kept(manifest: Manifest, data: str | Path, against: Sequence[str | Path]) -> Path:
    paths = [absolute(data), *sorted(absolute(other) for other in against)]
    key = "\n".join([manifest.fingerprint, *(f"{path}:{stamp(path)}" for path in paths)])
    return cache_dir() / "last_audits" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
