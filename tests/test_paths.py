"""Writing whole files: what is replaced, what is refused, and what a person is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from skin_core.errors import WorkspaceError
from skin_core.paths import atomic_path, machine_error, new_folder, workspace_error, write_text


def test_a_file_is_replaced_and_a_failed_block_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "figures.csv"
    write_text(target, "old")
    write_text(target, "new")
    with pytest.raises(ValueError, match="half way"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise ValueError("half way")
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["figures.csv"]


def test_a_file_follows_the_umask_and_the_umask_is_let_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The umask belongs to all threads: one that set it to look at it could have another save that as the user's.
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", lambda mask: pytest.fail(f"the umask was set to {mask:o}"))
            write_text(tmp_path / "figures.csv", "1")
    finally:
        os.umask(before)
    assert (tmp_path / "figures.csv").stat().st_mode & 0o777 == 0o640


def test_what_is_no_ordinary_file_is_never_replaced(tmp_path: Path) -> None:
    # As root a rename onto /dev/null works, and takes it away from the whole machine.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target in (pipe, tmp_path):
        with pytest.raises(WorkspaceError, match=r"is no ordinary file, so nothing is written over it; name another"):
            write_text(target, "anything")
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_link_goes_on_leading_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / "predictions.csv"
    link.symlink_to(tmp_path / "far" / "real.csv")
    write_text(link, "figures")
    assert link.is_symlink()
    assert (tmp_path / "far" / "real.csv").read_text() == "figures"


def test_the_advice_fits_the_place(workspace: Path, tmp_path: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "set LESIONLAB_HOME" in str(workspace_error(denied, workspace / "runs"))
    assert "choose another place" in str(workspace_error(denied, tmp_path / "elsewhere.csv"))
    assert "move the workspace" in str(workspace_error(full, workspace))
    assert "choose another place" in str(workspace_error(full, tmp_path / "elsewhere.csv"))


def test_what_the_machine_refuses_is_a_sentence_and_a_defect_is_not() -> None:
    denied = machine_error(PermissionError(errno.EACCES, "Permission denied", "/closed/x.csv"))
    assert str(denied) == (
        "/closed/x.csv cannot be read or written (Permission denied); give this user permission to it, or name another "
        "place."
    )
    assert "No space is left to write" in str(machine_error(OSError(errno.ENOSPC, "No space left on device")))
    assert machine_error(FileNotFoundError(errno.ENOENT, "No such file or directory", "x")) is None


def test_a_folder_gets_its_name_when_it_is_whole_and_takes_nobodys(tmp_path: Path) -> None:
    with new_folder(tmp_path, "whole") as path:
        (path / "state").write_text("new")
        assert path.name.startswith(".") and not (tmp_path / "whole").exists()
    assert (tmp_path / "whole" / "state").read_text() == "new"
    with pytest.raises(OSError, match="not empty"), new_folder(tmp_path, "whole") as path:
        (path / "state").write_text("another")
    with pytest.raises(ValueError, match="half way"), new_folder(tmp_path, "half") as path:
        raise ValueError("half way")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert (tmp_path / "whole" / "state").read_text() == "new"
