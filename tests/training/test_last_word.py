"""What a worker's end leaves for the pages, on a full disk too."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from skin_core.training.folder import RunFolder
from skin_core.training.process import room_for_the_last_word, sentence_of

FULL = "No space is left in the workspace; free some, then resume the run."


def test_a_full_disk_is_told_as_that(tmp_path: Path) -> None:
    assert sentence_of(OSError(errno.ENOSPC, "No space left on device")) == FULL
    store = sqlite3.connect(tmp_path / "mlflow.db")
    store.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as caught:
        store.execute("CREATE TABLE t (x)")
        store.execute("INSERT INTO t VALUES (zeroblob(100000))")
    store.close()
    assert sentence_of(caught.value) == FULL


def test_room_is_kept_for_the_last_word_and_given_back(tmp_path: Path) -> None:
    with room_for_the_last_word(RunFolder(tmp_path)) as give_room:
        kept = (tmp_path / "reserve").stat()
        assert kept.st_size >= 64 * 1024
        assert kept.st_blocks * 512 >= kept.st_size  # No hole: it takes its room on the disk.
        give_room()
        assert not os.listdir(tmp_path)
    with room_for_the_last_word(RunFolder(tmp_path)):
        pass
    assert not os.listdir(tmp_path)


def test_a_disk_without_any_room_does_not_stop_the_start(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with room_for_the_last_word(RunFolder(gone)) as give_room:
        give_room()
    assert not gone.exists()
