"""Exploring ISIC 2024's 401,059 rows (synthetic, 55 columns) on the Data page, against one ``pandas.read_csv``.

The page is asked as a browser asks it, over the app's own socket; a time is from the request for a page to the
message that its script has finished, so it is server time and holds no drawing in a browser.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from bench.harness import Report, in_turn, ratio, whole_process
from bench.served import Visitor, served
from skin_core.data.synthesis.tile_columns import TRAIN_COLUMNS
from skin_core.paths import workspace

ROWS, FEW_ROWS = 401_059, 4_000
# Published shares: 393 malignant of 401,059 tiles, 1,042 patients.
_MALIGNANT, _TILES_A_PATIENT = 393 / 401_059, 385


def run(quick: bool) -> Report:
    """One ``pandas.read_csv`` and one first view in turn, each view in an app of its own; then reruns and other parts.

    The app stands at its home page for some seconds before, as when a person types the path: what it loads in the
    background is loaded by then.
    """
    n = FEW_ROWS if quick else ROWS
    place = write_set(workspace() / f"tiles-{n}", n)
    csv = place / "train-metadata.csv"
    read, first, again, parts, peaks = [], [], [], {}, []
    for number in range(1 if quick else 3):
        # The reader has its own process too, with pandas imported before the clock starts.
        read.append(float(whole_process([sys.executable, "-c", _READ, str(csv)]).output))
        with served() as app:
            visitor = Visitor(app)
            visitor.open()
            time.sleep(1 if quick else 4)
            shown = visitor.open("Data", data=str(place))
            assert f"{n:,}" in shown.words()
            first.append(shown.seconds)
            again += [visitor.again().seconds for _ in range(3)]
            if number == 0:
                parts = _parts(str(place))
            peaks.append(app.memory_mb()[1])
            visitor.close()
    report = Report(
        "Exploring ISIC 2024's rows",
        settings={"rows": n, "columns": len(TRAIN_COLUMNS), "csv, MB": round(csv.stat().st_size / 1e6)},
        seconds={"pandas.read_csv": read, "first view": first, "later rerun": again},
        ratios=[
            ratio("first view over one pandas.read_csv", first, read, at_most=1.5),
            ratio("later rerun over 0.5 s", again, [0.5] * len(again), at_most=1),
            ratio("peak memory over 1 GB", peaks, [1000.0] * len(peaks), at_most=1),
        ],
        figures={"peak memory of the app, MB": max(peaks), **parts},
    )
    report.notes.append(
        "All tiles are one small picture: names are listed as in the published file, pixels are not read."
    )
    return report


def _parts(place: str) -> dict[str, float]:
    """Seconds of the services behind the other parts of the page, the first time they are asked for."""
    from skin_core.services import datasets, overview

    manifest = datasets.open_dataset(place, further=False)
    work = {
        "fingerprint, for the audit's part, s": lambda: manifest.fingerprint,
        "split, s": lambda: datasets.split_preview(manifest=manifest, report=None),
        "pictures of a class, s": lambda: overview.sample_pictures(manifest=manifest, label="benign", count=8),
    }
    return {name: seconds[0] for name, seconds in in_turn(work, repeats=1, warmups=0).items()}


_READ = """
import sys, time
import pandas
begun = time.perf_counter()
frame = pandas.read_csv(sys.argv[1])
print(time.perf_counter() - begun)
"""


def write_set(place: Path, n: int, seed: int = 0) -> Path:
    """Writes ``train-metadata.csv`` and ``train-image.hdf5`` in ISIC 2024's form, with drawn-by-lot values.

    Numbers have the published number of digits, so the csv is as large as the real one would be. All tiles are links
    to one small picture: what is listed is 401,059 names, as in the real file, and no disk is filled.
    """
    import pyarrow as pa
    import pyarrow.csv

    lot = np.random.default_rng(seed)
    place.mkdir(parents=True)
    ids = [f"ISIC_{number:07d}" for number in np.sort(lot.choice(9_999_999, n, replace=False))]
    columns = {name: _column(name, n, lot) for name in TRAIN_COLUMNS}
    columns["isic_id"] = pa.array(ids)
    table = pa.table(columns)
    # As published, only what holds a comma stands in quotes; Arrow would quote every word.
    with open(place / "train-metadata.csv", "wb") as file:
        plain = pyarrow.csv.WriteOptions(quoting_style="none")
        pyarrow.csv.write_csv(table, pa.PythonFile(_Quoting(file), mode="w"), plain)
    _write_tiles(place / "train-image.hdf5", ids)
    return place


class _Quoting:
    """A file that turns the stand-ins for a comma and a quote into what they stand for."""

    closed = False

    def __init__(self, file) -> None:
        self._file = file

    def write(self, part) -> int:
        self._file.write(bytes(part).replace(b"\x01", b",").replace(b"\x02", b'"'))
        return len(part)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        pass


def _column(name: str, n: int, lot: np.random.Generator):
    import pyarrow as pa

    malignant = np.zeros(n, bool)
    malignant[:: max(1, round(1 / _MALIGNANT))] = True

    def words(choices: list[str | None], shares: list[float] | None = None) -> pa.Array:
        return pa.array(choices, pa.string()).take(pa.array(lot.choice(len(choices), n, p=shares)))

    def only_malignant(choices: list[str]) -> pa.Array:
        drawn = lot.choice(choices, n)
        return pa.array([word if told else None for word, told in zip(drawn, malignant, strict=True)], pa.string())

    if name == "target":
        return pa.array(malignant.astype(int))
    if name == "patient_id":
        return words([f"IP_{number:07d}" for number in lot.choice(9_999_999, max(2, n // _TILES_A_PATIENT), False)])
    if name == "age_approx":
        years = lot.integers(1, 18, n) * 5.0
        return pa.array(years, mask=lot.random(n) < 0.007)
    if name == "sex":
        return words(["male", "female", None], [0.66, 0.31, 0.03])
    if name == "anatom_site_general":
        sites = ["posterior torso", "lower extremity", "anterior torso", "upper extremity", "head/neck", None]
        return words(sites, [0.30, 0.26, 0.22, 0.175, 0.03, 0.015])
    if name in _WORDS:
        return words(_WORDS[name])
    if name == "lesion_id":
        named = lot.random(n) < 0.055
        return pa.array([f"IL_{i:07d}" if told else None for i, told in enumerate(named)], pa.string())
    if name in ("iddx_full", "iddx_1"):
        return pa.array(np.where(malignant, "Malignant", "Benign"))
    if name.startswith("iddx_"):
        return only_malignant(["Malignant melanocytic proliferations (Melanoma)", "Malignant epidermal proliferations"])
    if name == "mel_mitotic_index":
        return only_malignant(["0/mm^2", "<1/mm^2"])
    if name == "mel_thick_mm":
        return pa.array(np.round(lot.random(n), 1), mask=~malignant)
    if name == "clin_size_long_diam_mm":
        return pa.array(np.round(1 + lot.gamma(2, 1.5, n), 2))
    if name == "tbp_lv_symm_2axis_angle":
        return pa.array(lot.integers(0, 36, n) * 5)
    scale = 500 if name in ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z") else 30
    return pa.array(np.round(lot.normal(scale, scale / 3, n), 13))


_WORDS: dict[str, list[str | None]] = {
    "image_type": ["TBP tile: close-up"],
    "tbp_tile_type": ["3D: XP", "3D: white"],
    "tbp_lv_location": [f"{side} {part}" for side in ("Right", "Left") for part in ("Arm - Upper", "Leg - Lower")],
    "tbp_lv_location_simple": ["Right Arm", "Left Arm", "Right Leg", "Left Leg", "Torso Back", "Torso Front"],
    "attribution": [
        "Memorial Sloan Kettering Cancer Center",
        "\x02Department of Dermatology\x01 Hospital Clínic de Barcelona\x02",
        "\x02Frazer Institute\x01 The University of Queensland\x01 Dermatology Research Centre\x02",
    ],
    "copyright_license": ["CC-BY", "CC-BY-NC", "CC-0"],
}


def _write_tiles(target: Path, ids: list[str]) -> None:
    import h5py

    from skin_core.services.examples import example_picture

    with h5py.File(target, "w") as file:
        file[ids[0]] = np.bytes_(example_picture())
        first = file.id
        for name in ids[1:]:
            first.links.create_hard(name.encode(), first, ids[0].encode())
