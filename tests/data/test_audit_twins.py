"""Twins: which alterations are seen through, which look-alikes are not taken for twins, and that search scales."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

from skin_core.data.audit import Signatures, find_twins
from skin_core.data.audit.candidates import candidates
from skin_core.data.audit.descriptors import SEARCH_BAND, VIEWS, View, Whitening, spectra, view_of
from skin_core.imaging.signature import picture_signature
from skin_core.progress import ignore_progress


def texture(seed: int, width: int = 200, height: int = 150) -> Image.Image:
    """Smooth random structure: as much at coarse as at fine scale, like skin and unlike noise."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24):
        layer = Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8))
        picture += np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC), float) / cells
    picture -= picture.min()
    return Image.fromarray((picture * 255 / picture.max()).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int = 75) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def signed(pictures: list[Image.Image]) -> Signatures:
    found = [picture_signature(np.asarray(picture)) for picture in pictures]
    ids = tuple(str(number) for number in range(len(pictures)))
    return Signatures(
        ids,
        ids,
        ("",) * len(ids),
        np.stack([np.frombuffer(item.digest, np.uint8) for item in found]),
        np.stack([item.thumb for item in found]),
        np.array([item.size for item in found], np.int32),
    )


ALTERED = {
    "smaller": lambda p: p.resize((90, 68)),
    "squashed": lambda p: p.resize((180, 180)),
    "compressed": lambda p: jpeg(p, 25),
    "darker": lambda p: p.point(lambda v: v * 0.7),
    "gray": lambda p: p.convert("L").convert("RGB"),
    "mirrored": lambda p: jpeg(p.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "turned": lambda p: jpeg(p.transpose(Image.Transpose.ROTATE_90)),
    "turned and squashed": lambda p: jpeg(p.transpose(Image.Transpose.ROTATE_270).resize((128, 128))),
    "centre": lambda p: jpeg(p.crop((10, 8, 190, 142)).resize((224, 224))),
    "corner": lambda p: jpeg(p.crop((0, 0, 176, 132))),
    "off-centre": lambda p: jpeg(p.crop((7, 12, 187, 147)).resize((180, 180))),
    "four fifths": lambda p: jpeg(p.crop((20, 15, 180, 135))),
}


@pytest.fixture(scope="module")
def originals() -> Signatures:
    return signed([texture(seed) for seed in range(40)])


@pytest.mark.parametrize("name", ALTERED)
def test_alterations_are_seen_through_in_both_directions(originals, name):
    altered = signed([ALTERED[name](texture(seed)) for seed in range(40)])
    expected = {(str(n), str(n)) for n in range(40)}
    assert {pair[:2] for pair in find_twins(altered, originals)} == expected
    assert {pair[:2] for pair in find_twins(originals, altered)} == expected


def test_within_a_set_each_pair_is_told_once_and_copies_are_all_named():
    pictures = [texture(seed) for seed in range(6)]
    pictures += [pictures[2], jpeg(pictures[2]), jpeg(pictures[4])]  # 2 and 6 are identical, 7 is their twin
    twins = find_twins(signed(pictures))
    assert list(zip(twins.a.tolist(), twins.b.tolist(), strict=True)) == [(2, 7), (4, 8), (6, 7)]
    assert (twins.similarity < 1).all() and (twins.similarity > 0.97).all()


def test_pictures_without_structure_have_no_twins():
    plain = [Image.new("RGB", (50, 40), (value, value, value)) for value in (0, 90, 91, 255)]
    assert len(find_twins(signed([*plain, texture(0)]))) == 0
    assert len(find_twins(signed([Image.new("RGB", (1, 1))]))) == 0


def test_empty_sets():
    some, none = signed([texture(0)]), signed([texture(0)]).subset([])
    assert len(find_twins(none)) == len(find_twins(some, none)) == len(find_twins(none, some)) == 0


def test_a_view_from_the_spectrum_is_the_view_of_the_picture():
    picture = texture(3, 320, 320)
    thumb = lambda p: np.asarray(p.resize((32, 32), Image.Resampling.BILINEAR).convert("L"))[None]  # noqa: E731
    part = View(scale=0.8, x=1.0, y=0.0, flip_x=False)
    cut = view_of(spectra(thumb(picture.crop((64, 0, 320, 256)))), VIEWS[0], SEARCH_BAND)
    assert (view_of(spectra(thumb(picture)), part, SEARCH_BAND) * cut).sum() > 0.995
    for view in VIEWS[:8]:
        turned = view.oriented(thumb(picture))
        np.testing.assert_allclose(
            view_of(spectra(thumb(picture)), view, SEARCH_BAND),
            view_of(spectra(turned), VIEWS[0], SEARCH_BAND),
            atol=1e-3,
        )


def synthetic_thumbs(n: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    result = np.zeros((n, 32, 32), np.float32)
    for cells in (4, 8, 16):
        coarse = random.normal(size=(n, cells, cells)).astype(np.float32)
        result += np.kron(coarse, np.ones((32 // cells, 32 // cells), np.float32)) * 60 / cells
    return np.clip(result + 128, 0, 255).astype(np.uint8)


def test_hashing_finds_what_comparing_all_pairs_finds():
    thumbs = synthetic_thumbs(5000)
    noisy = np.clip(thumbs[:200] + np.random.default_rng(1).normal(0, 3, (200, 32, 32)), 0, 255).astype(np.uint8)
    found = candidates(np.concatenate([thumbs, noisy]), None, ignore_progress)  # 27 million pairs: by hashing
    pairs = set(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert sum((n, 5000 + n) in pairs for n in range(200)) == 200


def test_many_near_copies_do_not_become_all_pairs():
    base = synthetic_thumbs(1)[0].astype(int)
    random = np.random.default_rng(2)
    crowd = np.stack([np.clip(base + random.integers(-2, 3, (32, 32)), 0, 255) for _ in range(3000)]).astype(np.uint8)
    found = candidates(crowd, None, ignore_progress)
    assert len(found.a) < 3000 * 44 * 48
    assert len(set(found.a.tolist()) | set(found.b.tolist())) == 3000


@pytest.mark.real_data
def test_the_kept_whitening_is_that_of_ham10000(real_data):
    from skin_core.data.audit import signatures
    from skin_core.data.sources import read_manifest

    ham = signatures(read_manifest(real_data / "ham10000"))
    vectors = view_of(spectra(ham.thumbs[ham.distinct[0]]), VIEWS[0], SEARCH_BAND)
    kept, fresh = Whitening.of_lesions()(vectors[:500]), Whitening.fitted(vectors)(vectors[:500])
    # Axes are free in sign; what counts is who is like whom.
    np.testing.assert_allclose(kept @ kept.T, fresh @ fresh.T, atol=1e-3)


@pytest.mark.real_data
@pytest.mark.timeout(600)
def test_ten_thousand_real_images_within_two_minutes(real_data, tmp_path, monkeypatch):
    from skin_core.data.audit import audit
    from skin_core.data.sources import read_manifest

    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path))
    manifest = read_manifest(real_data / "ham10000")
    start = time.process_time()
    report = audit(manifest)
    assert time.process_time() - start < 240  # two minutes on two cores
    group = dict(zip(manifest.frame["location"], manifest.frame["group_id"], strict=True))
    apart = [pair for pair in report.near_duplicates if group[pair[0]] != group[pair[1]]]
    assert len(report.near_duplicates) > 300 and len(apart) < 30
