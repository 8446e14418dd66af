"""Files of arrays: what is wrong with one is told in one way, whoever reads it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from skin_core.arrays import read_arrays
from skin_core.data.audit import Signatures
from skin_core.errors import BundleError, DataSourceError, RunError
from skin_core.screening import gate, predictions, seen
from skin_core.training import checkpoint, distill
from skin_core.training.folder import RunFolder


def _whole() -> bytes:
    raw = io.BytesIO()
    np.savez_compressed(raw, numbers=np.arange(2000) % 7, names=np.array(["nv", "mel"]))
    return raw.getvalue()


def _flipped() -> bytes:
    whole = _whole()
    middle = whole.index(b"numbers.npy") + 60
    return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]


def _saved(save, **options) -> bytes:
    raw = io.BytesIO()
    save(raw, **options)
    return raw.getvalue()


DAMAGED = {
    "empty": b"",
    "cut": _whole()[:-40],
    "flipped": _flipped(),
    "text": b"not arrays at all",
    "one array": _saved(np.save, arr=np.arange(3)),
    "objects": _saved(np.savez, names=np.array([{}], dtype=object)),
}


@pytest.fixture(params=DAMAGED)
def damaged(request, tmp_path: Path) -> Path:
    path = tmp_path / "arrays.npz"
    path.write_bytes(DAMAGED[request.param])
    return path


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    path.write_bytes(_whole())
    for found in (read_arrays(path), read_arrays(_whole())):
        assert list(found) == ["numbers", "names"]
        assert found["numbers"].sum() == (np.arange(2000) % 7).sum() and found["names"].tolist() == ["nv", "mel"]
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "missing.npz")


def test_whatever_was_overwritten_is_a_value_error_or_does_no_harm() -> None:
    whole = _whole()
    expected = read_arrays(whole)
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            try:
                found = read_arrays(damaged)
            except ValueError:
                continue
            assert all((found[name] == expected[name]).all() for name in set(found) & set(expected))


def test_every_reader_tells_a_damaged_file_in_its_own_words(damaged: Path, tmp_path: Path) -> None:
    raw = damaged.read_bytes()
    with pytest.raises(ValueError, match=r"."):
        read_arrays(damaged)
    with pytest.raises(RunError, match="no predictions on its test split to read; evaluate it"):
        predictions.load_predictions(damaged)
    with pytest.raises(BundleError, match=r"gate\.npz is not a bundle's gate"):
        gate.Gate.from_bytes(raw)
    with pytest.raises(BundleError, match=r"signatures\.npz is not a bundle's"):
        seen.unpack(raw)
    with pytest.raises(DataSourceError, match="cannot be read; audit the data again"):
        Signatures.load(damaged)
    folder = RunFolder(tmp_path)
    (folder.checkpoints / "0000000001").mkdir(parents=True)
    (folder.checkpoints / "0000000001" / "position.json").write_text("{}")
    (folder.checkpoints / "0000000001" / "arrays.npz").write_bytes(raw)
    with pytest.raises(RunError, match="is damaged"):
        checkpoint.load(folder.checkpoints)
    folder.taught.write_bytes(raw)
    assert distill._kept(folder, ["a"]) is None
