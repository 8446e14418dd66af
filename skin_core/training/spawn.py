"""Starts a worker that outlives whoever started it: a session of its own, its output in the run's log."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import skin_core.quiet  # noqa: F401  (the worker inherits the environment)
from skin_core.paths import PROJECT_ROOT
from skin_core.training.folder import RunFolder
from skin_core.training.liveness import WorkedFolder, record_worker


def spawn_worker(folder: RunFolder) -> int:
    """Starts ``python -m skin_core.training.worker RUN_ID`` and returns its process id."""
    return spawn("skin_core.training.worker", folder.run_id, folder)


def spawn(module: str, name: str, folder: WorkedFolder) -> int:
    """Starts ``python -m MODULE NAME``, notes it in the folder as its worker and returns its process id.

    The child is in its own session, so neither Ctrl-C in the app's terminal nor the end of the app reaches it.
    """
    path = os.pathsep.join(part for part in (str(PROJECT_ROOT), os.environ.get("PYTHONPATH")) if part)
    with open(folder.log, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        )
    record_worker(folder, process.pid)
    # Someone has to take the exit status, or the ended child stays as a zombie for as long as the app lives.
    threading.Thread(target=process.wait, name=f"reaper-{process.pid}", daemon=True).start()
    return process.pid
