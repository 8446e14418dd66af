"""Nothing connects outwards, and no page loads TensorFlow: each seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["app.py", *sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("[0-9]*.py"))]

# An audit hook sees every connection and every look-up of a name that Python makes, in the process and in its children,
# because `sitecustomize` is imported by each of them before anything else.
_HOOK = """
import os, sys
def _hook(event, arguments):
    if event == "socket.connect":
        place = arguments[1]
        if isinstance(place, tuple) and not str(place[0]).startswith(("127.", "::1", "localhost")):
            _write(event, place)
    elif event == "socket.getaddrinfo" and arguments[0] not in (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", b"localhost"):
        _write(event, arguments[:2])
def _write(event, what):
    with open(os.environ["CONNECTIONS_LOG"], "a") as file:
        file.write(f"{event} {what!r} in {sys.argv[:3]}\\n")
sys.addaudithook(_hook)
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(_HOOK)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "hook"), str(ROOT)]),
        "CONNECTIONS_LOG": str(tmp_path / "connections.log"),
        "LESIONLAB_HOME": str(tmp_path / "home"),
    }


def _python(code: str, environment: dict[str, str]) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _connections(environment: dict[str, str]) -> str:
    log = Path(environment["CONNECTIONS_LOG"])
    return log.read_text() if log.exists() else ""


def test_the_hook_sees_a_connection(watched: dict[str, str]) -> None:
    _python(
        "import socket\ntry: socket.create_connection(('192.0.2.1', 9), timeout=0.01)\nexcept OSError: pass", watched
    )
    assert "192.0.2.1" in _connections(watched)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_tensorflow_and_without_a_connection(page: str, watched: dict[str, str]) -> None:
    code = (
        "import skin_core.quiet, sys, json\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=120).run()\n"
        f"app = app if {page!r} == 'app.py' else app.switch_page({page!r}).run()\n"
        "assert not app.exception, app.exception\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras', 'tf_keras_vis', 'torch', 'jax', 'optuna') if name in sys.modules]))"
    )
    assert json.loads(_python(code, watched).splitlines()[-1]) == []
    assert _connections(watched) == ""


def test_a_training_run_connects_nowhere(watched: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import skin_core.quiet\n"
        "from pathlib import Path\n"
        "from skin_core.data.demo import write_demo\n"
        "from skin_core.config import RunConfig\n"
        "from skin_core.models.registry import default_config\n"
        "from skin_core.services import runs\n"
        f"data = write_demo(Path({str(tmp_path / 'demo')!r}), layout='folder', n=40)\n"
        "config = default_config('light_cnn', str(data)).model_dump()\n"
        "run = runs.create_run(RunConfig.parse({**config, 'epochs': 1, 'image_size': 32}))\n"
        "runs.run_in_foreground(run, lambda progress: None)\n"
        "assert runs.get_run(run).status == 'finished', runs.get_run(run)\n"
    )
    _python(code, watched)
    assert _connections(watched) == ""
