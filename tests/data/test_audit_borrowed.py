"""Lesion ids taken over from a set that knows them: the folders of the tutorials are full of HAM10000's pictures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from PIL import Image

from skin_core.data.audit import audit, with_lesion_ids_of
from skin_core.data.sources import read_manifest
from skin_core.data.split import make_split


def test_copies_take_the_lesion_id_and_stay_on_one_side(demo_ham10000: Path, tmp_path: Path) -> None:
    known = read_manifest(demo_ham10000)
    lesions = known.frame.groupby("group_id").size()
    several = known.frame[known.frame["group_id"].isin(lesions[lesions > 1].index)]
    for row in several.itertuples():
        target = tmp_path / "copies" / row.label / f"{row.image_id}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(demo_ham10000 / row.location) as picture:
            picture.resize((160, 160)).save(target, quality=80)
    copies = read_manifest(tmp_path / "copies")
    assert copies.frame["group_id"].isna().all()

    borrowed, notes = with_lesion_ids_of(copies, [known])
    expected = several.set_index("image_id")["group_id"]
    found = borrowed.frame.assign(name=[Path(place).stem for place in borrowed.frame["location"]])
    matched = found["group_id"].notna()
    assert matched.mean() > 0.95
    assert (found.loc[matched, "group_id"].to_numpy() == expected.loc[found.loc[matched, "name"]].to_numpy()).all()
    assert notes == (f"{int(matched.sum())} pictures took their lesion id from the same picture in ham10000.",)

    split = make_split(borrowed, audit(borrowed), seed=1, validation_fraction=0.2, test_fraction=0.2)
    sides = split.frame.merge(borrowed.frame[["image_id", "group_id"]], on="image_id").dropna(subset="group_id")
    assert (sides.groupby("group_id")["split"].nunique() == 1).all()
    assert pd.Series(sides["split"]).nunique() == 3
