"""Work that needs TensorFlow, done in a process of its own, so that the app never loads it.

The child is ``python -m MODULE``; it reads one JSON object on standard input and writes one on standard output:
``{"ok": ...}`` or ``{"error": "one sentence"}``. Arrays go through files in a private temporary folder.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from skin_core.errors import BundleError, SkinCoreError
from skin_core.paths import PROJECT_ROOT

_log = logging.getLogger(__name__)


def require_tensorflow() -> None:
    """Refuses at once what a child could not do, rather than after the work before it.

    Raises:
        BundleError: if TensorFlow is not installed.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise BundleError(
            "Evaluating and publishing a run, and the deeper explanations, need TensorFlow, which is not installed here; "
            "do this on a machine that has it and sees this workspace and the data set."
        )


def call(module: str, request: dict[str, Any], *, timeout_s: float = 3600) -> dict[str, Any]:
    """Runs a child and returns what it answered.

    Raises:
        BundleError: with the child's sentence, or saying that it ended without one (its output is in the log); or if
            TensorFlow is not installed.
    """
    require_tensorflow()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(_python_path()),
        "PYTHONIOENCODING": "utf-8",
        # Training may be set to another backend.
        "KERAS_BACKEND": "tensorflow",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(
            f"The work took longer than {timeout_s / 60:.0f} minutes and was stopped; try it on a smaller picture or model."
        ) from None
    try:
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        _log.error("%s ended with %s:\n%s", module, done.returncode, done.stderr[-8000:])
        raise BundleError(
            "The process that runs TensorFlow ended without an answer (often for lack of memory); its output is in the log."
        ) from None
    if "error" in answer:
        if answer.get("unexpected"):
            _log.error("%s failed:\n%s", module, done.stderr[-8000:])
        raise BundleError(answer["error"])
    return answer["ok"]


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The child's side: reads the request, does the work, answers. Standard output carries the answer only."""
    request = json.loads(sys.stdin.read())
    # Libraries that print would spoil the answer: their standard output goes to standard error.
    real = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        reply: dict[str, Any] = {"ok": work(request)}
    except SkinCoreError as error:
        reply = {"error": str(error)}
    except Exception as error:
        # The boundary of the process: the traceback goes to the parent's log, a sentence to the person.
        logging.basicConfig()
        _log.exception("Child failed")
        kind = type(error).__name__
        reply = {"error": f"The model could not be worked on ({kind}); the log has the details.", "unexpected": True}
    real.write("\n" + json.dumps(reply) + "\n")
    real.flush()


def _python_path() -> list[str]:
    return [str(PROJECT_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
