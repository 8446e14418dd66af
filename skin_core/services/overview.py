"""What a data set consists of, counted: vectorised, so that 400,000 rows take a fraction of a second."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skin_core.data.words import as_arrow, codes
from skin_core.errors import SkinCoreError
from skin_core.services.datasets import is_synthetic

if TYPE_CHECKING:
    import pyarrow as pa

    from skin_core.data.manifest import Manifest

UNKNOWN = "not known"
AGE_STEP = 5
_TOLD = ("label", "risk_level", "group_id", "age", "sex", "site")


@dataclass(frozen=True)
class Overview:
    """Counts of a manifest.

    Attributes:
        n_images: rows.
        n_labelled: rows with a label.
        n_groups: lesions or patients; 0 where the set names none.
        n_grouped: rows that name their lesion or patient.
        classes: one row a class, largest first: class, title, risk_level (NA where unknown), n, share (of labelled).
        prescribed: images of each split that the set itself prescribes; empty where it prescribes none.
        ages: label, age (lower edge of five years), n.
        sexes: label, sex, n; a missing sex is "not known".
        sites: label, site, n; a missing site is "not known".
        missing: column, n, share: what the set does not tell.
        synthetic: whether its pictures are drawn.
    """

    n_images: int
    n_labelled: int
    n_groups: int
    n_grouped: int
    classes: pd.DataFrame
    prescribed: dict[str, int]
    ages: pd.DataFrame
    sexes: pd.DataFrame
    sites: pd.DataFrame
    missing: pd.DataFrame
    synthetic: bool

    @property
    def smallest_class(self) -> int:
        """Images of the smallest class; 0 without labels."""
        return int(self.classes["n"].min()) if len(self.classes) else 0


def overview(*, manifest: Manifest) -> Overview:
    """Counts classes, splits, ages, sexes, sites and what is missing; opens no image."""
    import pyarrow.compute as compute

    from skin_core.data.risk import risk_table

    frame = manifest.frame
    labels = list(manifest.classes)
    of = codes(frame["label"], labels)
    classes = risk_table(manifest)[["class", "title", "risk_level", "n"]]
    classes = classes.sort_values(["n", "class"], ascending=[False, True], ignore_index=True)
    classes["share"] = classes["n"] / max(1, classes["n"].sum())
    age = frame["age"].to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(age)
    lower = np.floor(age[known] / AGE_STEP).astype(int)
    edges = list(range(0, AGE_STEP * (int(lower.max(initial=0)) + 1), AGE_STEP))
    words = {name: as_arrow(frame[name]) for name in ("label", "risk_level", "group_id", "sex", "site", "split")}
    absent = {name: array.null_count for name, array in words.items() if name != "split"}
    absent = {name: absent.get(name, int((~known).sum())) for name in _TOLD}
    n_labelled, n_grouped = (len(frame) - absent[name] for name in ("label", "group_id"))
    return Overview(
        n_images=len(frame),
        n_labelled=n_labelled,
        n_groups=compute.count_distinct(words["group_id"]).as_py(),
        n_grouped=n_grouped,
        classes=classes,
        prescribed=_largest_first(words["split"]),
        ages=_counted(labels, of[known], edges, lower, "age"),
        sexes=_counted(labels, of, *_levels(words["sex"]), "sex"),
        sites=_counted(labels, of, *_levels(words["site"]), "site"),
        missing=pd.DataFrame(
            {"column": list(absent), "n": list(absent.values()), "share": np.array(list(absent.values())) / len(frame)}
        ),
        synthetic=is_synthetic(manifest),
    )


def image_sizes(*, manifest: Manifest, sample: int = 120, seed: int = 0) -> pd.DataFrame:
    """Width and height of a random sample of images as the decoder would give them.

    Returns:
        width and height (pixels), n, most frequent first; images that cannot be read are left out.
    """
    from skin_core.data.images import ImageReader
    from skin_core.imaging.decode import upright_size

    rows = np.random.default_rng(seed).permutation(len(manifest))[:sample]
    reader = ImageReader(manifest.root)
    found: list[tuple[int, int]] = []
    for location in manifest.frame["location"].iloc[np.sort(rows)]:
        try:
            found.append(upright_size(reader.bytes(location)))
        except SkinCoreError:
            continue
    sizes = pd.DataFrame(found, columns=["width", "height"])
    return sizes.value_counts(sort=True).rename("n").reset_index()


def sample_pictures(*, manifest: Manifest, label: str, count: int, turn: int = 0) -> pd.DataFrame:
    """A handful of images of a class; each turn shows others until all were shown.

    Returns:
        image_id, location, label and group_id of at most ``count`` rows.
    """
    rows = np.flatnonzero(codes(manifest.frame["label"], [label]) == 0)
    order = np.random.default_rng(0).permutation(rows)
    if len(order) > count:
        order = order[(np.arange(count) + turn * count) % len(order)]
    return manifest.frame.iloc[order][["image_id", "location", "label", "group_id"]].reset_index(drop=True)


def thumbnail(*, root: str | Path, location: str, side: int = 160) -> bytes:
    """A picture made small, as JPEG bytes, from the same decoding that training uses.

    Args:
        root: the folder that ``location`` is below.
        location: as in the manifest.
        side: the longer side in pixels.

    Raises:
        SkinCoreError: one sentence, if the file is no usable image.
    """
    from PIL import Image

    from skin_core.data.images import ImageReader
    from skin_core.imaging.decode import decode

    pixels = decode(ImageReader(Path(root)).bytes(location), name=location)
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def rows_at(*, manifest: Manifest, locations: list[str]) -> pd.DataFrame:
    """The rows of these locations, in their order; unknown ones are left out."""
    frame = manifest.frame
    found = frame.loc[frame["location"].isin(locations).to_numpy(dtype=bool)]
    order = {location: position for position, location in enumerate(locations)}
    return found.sort_values("location", key=lambda column: column.map(order), ignore_index=True)


def _levels(words: pa.LargeStringArray) -> tuple[list[str], np.ndarray]:
    """The different words, sorted and "not known" last, and the place of each row's among them."""
    coded = words.dictionary_encode()
    known = coded.dictionary.to_pylist()
    levels = [*sorted(known), UNKNOWN]
    places = np.array([*(levels.index(word) for word in known), len(known)])
    return levels, places[coded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)]


def _largest_first(words: pa.LargeStringArray) -> dict[str, int]:
    counts = {entry["values"]: entry["counts"] for entry in words.drop_null().value_counts().to_pylist()}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _counted(labels: list[str], of: np.ndarray, values: list, at: np.ndarray, name: str) -> pd.DataFrame:
    """Rows of each class and value, where there are any; rows without a class (``of`` beyond ``labels``) are left out.

    Args:
        labels: the classes.
        of: int (N,), place of each row's class.
        values: the values of the column.
        at: int (N,), place of each row's value.
        name: of the column.
    """
    pairs = np.bincount(of * len(values) + at, minlength=(len(labels) + 1) * len(values))
    counts = pairs.reshape(-1, len(values))[: len(labels)]
    label, value = np.nonzero(counts)
    return pd.DataFrame(
        {
            "label": pd.array([labels[place] for place in label], dtype="string"),
            name: [values[place] for place in value],
            "n": counts[label, value],
        }
    )
