import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_core.data.cache import open_pixels
from skin_core.data.manifest import Manifest
from skin_core.errors import WorkspaceError
from skin_core.imaging.decode import to_input
from skin_core.paths import cache_dir

N = 12


@pytest.fixture
def manifest(tmp_path) -> Manifest:
    """Twelve pictures of one colour each; the fifth is cut short."""
    for number in range(N):
        picture = Image.new("RGB", (60, 40), (10 * number, 200 - 10 * number, 50))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        content = stream.getvalue()
        (tmp_path / f"{number:02}.png").write_bytes(content[:40] if number == 4 else content)
    frame = pd.DataFrame({"image_id": [f"I{n:02}" for n in range(N)], "location": [f"{n:02}.png" for n in range(N)]})
    return Manifest.validated(frame, source="folder", root=tmp_path)


def opened(manifest, **settings):
    return open_pixels(manifest, **{"size": 32, "crop": "squash", **settings})


def test_pixels_are_those_of_the_one_function(manifest):
    cache = opened(manifest)
    assert cache.pixels.shape == (N, 32, 32, 3) and cache.pixels.dtype == np.uint8 and not cache.streamed
    for row, location in enumerate(manifest.frame["location"]):
        if row != 4:
            expected = to_input((manifest.root / location).read_bytes(), 32, "squash")
            np.testing.assert_array_equal(cache.pixels[row], expected)


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_goes_through(manifest):
    cache = opened(manifest)
    assert list(cache.failed) == ["I04"] and "04.png" in cache.failed["I04"]
    assert not cache.pixels[4].any()
    assert opened(manifest).failed == cache.failed


def test_pictures_are_decoded_once(manifest):
    seen = []
    opened(manifest, progress=seen.append)
    assert seen[-1].done == seen[-1].total == N and seen[-1].what == "Decoding images"
    seen.clear()
    opened(manifest, progress=seen.append)
    assert not seen
    opened(manifest, crop="crop", progress=seen.append)
    opened(manifest, size=48, progress=seen.append)
    assert len([item for item in seen if item.done == N]) == 2


def test_color_constancy_has_a_cache_of_its_own(manifest):
    plain = opened(manifest)
    seen = []
    cache = opened(manifest, constancy="shades_of_grey", progress=seen.append)
    assert seen[-1].done == N and (plain.constancy, cache.constancy) == ("none", "shades_of_grey")
    expected = to_input((manifest.root / "07.png").read_bytes(), 32, "squash", "shades_of_grey")
    np.testing.assert_array_equal(cache.pixels[7], expected)
    # (70, 130, 50) of one color in light of its own is grey.
    assert np.unique(expected).tolist() == [90] and np.unique(plain.pixels[7]).tolist() == [50, 70, 130]
    names = sorted(entry.name.partition("-")[2] for entry in (cache_dir() / "pixels").iterdir() if entry.is_dir())
    assert names == ["32-squash", "32-squash-shades_of_grey"]


def test_rows_follow_the_manifest(manifest):
    turned = manifest.with_frame(manifest.frame.iloc[::-1])
    np.testing.assert_array_equal(opened(turned).pixels[::-1], opened(manifest).pixels)


def test_a_picture_that_was_replaced_is_decoded_again(manifest):
    opened(manifest)
    Image.new("RGB", (60, 40), (255, 255, 255)).save(manifest.root / "00.png")
    os.utime(manifest.root / "00.png", ns=(1, 1))
    assert (opened(manifest).pixels[0] == 255).all()


def test_a_set_that_is_too_large_streams_the_same_pixels(manifest, monkeypatch):
    stored = opened(manifest).pixels
    monkeypatch.setenv("LESIONLAB_CACHE_GB", "0.00001")
    white = opened(manifest, constancy="shades_of_grey")
    np.testing.assert_array_equal(np.unique(white.pixels[np.array([7])]), [90])
    cache = opened(manifest, crop="pad")
    assert cache.streamed and cache.pixels.shape == (N, 32, 32, 3) and len(cache.pixels) == N
    assert not cache.failed
    cached = np.asarray(stored)
    streamed = opened(manifest, size=33, crop="squash")
    assert streamed.streamed
    rows = np.array([3, 11, 4, 3])
    monkeypatch.delenv("LESIONLAB_CACHE_GB")
    np.testing.assert_array_equal(streamed.pixels[rows], opened(manifest, size=33).pixels[rows])
    assert list(streamed.failed) == ["I04"]
    np.testing.assert_array_equal(opened(manifest).pixels, cached)


def test_the_least_recently_used_goes_when_room_is_needed(manifest, monkeypatch):
    one = N * 32 * 32 * 3 / 2**30
    monkeypatch.setenv("LESIONLAB_CACHE_GB", str(2.5 * one))
    for crop, used in (("squash", 100), ("crop", 50)):
        opened(manifest, crop=crop)
        (folder,) = (entry for entry in (cache_dir() / "pixels").iterdir() if entry.name.endswith(f"-{crop}"))
        os.utime(folder, (used, used))
    opened(manifest, crop="pad")
    left = sorted(entry.name.rsplit("-", 1)[1] for entry in (cache_dir() / "pixels").iterdir() if entry.is_dir())
    assert left == ["pad", "squash"]


