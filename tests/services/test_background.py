"""Work in a process of its own: its result, its progress, its refusal, its death."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from skin_core.errors import DataSourceError, SkinCoreError
from skin_core.services import audits, background, datasets


def test_result_and_progress_come_back(workspace: Path) -> None:
    told = []
    path = background.run_apart(datasets.make_demo, {"layout": "folder", "n": 40}, told.append)
    assert path == str(workspace / "demo" / "folder-40")
    assert told and told[-1].done == told[-1].total == 40


def test_a_refusal_keeps_its_kind_and_sentence() -> None:
    with pytest.raises(DataSourceError, match="There is no layout 'dicom'"):
        background.run_apart(datasets.make_demo, {"layout": "dicom"})


def test_a_fault_is_a_sentence_and_its_traceback_is_logged(caplog) -> None:
    with pytest.raises(SkinCoreError, match="unforeseen fault"):
        background.run_apart(datasets.make_demo, {"no_such_argument": 1})
    assert "TypeError" in caplog.text and "Traceback" in caplog.text


def test_a_killed_process_ends_the_job_with_a_sentence() -> None:
    job = background.start("long", "Drawing", datasets.make_demo, layout="folder", n=5000)
    assert background.start("long", "Drawing", datasets.make_demo, layout="folder", n=5000) is job
    end = time.monotonic() + 60
    while not job.progress.done and time.monotonic() < end:
        time.sleep(0.05)
    assert job.progress.what and job.state == "running"
    (child,) = [
        process for process in psutil.Process().children() if "skin_core.services.background" in process.cmdline()
    ]
    child.kill()
    background.wait(job, 30)
    assert job.state == "failed" and "ended before its time (killed" in job.error
    background.forget("long")
    assert background.find("long") is None


def test_an_audit_is_kept_until_the_set_changes(demo_faulty: Path) -> None:
    manifest = datasets.open_dataset(demo_faulty)
    assert audits.last_audit(manifest=manifest, data=demo_faulty) is None
    job = background.wait(background.start("audit", "Auditing", audits.audit_dataset, data=demo_faulty), 120)
    assert job.state == "done", job.error
    kept = audits.last_audit(manifest=manifest, data=demo_faulty)
    assert kept == job.result
    assert len(kept.unreadable) == 3 and len(kept.label_conflicts) == 2
    assert audits.last_audit(manifest=manifest, data=demo_faulty, against=[demo_faulty]) is None
