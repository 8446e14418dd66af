"""The search's keys, against signs counted one by one; the closer look at pairs that are given up."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from skin_core.data.audit.candidates import _in_bytes, _keys, _Tables
from skin_core.data.audit.descriptors import VIEWS, View, unit
from skin_core.data.audit.registration import twins_among


@pytest.mark.parametrize("bits", [8, 9, 10, 13, 16, 19, 23, 24, 30])
@pytest.mark.parametrize("tables", [1, 32])
def test_a_key_is_the_signs_under_its_directions(bits: int, tables: int):
    lot = np.random.default_rng(bits)
    vectors = lot.normal(size=(600, 7)).astype(np.float32)
    directions = lot.choice([-1.0, 1.0], (7, tables, bits)).astype(np.float32)

    found = _keys(vectors, _in_bytes(directions), tables, bits)

    assert found.shape == (tables, 600)
    for table in (0, tables - 1):
        for row in (0, 511, 512, 599):
            signs = ["1" if vectors[row] @ directions[:, table, bit] > 0 else "0" for bit in range(bits)]
            assert found[table, row] == int("".join(signs), 2)


def test_pictures_with_the_same_key_meet_once_and_others_do_not():
    vectors = unit(np.random.default_rng(0).normal(size=(3000, 63)).astype(np.float32))
    vectors[7] = 0.0  # No structure, no direction: nobody meets it.
    tables = _Tables(vectors)

    here, there = tables.meetings(vectors)
    pairs = set(zip(here.tolist(), there.tolist(), strict=True))

    assert len(pairs) == len(here)
    assert {(row, row) for row in range(3000) if row != 7} <= pairs
    assert 7 not in here
    every = _keys(vectors, tables._directions, 32, tables.bits)
    for one, other in sorted(pairs)[::97]:
        assert (every[:, one] == every[:, other]).any()


def test_rows_shorter_than_noise_become_zeros():
    rows = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], np.float32)
    found = unit(rows, floor=1.0)
    np.testing.assert_array_equal(found, np.array([[0.6, 0.8], [0, 0], [0, 0]], np.float32))
    assert found.dtype == np.float32


def test_pairs_that_are_all_given_up_are_no_twins():
    lot = np.random.default_rng(0)
    a, b = lot.integers(0, 256, (2, 5, 32, 32), dtype=np.uint8)
    same, values = twins_among(a, b, np.arange(5) + 10)
    assert not same.any()
    assert (values < 0.9).all()


def test_a_part_is_found_again_among_pairs_that_are_given_up():
    lot = np.random.default_rng(1)
    large = np.array(Image.fromarray(lot.integers(0, 256, (5, 5), dtype=np.uint8)).resize((320, 320), Image.BICUBIC))
    whole, part = (np.array(Image.fromarray(cut).resize((32, 32), Image.BOX)) for cut in (large, large[16:304, 16:304]))
    strange = lot.integers(0, 256, (32, 32), dtype=np.uint8)
    views = np.full(3, VIEWS.index(View(0.9, 0.5, 0.5)))
    same, values = twins_among(np.stack([strange, part, strange]), np.stack([whole, whole, whole]), views)
    np.testing.assert_array_equal(same, [False, True, False])
    assert values[1] > 0.99
