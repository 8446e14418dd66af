"""Checkpoints are whole or not there."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import numpy as np
import pytest

from skin_core.errors import RunError, WorkspaceError
from skin_core.training import checkpoint
from skin_core.training.checkpoint import Checkpoint


def some(value: float) -> Checkpoint:
    return Checkpoint({"epoch": 1, "loss_sum": value}, {"weights": np.full((2, 3), value, np.float32)})


def test_it_comes_back_to_the_last_digit_and_the_older_one_goes(tmp_path):
    checkpoint.save(tmp_path, some(1 / 3), 4)
    checkpoint.save(tmp_path, some(2 / 3), 5)
    found = checkpoint.load(tmp_path)
    assert found.position == {"epoch": 1, "loss_sum": 2 / 3}
    np.testing.assert_array_equal(found.arrays["weights"], np.full((2, 3), 2 / 3, np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["0000000005"]


def test_what_a_kill_left_half_written_is_not_seen(tmp_path):
    checkpoint.save(tmp_path, some(0.5), 4)
    half = tmp_path / ".making-0000000005"
    half.mkdir()
    (half / "arrays.npz").write_bytes(b"half")
    assert checkpoint.load(tmp_path).position["loss_sum"] == 0.5
    checkpoint.save(tmp_path, some(0.7), 6)
    assert not half.exists()


def test_the_same_number_again_never_takes_away_the_one_that_is_there(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, some(0.5), 4)

    def killed(*_):
        raise OSError(errno.EIO, "killed")

    with monkeypatch.context() as patched, suppress(WorkspaceError):
        patched.setattr(os, "rename", killed)
        checkpoint.save(tmp_path, some(0.5), 4)
    assert checkpoint.load(tmp_path).position["loss_sum"] == 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["0000000004"]


def test_none_before_the_first(tmp_path):
    assert checkpoint.load(tmp_path / "absent") is None


def test_a_damaged_one_is_a_sentence(tmp_path):
    checkpoint.save(tmp_path, some(0.5), 4)
    arrays = tmp_path / "0000000004" / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:40])
    with pytest.raises(RunError, match="damaged"):
        checkpoint.load(tmp_path)
