"""Whether the worker of a run, or of a search, is alive, told without asking it: a worker killed with -9 says nothing any more."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from skin_core.training.folder import swap_text

HEARTBEAT_SECONDS = 2.0
# Elsewhere (another container or machine on the same workspace) only the heartbeat can be seen; loading TensorFlow
# on a busy machine can hold it up for seconds.
SILENCE_SECONDS = 30.0
# A start that has not yet told its process id counts as alive for this long.
START_SECONDS = 30.0


class WorkedState(Protocol):
    """What must be known of a state here."""

    @property
    def status(self) -> str: ...


class WorkedFolder(Protocol):
    """A folder that one worker process works on: that of a run or of a search."""

    @property
    def path(self) -> Path: ...
    @property
    def state(self) -> Path: ...
    @property
    def worker(self) -> Path: ...
    @property
    def heartbeat(self) -> Path: ...
    @property
    def lock(self) -> Path: ...
    @property
    def log(self) -> Path: ...
    @property
    def stop_request(self) -> Path: ...
    def read_state(self) -> WorkedState: ...
    def update_state(self, **changes: Any) -> WorkedState: ...


@dataclass(frozen=True)
class WorkerIdentity:
    """A process, told apart from a later one with the same number by when it was made.

    Attributes:
        pid: process id.
        created: seconds since 1970 when the process was made, by its own machine's clock.
        host: name of that machine or container.
    """

    pid: int
    created: float
    host: str

    @classmethod
    def of(cls, pid: int) -> WorkerIdentity:
        """The identity of a living process of this machine."""
        return cls(pid, psutil.Process(pid).create_time(), socket.gethostname())


def record_worker(folder: WorkedFolder, pid: int) -> None:
    """Notes which process works on the run; a process already gone leaves a note that is never alive."""
    try:
        identity = WorkerIdentity.of(pid)
    except psutil.NoSuchProcess:
        identity = WorkerIdentity(pid, 0.0, socket.gethostname())
    swap_text(folder.worker, json.dumps(asdict(identity)))


def is_alive(folder: WorkedFolder) -> bool:
    """Whether a worker is at work on the run (or waits in the queue for it)."""
    try:
        identity = WorkerIdentity(**json.loads(folder.worker.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return _age(folder.state) < START_SECONDS and folder.read_state().status == "queued"
    except (json.JSONDecodeError, TypeError):
        return False
    if identity.host != socket.gethostname():
        return _age(folder.heartbeat) < SILENCE_SECONDS
    try:
        process = psutil.Process(identity.pid)
        # Clock corrections shift what the kernel tells of a process's birth by a little.
        same = abs(process.create_time() - identity.created) < 5.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def beating(folder: WorkedFolder) -> Iterator[None]:
    """Keeps the run's heartbeat fresh from a thread while the block runs."""
    ended = threading.Event()

    def beat() -> None:
        while True:
            # A full disk must not end the training through its heartbeat.
            with suppress(OSError):
                swap_text(folder.heartbeat, f"{time.time():.0f}\n")
            if ended.wait(HEARTBEAT_SECONDS):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _age(path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
