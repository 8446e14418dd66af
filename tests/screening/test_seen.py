"""What a bundle carries of the pictures it was made with: enough to find them again, too little to see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skin_core.data.audit import seen_pictures, signatures
from skin_core.data.sources import read_manifest
from skin_core.errors import BundleError
from skin_core.screening.seen import hashed, pack, unpack, with_hashed_groups


def test_packed_signatures_find_their_pictures_and_copies_of_them(demo_ham10000: Path, tmp_path: Path) -> None:
    manifest = read_manifest(demo_ham10000)
    prints = signatures(manifest)
    # Every second picture again, at another size and compression, in two folders of classes.
    copied = []
    for number, path in enumerate(sorted(demo_ham10000.rglob("*.jpg"))[::2]):
        target = tmp_path / "copies" / f"class {number % 2}" / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as picture:
            picture.resize((150, 130)).save(target, quality=60)
        copied.append(target.name)
    copies = signatures(read_manifest(tmp_path / "copies"))
    packed = unpack(pack(prints))
    assert len(seen_pictures(packed, with_hashed_groups(prints)).image_ids) == len(prints)
    found = seen_pictures(packed, with_hashed_groups(copies)).image_ids
    assert len(found) >= 0.95 * len(copied)


def test_a_bundle_holds_no_recognisable_picture_and_no_name(demo_ham10000: Path) -> None:
    prints = signatures(read_manifest(demo_ham10000))
    raw = pack(prints)
    for name in (*prints.image_ids[:5], *prints.groups[:5]):
        assert name.encode() not in raw
    packed = unpack(raw)
    assert not set(packed.image_ids) & set(prints.image_ids)
    assert packed.groups[0] == hashed(prints.groups[0])
    # 16 pixels across: bicubic enlargement of what was kept gives back what is unpacked, so nothing finer is in there.
    small = np.asarray(Image.fromarray(packed.thumbs[0]).resize((16, 16), Image.Resampling.BOX))
    again = np.asarray(Image.fromarray(small).resize((32, 32), Image.Resampling.BICUBIC))
    assert np.abs(again.astype(int) - packed.thumbs[0]).mean() < 4


def test_something_else_is_refused_in_a_sentence() -> None:
    with pytest.raises(BundleError, match=r"signatures\.npz"):
        unpack(b"not an archive")
