"""The app as a process of its own, and a visitor who talks to it as a browser does, but draws nothing.

A time is from a request for a run of the page's script to the message that the script has finished: server time, with
what is sent over the socket and without what a browser makes of it.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from bench.harness import ROOT
from skin_core.paths import workspace

if TYPE_CHECKING:
    from streamlit.proto.Delta_pb2 import Delta
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_PATIENCE = 180.0


@dataclass(frozen=True)
class Served:
    """A running Streamlit app.

    Attributes:
        url: where it answers, without a slash at the end.
        process: its process.
        seconds: from the start of the process to the first answer to ``/_stcore/health``.
        begun: when the process was started, by ``time.perf_counter``.
    """

    url: str
    process: subprocess.Popen
    seconds: float
    begun: float

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory now and at most so far, in 10⁶ bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Vm")}
        return found["VmRSS"], found["VmHWM"]

    def processor_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def loaded(self, library: str) -> bool:
        """Whether the process has a shared library mapped whose path holds this word ("tensorflow")."""
        return library in Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8")


@contextmanager
def served(script: Path | str = "app.py", *, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Starts an app, waits until it answers, and ends it after the block.

    Raises:
        RuntimeError: if it ends or does not answer, with what it wrote.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", workspace() / f"served-{port}.log"
    # The visitor below is no browser and brings no cookie.
    options = ["--server.headless=true", f"--server.port={port}", "--server.enableXsrfProtection=false"]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options, "--server.enableCORS=false"]
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while not _healthy(url):
            if process.poll() is not None or time.perf_counter() - begun > _PATIENCE:
                raise RuntimeError(f"{script} did not start: {log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.01)
        yield Served(url, process, time.perf_counter() - begun, begun)
    finally:
        process.terminate()
        process.wait(30)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return answer.status == 200
    except (URLError, TimeoutError, ConnectionError):
        return False


@dataclass(frozen=True)
class Shown:
    """What one run of a page's script gave.

    Attributes:
        seconds: from the request to "the script has finished".
        messages: all that came meanwhile.
    """

    seconds: float
    messages: Sequence[ForwardMsg]

    def elements(self) -> Iterator[Any]:
        """Every new element, as Streamlit's protocol describes it."""
        for message in self.messages:
            if message.WhichOneof("type") == "delta":
                delta: Delta = message.delta
                if delta.WhichOneof("type") == "new_element":
                    yield delta.new_element

    def words(self) -> str:
        """All that is readable in it, for a look whether the answer came."""
        return "\n".join(str(message) for message in self.messages)


class Visitor:
    """One browser's session.

    Args:
        app: the app to visit.
    """

    def __init__(self, app: Served) -> None:
        from websockets.sync.client import connect

        self._url = app.url
        self._socket = connect(
            app.url.replace("http", "ws", 1) + "/_stcore/stream",
            subprotocols=["streamlit"],
            origin=app.url,
            max_size=None,
            compression=None,
        ).__enter__()
        self._widgets: dict[str, Any] = {}
        self._page, self._query, self._session = "", "", ""

    def close(self) -> None:
        """Ends the session."""
        self._socket.close()

    def open(self, page: str = "", **query: str) -> Shown:
        """Opens a page by its name in the address ("Screen"); "" is the home page."""
        self._page, self._widgets = page, {}
        self._query = "&".join(f"{key}={value}" for key, value in query.items())
        return self.again()

    def again(self) -> Shown:
        """Runs the page's script once more, with what was given so far."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        ask = BackMsg()
        ask.rerun_script.page_name, ask.rerun_script.query_string = self._page, self._query
        ask.rerun_script.widget_states.widgets.extend(self._widgets.values())
        return self._asked(ask, "script_finished")

    def give_files(self, label: str, shown: Shown, files: Mapping[str, bytes]) -> Shown:
        """Puts files into the uploader with this label, and runs the script with them.

        Returns:
            The run; the time of the upload itself is not in it.
        """
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.WidgetStates_pb2 import WidgetState

        uploader = next(
            item.file_uploader
            for item in shown.elements()
            if item.WhichOneof("type") == "file_uploader" and label in item.file_uploader.label
        )
        ask = BackMsg()
        ask.file_urls_request.request_id = secrets.token_hex(4)
        ask.file_urls_request.session_id = self._session
        ask.file_urls_request.file_names.extend(files)
        answer = self._asked(ask, "file_urls_response").messages[-1].file_urls_response
        state = WidgetState(id=uploader.id)
        for place, (name, content) in zip(answer.file_urls, files.items(), strict=True):
            _upload(self._url + place.upload_url, name, content)
            told = state.file_uploader_state_value.uploaded_file_info.add(
                file_id=place.file_id, name=name, size=len(content)
            )
            told.file_urls.CopyFrom(place)
        self._widgets[uploader.id] = state
        return self.again()

    def _asked(self, ask: Any, last: str) -> Shown:
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        messages = []
        begun = time.perf_counter()
        self._socket.send(ask.SerializeToString())
        while True:
            message = ForwardMsg.FromString(self._socket.recv(timeout=_PATIENCE))
            messages.append(message)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._session = message.new_session.initialize.session_id
            if kind == last:
                return Shown(time.perf_counter() - begun, messages)


def _upload(url: str, name: str, content: bytes) -> None:
    edge = secrets.token_hex(8)
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + content + f"\r\n--{edge}--\r\n".encode()
    ask = urllib.request.Request(url, body, {"Content-Type": f"multipart/form-data; boundary={edge}"}, method="PUT")
    with urllib.request.urlopen(ask, timeout=60) as answer:
        if answer.status >= 300:
            raise RuntimeError(f"The upload of {name} was answered with {answer.status}.")
