"""The pipe to the process that runs TensorFlow: answers, sentences, and what is said when it dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from skin_core.errors import BundleError
from skin_core.screening import child

CHILD = """
import os, sys
from skin_core.errors import BundleError
from skin_core.screening.child import answer

def work(request):
    print("noise of a library")
    if request["do"] == "sentence":
        raise BundleError("It is so.")
    if request["do"] == "crash":
        raise KeyError("unforeseen")
    if request["do"] == "die":
        os._exit(3)
    return {"twice": 2 * request["number"]}

answer(work)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "some_child"


def test_answers(module: str) -> None:
    assert child.call(module, {"do": "work", "number": 21}) == {"twice": 42}


@pytest.mark.parametrize(
    ("do", "says"),
    [("sentence", r"^It is so\.$"), ("crash", r"KeyError.*log"), ("die", "ended without an answer")],
)
def test_failures_are_sentences(module: str, do: str, says: str) -> None:
    with pytest.raises(BundleError, match=says):
        child.call(module, {"do": do})