def test_a_limit_that_is_no_number_is_a_sentence(manifest, monkeypatch):
    monkeypatch.setenv("LESIONLAB_CACHE_GB", "plenty")
    with pytest.raises(WorkspaceError, match="must be a number of gigabytes; got 'plenty'"):
        opened(manifest)


def test_half_a_cache_left_by_an_older_version_is_made_anew(manifest):
    opened(manifest)
    (folder,) = (entry for entry in (cache_dir() / "pixels").iterdir() if entry.is_dir())
    for kept, lost in (("pixels.u8", "failed.json"), ("failed.json", "pixels.u8")):
        (folder / lost).unlink()
        assert (folder / kept).exists()
        cache = opened(manifest)
        assert not cache.streamed and list(cache.failed) == ["I04"] and (cache.pixels[7] == (70, 130, 50)).all()


def test_what_a_killed_removal_left_goes_when_room_is_made(manifest):
    left = cache_dir() / "pixels" / ".removed-0123456789abcdef"
    left.mkdir(parents=True)
    (left / "pixels.u8").write_bytes(b"0")
    opened(manifest)
    assert not left.exists()


KILLED = """
import sys
from pathlib import Path
import pandas as pd
from skin_core.data import cache, decoding
from skin_core.data.manifest import Manifest
decoding._CHUNK = 8
root = Path(sys.argv[1])
names = sorted(path.name for path in root.glob("*.png"))
manifest = Manifest.validated(pd.DataFrame({"image_id": names, "location": names}), source="folder", root=root)
cache.open_pixels(manifest, size=64, crop="squash", progress=lambda p: print(p.done, p.total, flush=True))
print("ready", flush=True)
"""


def test_a_killed_decoding_goes_on_where_it_was(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(120):
        Image.fromarray(rng.integers(0, 256, (700, 700, 3), dtype=np.uint8)).save(tmp_path / f"{number:03}.png")
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    states = cache_dir() / "pixels"
    deadline = time.monotonic() + 60
    while not list(states.glob("*.partial/state.u8")) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    (state,) = states.glob("*.partial/state.u8")
    done = int((np.fromfile(state, np.uint8) > 0).sum())
    assert 0 < done < 120
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{120 - done} {120 - done}\nready" in second.stdout
    names = [f"{number:03}.png" for number in range(120)]
    frame = pd.DataFrame({"image_id": names, "location": names})
    cache = open_pixels(Manifest.validated(frame, source="folder", root=tmp_path), size=64, crop="squash")
    for row in (0, 7, 60, 119):
        expected = to_input((Path(tmp_path) / names[row]).read_bytes(), 64, "squash")
        np.testing.assert_array_equal(cache.pixels[row], expected)


TAKES_TURNS = """
import sys
from pathlib import Path
import pandas as pd
from skin_core.data.cache import open_pixels
from skin_core.data.manifest import Manifest
root = Path(sys.argv[1])
names = sorted(path.name for path in root.glob("*.png"))
manifest = Manifest.validated(pd.DataFrame({"image_id": names, "location": names}), source="folder", root=root)
for turn in range(100):
    cache = open_pixels(manifest, size=32 + turn % 5, crop="squash")
    assert cache.pixels[:, 3, 3, 0].tolist() == [0 if name == "04.png" else 10 * int(name[:2]) for name in names]
print("ready")
"""


def test_processes_that_take_one_another_s_room_all_get_their_pixels(manifest, monkeypatch):
    monkeypatch.setenv("LESIONLAB_CACHE_GB", str(1.5 * N * 36 * 36 * 3 / 2**30))
    command = [sys.executable, "-c", TAKES_TURNS, str(manifest.root)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    told = [process.communicate() for process in processes]
    assert [out for out, _ in told] == ["ready\n"] * 3, [error[-2000:] for _, error in told]


WAITS = """
import sys
from pathlib import Path
import pandas as pd
from skin_core.data import cache, decoding
from skin_core.data.manifest import Manifest
decoding._CHUNK = 2
root = Path(sys.argv[1])
names = sorted(path.name for path in root.glob("*.png"))
manifest = Manifest.validated(pd.DataFrame({"image_id": names, "location": names}), source="folder", root=root)


def wait(progress):
    # Told before the folder gets its name: the decoding stands still with all its pictures recorded.
    if progress.done == len(names):
        print("waiting", flush=True)
        sys.stdin.read()


cache.open_pixels(manifest, size=48, crop="squash", progress=wait)
"""


def test_a_decoding_at_work_keeps_its_place_and_one_that_was_killed_gives_it(manifest, monkeypatch):
    command = [sys.executable, "-c", WAITS, str(manifest.root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waiting\n"
    states = cache_dir() / "pixels"
    (state,) = states.glob("*.partial/state.u8")
    # Room for either of the two.
    monkeypatch.setenv("LESIONLAB_CACHE_GB", str(N * 48 * 48 * 3 / 2**30))
    assert not opened(manifest).streamed and state.is_file()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # What is there already needs no room.
    assert not opened(manifest).streamed and state.is_file()
    assert not opened(manifest, crop="pad").streamed
    assert not list(states.glob("*.partial")) and not list(states.glob(".removed-*"))
