"""Ensembles of published bundles: made, and judged once on the test split that their members' runs have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skin_core.errors import BundleError, RunError
from skin_core.locks import held
from skin_core.paths import workspace, write_text
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import ensemble, trust
from skin_core.screening.bundle import Bundle, checked_bytes, read_info
from skin_core.screening.ensemble_members import check_members
from skin_core.screening.ensemble_pictures import common_test
from skin_core.screening.outputs import outputs_of
from skin_core.screening.pooling import HOWS, How
from skin_core.screening.predictions import save_predictions
from skin_core.screening.publish import write_bundle
from skin_core.screening.record import FILES, BundleInfo, Evaluation
from skin_core.screening.seen import unpack
from skin_core.screening.truth import scored
from skin_core.services.measured import Evaluated, earlier_look, measured
from skin_core.services.screening import is_trusted, list_bundles

__all__ = ["HOWS", "How", "candidates", "evaluate_ensemble", "goes_with", "make_ensemble"]


def make_ensemble(
    bundles: Sequence[str | Path],
    name: str,
    progress: ProgressCallback = ignore_progress,
    *,
    how: str = "mean",
    data: str | Path | None = None,
    overwrite: bool = False,
) -> BundleInfo:
    """Makes a bundle of several bundles; see `screening.ensemble.make_ensemble`.

    Raises:
        BundleError, DataSourceError, LeakError, WorkspaceError: one sentence on what stands against it.
    """
    return ensemble.make_ensemble(bundles, name, how=how, data=data, overwrite=overwrite, progress=progress)


def candidates() -> list[BundleInfo]:
    """The trusted bundles that may be a member: those of single runs. Reads their records only."""
    return [info for info in list_bundles() if info.ensemble is None and is_trusted(info)]


def goes_with(infos: Sequence[BundleInfo]) -> str:
    """One sentence on why bundles do not go together; "" if they do, as far as their records tell."""
    try:
        check_members(infos)
    except BundleError as error:
        return str(error)
    return ""


def evaluate_ensemble(name: str | Path, progress: ProgressCallback = ignore_progress) -> Evaluated:
    """Judges an ensemble on the locked test split that its members' runs have in common, once.

    The figures are recorded in the workspace and written into the bundle and its card; asked for again they are read
    from the record. An ensemble of the same networks that was fitted anew is judged anew, and the record says how often.

    Args:
        name: of an ensemble.
        progress: told what is done.

    Returns:
        ``{"n", "metrics": {name: {"value", "low", "high"}}, "notes": [...], ...}``; None where undefined.

    Raises:
        BundleError: if it is no ensemble, cannot be loaded, or a member's run is not here.
        RunError: if the runs have no test split in common, or another process is evaluating it.
        LeakError: if a member was trained on all of it.
    """
    info = read_info(name)
    if info.ensemble is None:
        raise BundleError(f"Bundle '{info.name}' is no ensemble; evaluate its run, or use evaluate-bundle on a set.")
    record = workspace() / "ensembles" / f"{_networks(info)}.json"
    record.parent.mkdir(exist_ok=True)
    # One look at a time, as of a run; the figures are written into the bundle once, too.
    with held(record.with_suffix(".lock"), f"Ensemble '{info.name}' is being evaluated", RunError):
        return _evaluated(name, record, progress)


def _evaluated(name: str | Path, record: Path, progress: ProgressCallback) -> Evaluated:
    # Read anew: whoever held the lock before may have written its figures into the bundle.
    bundle = Bundle.load(name)
    info = bundle.info
    earlier = earlier_look(record)
    if earlier.get("fitted") == _fitted(info):
        result = earlier
    else:
        result = _judge(bundle, int(earlier.get("count", 0)) + 1, record, progress)
        write_text(record, json.dumps(result, indent=1, allow_nan=False) + "\n")
    # The count, too: two looks may fall into one second.
    if (info.ensemble.evaluated, info.ensemble.evaluations) != (result["time"], result["count"]):
        progress(Progress("Writing the figures into the bundle", 0, 0))
        _write_into(info, result)
    return result


def _judge(bundle: Bundle, count: int, record: Path, progress: ProgressCallback) -> dict[str, Any]:
    from skin_core.data.cache import open_pixels

    info = bundle.info
    seen = unpack(checked_bytes(info, "signatures.npz"))
    pictures, left_out = common_test(info.name, info, seen, progress)
    manifest = pictures.manifest
    cache = open_pixels(
        manifest, size=info.image_size, crop=info.crop, constancy=info.color_constancy, progress=progress
    )
    failed = manifest.frame["image_id"].isin(set(cache.failed)).to_numpy(dtype=bool)
    rows = pictures.rows[~failed[pictures.rows]]
    if not len(rows):
        raise RunError(
            f"None of the test pictures of '{info.name}' can be read any more; bring the data set back to where it was."
        )
    tabular = None if bundle.encoder is None else bundle.encoder.encode(manifest.frame)
    outputs = outputs_of(
        bundle.engine, cache.pixels, rows, tabular, what="Looking at the test pictures", progress=progress
    )
    frame = manifest.frame.iloc[rows]
    truth = scored(info, frame, pictures.groups[rows], outputs.logits, group_word=pictures.word)
    save_predictions(record.with_suffix(".npz"), frame["image_id"].to_numpy(dtype=object), truth)
    notes = [f"Judged on {pictures.told}; each member was judged there, too."]
    if left_out:
        notes.append(f"{left_out} test pictures were left out: a member was made with them, their twins or lesions.")
    if count > 1:
        notes.append(f"The test split was read {count} times for this ensemble: its figures are no longer quite blind.")
    return {
        "n": len(rows),
        **measured(info, truth, pictures.seed),
        "notes": notes,
        "left_out": left_out,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": count,
        "fitted": _fitted(info),
        "members": [member.name for member in info.ensemble.members],
    }


def _write_into(info: BundleInfo, result: dict[str, Any]) -> None:
    """The figures, in ``bundle.json`` and on the card; the other files stay as they are."""
    found = {"evaluations": result["count"], "evaluated": result["time"]}
    test = Evaluation.model_validate(
        {"split": "test", **{part: result[part] for part in ("n", "metrics", "intervals", "class_rule")}}
    )
    judged = info.model_copy(
        update={
            "test": test,
            "ensemble": info.ensemble.model_copy(update=found),
            "facts": None if info.facts is None else info.facts.model_copy(update=found),
        }
    )
    files = {file: info.path / file for file in FILES if file != "MODEL_CARD.md"}
    written = write_bundle(files, judged, info.path, overwrite=True)
    trust.allow(written.digest, info.name)


def _networks(info: BundleInfo) -> str:
    """Names an ensemble by its networks and how they are pooled, whatever it is called and however often it is made."""
    engines = sorted(member.engine for member in info.ensemble.members)
    return hashlib.sha256(" ".join([info.ensemble.how, *engines]).encode()).hexdigest()[:32]


def _fitted(info: BundleInfo) -> str:
    """Changes with the graph, the calibration and the thresholds: with any of them, figures on the test split do."""
    parts = info.model_dump(mode="json", include={"calibration", "risk_calibration", "operating_point"})
    text = json.dumps([info.files["screen.tflite"], parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
