"""The bytes of a picture's file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from skin_core.data.images import ImageReader, file_bytes
from skin_core.data.locations import escaped


def test_the_whole_file_comes_back_under_any_name(tmp_path):
    content = bytes(range(256)) * 700
    name = os.fsdecode(b"le\xffsion.jpg")  # No UTF-8.
    (tmp_path / name).write_bytes(content)
    assert ImageReader(tmp_path).bytes(escaped(name)) == content


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a file that tells a size it does not have")
def test_a_file_that_is_longer_than_it_says_is_read_to_its_end():
    told = Path("/proc/self/limits")
    assert told.stat().st_size == 0
    assert file_bytes(told, "limits") == told.read_bytes()
