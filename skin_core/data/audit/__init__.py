"""The audit of a data set: unreadable files, twins, conflicts, leaks, missing metadata."""

from skin_core.data.audit.borrowed import with_lesion_ids_of
from skin_core.data.audit.groups import components, group_links, with_group_ids_from
from skin_core.data.audit.overlap import seen_pictures
from skin_core.data.audit.report import SMALL_CLASS, AuditReport, audit
from skin_core.data.audit.signatures import Signatures, signatures
from skin_core.data.audit.twins import Twins, find_twins, identical_groups

__all__ = [
    "SMALL_CLASS",
    "AuditReport",
    "Signatures",
    "Twins",
    "audit",
    "components",
    "find_twins",
    "group_links",
    "identical_groups",
    "seen_pictures",
    "signatures",
    "with_group_ids_from",
    "with_lesion_ids_of",
]
