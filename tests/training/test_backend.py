"""Which backend a run trains with: the recorded one, the asked one, the one that is there; a sentence for every other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from skin_core.errors import ConfigError, RunError
from skin_core.training import backend
from skin_core.training.process import sentence_of

THERE = [name for name in backend.TITLES if backend.installed(name)]
NOT_THERE = [name for name in backend.TITLES if not backend.installed(name)]


def test_without_a_word_it_is_the_first_that_is_there(monkeypatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert backend.choose() == THERE[0]
    assert os.environ["KERAS_BACKEND"] == THERE[0]


def test_what_a_run_began_with_goes_before_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "mxnet")
    assert backend.choose(THERE[0]) == THERE[0]
    assert os.environ["KERAS_BACKEND"] == THERE[0]


def test_an_unknown_backend_is_told(monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "mxnet")
    with pytest.raises(ConfigError, match="KERAS_BACKEND must be tensorflow, jax or torch; got 'mxnet'"):
        backend.choose()


@pytest.mark.skipif(not NOT_THERE, reason="every backend is installed here")
def test_a_backend_that_is_not_there_is_told(monkeypatch) -> None:
    missing = NOT_THERE[0]
    monkeypatch.setenv("KERAS_BACKEND", missing)
    with pytest.raises(
        ConfigError, match=f"KERAS_BACKEND is {missing}, but {backend.TITLES[missing]} is not installed"
    ):
        backend.choose()
    monkeypatch.setenv("KERAS_BACKEND", THERE[0])
    with pytest.raises(RunError, match=f"began with {backend.TITLES[missing]}, which is not installed here; resume it"):
        backend.choose(missing)


def test_no_backend_at_all_is_told_by_the_worker(tmp_path) -> None:
    """In a real process, whose path has nothing that is installed."""
    code = (
        "import sys\n"
        "from skin_core.errors import ConfigError\n"
        "sys.path = [path for path in sys.path if 'site-packages' not in path]\n"
        "from skin_core.training.backend import choose\n"
        "try:\n    choose()\nexcept ConfigError as error:\n    print(error)\n"
    )
    clean = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Training needs TensorFlow, JAX or PyTorch, and none of them is installed")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes."),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_no_memory_is_told_the_same_under_every_backend(error) -> None:
    assert sentence_of(error) == "Training ran out of memory; lower batch_size or image_size, and start again."
