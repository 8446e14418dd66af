"""Writing a cast in each published layout, byte for byte in its naming."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from skin_core.data.sites import general_site
from skin_core.data.synthesis.cast import Specimen
from skin_core.data.synthesis.faults import file_bytes
from skin_core.data.synthesis.picture import Photograph, photograph
from skin_core.data.synthesis.tile_columns import TEST_COLUMNS, TRAIN_COLUMNS, measured

# Passes specimens through and tells how far the work is.
Track = Callable[[list[Specimen]], Iterable[Specimen]]


def write_folder(out: Path, cast: list[Specimen], track: Track) -> dict[str, str]:
    """``<out>/{train,test}/<class>/<id>.jpg``. Returns image_id to location, as the other writers do."""
    places = {}
    for specimen in track(cast):
        if specimen.fault == "missing":
            continue
        location = f"{specimen.split}/{specimen.label}/{specimen.image_id}.jpg"
        _write(out / location, file_bytes(specimen, photograph(specimen.shot)))
        places[specimen.image_id] = location
    return places


def write_ham10000(out: Path, cast: list[Specimen], track: Track) -> dict[str, str]:
    """``HAM10000_metadata.csv`` and the pictures in two parts."""
    ordered = sorted(cast, key=lambda specimen: specimen.image_id)
    places = {}
    for rank, specimen in enumerate(track(ordered)):
        if specimen.fault == "missing":
            continue
        part = 1 if rank < (len(ordered) + 1) // 2 else 2
        location = f"HAM10000_images_part_{part}/{specimen.image_id}.jpg"
        _write(out / location, file_bytes(specimen, photograph(specimen.shot)))
        places[specimen.image_id] = location
    rows = [
        (s.lesion_id, s.image_id, s.label, "synthetic", "" if s.age is None else f"{s.age:.1f}", s.sex, s.site)
        for s in sorted(cast, key=lambda specimen: (specimen.lesion_id, specimen.image_id))
    ]
    header = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
    _write_csv(out / "HAM10000_metadata.csv", header, rows)
    return places


def write_isic2024(out: Path, cast: list[Specimen], track: Track) -> dict[str, str]:
    """``{train,test}-metadata.csv`` and ``{train,test}-image.hdf5``; the test rows bear no answer."""
    import h5py

    places = {}
    tables: dict[str, list[dict]] = {"train": [], "test": []}
    files = {split: h5py.File(out / f"{split}-image.hdf5", "w") for split in tables}
    try:
        for specimen in track(cast):
            photo = photograph(specimen.shot)
            tables[specimen.split].append(_tile_row(specimen, photo))
            if specimen.fault == "missing":
                continue
            content = file_bytes(specimen, photo)
            # A byte string, as published; HDF5 has none of length 0, which is therefore stored as one null.
            files[specimen.split].create_dataset(specimen.image_id, data=np.bytes_(content or b"\0"))
            places[specimen.image_id] = f"{specimen.split}-image.hdf5::{specimen.image_id}"
    finally:
        for file in files.values():
            file.close()
    for split, columns in (("train", TRAIN_COLUMNS), ("test", TEST_COLUMNS)):
        rows = sorted(tables[split], key=lambda row: row["isic_id"])
        _write_csv(out / f"{split}-metadata.csv", columns, [[row.get(name, "") for name in columns] for row in rows])
    return places


def _tile_row(specimen: Specimen, photo: Photograph) -> dict:
    site = general_site(pd.Series([specimen.site])).iloc[0]
    return {
        "isic_id": specimen.image_id,
        "target": int(specimen.label == "malignant"),
        "patient_id": specimen.patient_id,
        "lesion_id": specimen.lesion_id,
        "age_approx": "" if specimen.age is None else f"{specimen.age:.1f}",
        "sex": "" if specimen.sex == "unknown" else specimen.sex,
        "anatom_site_general": "" if pd.isna(site) else site,
        "image_type": "TBP tile: close-up",
        "attribution": "Drawn by LesionLab",
        "copyright_license": "CC-0",
        "iddx_full": specimen.label.capitalize(),
        "iddx_1": specimen.label.capitalize(),
        **measured(photo),
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


WRITERS: dict[str, Callable[[Path, list[Specimen], Track], dict[str, str]]] = {
    "folder": write_folder,
    "ham10000": write_ham10000,
    "isic2024": write_isic2024,
}
