"""Long work that a page starts and then watches: an audit, an evaluation, a publication.

The work runs in a Python process of its own, so that the app stays quick and never imports TensorFlow. It belongs to
the app, not to a browser tab: closing or reloading the page does not touch it, a second browser sees the same progress.
(Training is not started here: it outlives the app, see `skin_core.services.runs`.)
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

from skin_core.errors import SkinCoreError
from skin_core.paths import PROJECT_ROOT
from skin_core.progress import Progress, ProgressCallback, ignore_progress

log = logging.getLogger(__name__)

State = Literal["running", "done", "failed"]


@dataclass
class Job:
    """Work under way, or done. Only its own thread changes it.

    Attributes:
        what: what is being done, as a person would say it.
        state: running, done or failed.
        progress: the latest step told.
        result: what the function returned, when done.
        error: one sentence, when failed.
    """

    what: str
    state: State = "running"
    progress: Progress = field(default_factory=lambda: Progress("Starting", 0, 0))
    result: Any = None
    error: str = ""


_jobs: dict[str, Job] = {}
_lock = threading.Lock()


def start(key: str, what: str, function: Callable[..., Any], **arguments: Any) -> Job:
    """Starts ``function(**arguments, progress=...)`` in a process of its own, unless it is already running.

    Args:
        key: names the work; whoever asks for the same key while it runs gets the same job.
        what: what is done, as a person would say it ("Auditing").
        function: a function at the top level of a module.
        arguments: its keyword arguments, picklable.
    """
    with _lock:
        running = _jobs.get(key)
        if running is not None and running.state == "running":
            return running
        job = _jobs[key] = Job(what, progress=Progress(what, 0, 0))
    threading.Thread(target=_work, args=(job, function, arguments), name=f"job {key}", daemon=True).start()
    return job


def find(key: str) -> Job | None:
    """The job of that key, running or ended, or None."""
    return _jobs.get(key)


def forget(key: str) -> None:
    """Drops an ended job; a running one stays."""
    with _lock:
        job = _jobs.get(key)
        if job is not None and job.state != "running":
            del _jobs[key]


def wait(job: Job, timeout: float) -> Job:
    """Waits until a job has ended or the time (seconds) is over; for tests and scripts."""
    end = time.monotonic() + timeout
    while job.state == "running" and time.monotonic() < end:
        time.sleep(0.02)
    return job


def _work(job: Job, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    def report(progress: Progress) -> None:
        job.progress = progress

    try:
        job.result = run_apart(function, arguments, report)
        job.state = "done"
    except SkinCoreError as error:
        job.error = str(error)
        job.state = "failed"
    except Exception:  # The thread's boundary: a defect must end the job, or the page would watch it for ever.
        log.exception("%s failed", job.what)
        job.error = f"{job.what} stopped on an unforeseen fault; the app's log holds the details."
        job.state = "failed"


def run_apart(
    function: Callable[..., Any], arguments: dict[str, Any], progress: ProgressCallback = ignore_progress
) -> Any:
    """Calls a function in a new Python process and waits for what it returns.

    The new process starts from nothing (no fork: the app has threads) and does not import the app's own script, which
    `multiprocessing`'s spawn would do.

    Raises:
        SkinCoreError: what the function raised; or a sentence, if the process died or met a fault of its own.
    """
    ours, theirs = _pipe()
    # The working folder alone does not do: PYTHONSAFEPATH keeps it off the module path.
    path = os.pathsep.join(part for part in (str(PROJECT_ROOT), os.environ.get("PYTHONPATH")) if part)
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-m", "skin_core.services.background", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=PROJECT_ROOT,
            env={**os.environ, "PYTHONPATH": path},
        )
        theirs.close()
        try:
            ours.send((function.__module__, function.__qualname__, arguments))
            while True:
                kind, value = ours.recv()
                if kind == "progress":
                    progress(value)
                elif kind == "result":
                    return value
                elif kind == "refused":
                    raise value
                else:
                    log.error("A process of its own failed:\n%s", value)
                    raise SkinCoreError("The work stopped on an unforeseen fault; the app's log holds the details.")
        except (EOFError, OSError) as error:
            code = process.wait(timeout=10)
            # A negative code is a signal: without one of ours it is the system's, which ran out of memory.
            why = (
                "killed, most often for too little memory"
                if code < 0
                else f"exit code {code}; the app's log tells more"
            )
            raise SkinCoreError(f"The work's process ended before its time ({why}); start it again.") from error
        finally:
            if process.poll() is None:
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _pipe() -> tuple[Connection, Connection]:
    from multiprocessing import Pipe

    return Pipe(duplex=True)


def _serve(descriptor: int) -> None:
    """The other end: reads one call, tells its progress and its result."""
    import importlib
    import traceback

    with Connection(descriptor) as connection:
        module, name, arguments = connection.recv()

        def report(progress: Progress) -> None:
            try:
                connection.send(("progress", progress))
            except OSError:  # The app has gone; nobody waits for this work.
                os._exit(0)

        try:
            function = getattr(importlib.import_module(module), name)
            connection.send(("result", function(**arguments, progress=report)))
        except SkinCoreError as error:
            connection.send(("refused", error))
        except Exception:  # The process's boundary: the traceback goes to the log of who asked.
            connection.send(("fault", traceback.format_exc()))


if __name__ == "__main__":
    import skin_core.quiet  # noqa: F401

    _serve(int(sys.argv[1]))
