"""Writes a bundle: everything into a folder beside its place, hashed, then renamed into place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from skin_core.errors import BundleError, LeakError, RunError, WorkspaceError
from skin_core.evaluation.operating_point import Rule
from skin_core.paths import models_dir
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import trust
from skin_core.screening.bundle import check_name, read_info
from skin_core.screening.card import model_card
from skin_core.screening.draft import AS_TRAINED, Draft, draft
from skin_core.screening.map_check import checked_maps
from skin_core.screening.operating import decided_by
from skin_core.screening.record import FILES, BundleInfo, Evaluation
from skin_core.screening.seen import pack
from skin_core.screening.served import check_served
from skin_core.screening.story import run_facts
from skin_core.screening.variant import Variant, predictor_of, version_of
from skin_core.training import store
from skin_core.training.ancestors import seen_by
from skin_core.training.folder import RunFolder

_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def publish(
    run_id: str,
    name: str,
    *,
    overwrite: bool = False,
    variant: Variant = AS_TRAINED,
    without_test: bool = False,
    rule: Rule | None = None,
    progress: ProgressCallback = ignore_progress,
) -> BundleInfo:
    """Makes a bundle of a run and puts it on the allow-list.

    Args:
        run_id: a run with a finished epoch that is not at work.
        name: ``[a-z0-9_-]+``, not taken.
        overwrite: replaces a bundle of that name.
        variant: the engine's form.
        without_test: publishes a run that was not evaluated on its locked test split, such as one that has none; the
            card says so.
        rule: how the threshold is chosen, on validation; by default as `draft` does.
        progress: told what is done.

    Raises:
        RunError: if there is no such run, it was not evaluated, or it cannot be published (the sentence says why).
        LeakError: if its split leaked.
        BundleError: for a bad or taken name, if LiteRT differs from Keras, or if validation pictures screened from
            their files get other probabilities than in the run, or if the network with random weights cannot be made.
        WorkspaceError: if there is no space.
    """
    check_name(name)
    view = store.view(run_id)
    if not view.publishable:
        raise RunError(f"Run {run_id} cannot be published: {view.why_not}")
    target = models_dir() / name
    if target.exists() and not overwrite:
        raise name_taken(name)
    folder = RunFolder.of(run_id)
    _refuse_leak(folder)
    if not (without_test or folder.evaluation.is_file()):
        raise _not_evaluated(run_id)
    made = draft(folder, progress, variant)
    test = recorded_test(folder, made)
    if test is None and not without_test:
        raise _not_evaluated(run_id, variant)
    served = check_served(folder, made, progress, as_trained=variant == AS_TRAINED)
    info = made.info
    if rule is not None:
        progress(Progress("Figures at the chosen threshold", 0, 0))
        info, test = decided_by(rule, folder, made, test)
    maps = checked_maps(folder, made, progress)
    progress(Progress("Writing the bundle", 0, 0))
    info = info.model_copy(
        update={
            "name": name,
            "title": view.title or made.info.title,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "test": test,
            "parity": {**made.info.parity, "served": served.difference, "served_n": float(served.n)},
            "map_check": maps.check,
            "facts": run_facts(folder, view.best_epoch),
        }
    )
    published = _write(folder, made, info, target, overwrite)
    trust.allow(published.digest, name)
    store.record_published(run_id, name)
    return published


def recorded_test(folder: RunFolder, made: Draft) -> Evaluation | None:
    """The run's recorded figures on the locked test split, if they are of the same weights.

    Of another size of their engine they are told as such: reading the split once more for each size would spend it.
    A pruned network, or the mean over several views, is another predictor and has no figures but its own; and figures of
    a risk that an earlier version calibrated otherwise are of another risk.
    """
    try:
        found = json.loads(folder.evaluation.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    judged = str(found.get("model", ""))
    if judged.partition("-")[0] != made.key.partition("-")[0]:
        return None
    if predictor_of(judged) != predictor_of(made.key) or version_of(judged) != version_of(made.key):
        return None
    facts = {name: found[name] for name in ("n", "metrics", "intervals", "class_rule") if name in found}
    if judged != made.key:
        facts["intervals"] += (
            " They are of the same weights in another engine; what this one loses is told on validation."
        )
    return Evaluation.model_validate({"split": "test", **facts})


def _refuse_leak(folder: RunFolder) -> None:
    try:
        leaking = json.loads(folder.prepared.read_text(encoding="utf-8")).get("leaking")
    except (FileNotFoundError, ValueError):
        leaking = False
    if leaking:
        raise LeakError(
            f"The split of run {folder.run_id} leaks: lesions or twins lie on more than one side, so its figures are too good and it is not published; train it again with clean=true."
        )


def _not_evaluated(run_id: str, variant: Variant = AS_TRAINED) -> RunError:
    form = f", with {variant.options}, since that makes it another predictor" if variant.options else ""
    return RunError(
        f"Run {run_id} was not evaluated on its locked test split, so nobody knows how good it is; evaluate it first{form}. A run without a test split can be published with --without-test, which its card then says."
    )


def _write(folder: RunFolder, made: Draft, info: BundleInfo, target: Path, overwrite: bool) -> BundleInfo:
    files: dict[str, bytes | Path] = {name: made.path / name for name in ("screen.tflite", "model.keras", "gate.npz")}
    return write_bundle({**files, "signatures.npz": pack(seen_by(folder))}, info, target, overwrite=overwrite)


def write_bundle(
    files: Mapping[str, bytes | Path], info: BundleInfo, target: Path, *, overwrite: bool = False
) -> BundleInfo:
    """Writes a bundle's folder beside its place and renames it into place.

    Args:
        files: content, or where it lies, of each of `record.FILES` but the card, which is made from ``info``.
        info: complete but for the hashes.
        target: where the bundle is to lie.
        overwrite: replaces what is there.

    Returns:
        The record as it was written.

    Raises:
        BundleError: if there is one of that name already.
        WorkspaceError: if there is no space.
    """
    try:
        # A name with a dot is no bundle's, so nobody lists or loads it half written.
        making = Path(tempfile.mkdtemp(prefix=f".{info.name}-", dir=target.parent))
        try:
            for name, content in {**files, "MODEL_CARD.md": model_card(info).encode()}.items():
                if isinstance(content, Path):
                    shutil.copyfile(content, making / name)
                else:
                    (making / name).write_bytes(content)
            hashes = {file: hashlib.sha256((making / file).read_bytes()).hexdigest() for file in FILES}
            info = info.model_copy(update={"files": hashes})
            (making / "bundle.json").write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")
            making.chmod(0o755)
            _put_in_place(making, target, overwrite)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        raise WorkspaceError(
            f"The bundle cannot be written to {target} ({error.strerror}); free some space, or move the bundles with LESIONLAB_MODELS."
        ) from error
    return read_info(target)


def _put_in_place(making: Path, target: Path, overwrite: bool) -> None:
    # Renaming onto a folder that holds something fails, so of two that publish one name at once, one is told.
    try:
        os.rename(making, target)
        return
    except OSError as error:
        if error.errno not in _OCCUPIED:
            raise
        if not overwrite:
            raise name_taken(target.name) from None
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    try:
        os.rename(target, aside / "old")
        try:
            os.rename(making, target)
        except OSError as error:
            if error.errno in _OCCUPIED:
                raise name_taken(target.name) from None
            os.rename(aside / "old", target)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def name_taken(name: str) -> BundleError:
    """The sentence for a name that another bundle has."""
    return BundleError(f"There is already a bundle '{name}'; choose another name.")
