"""Writes a bundle: everything into a folder beside its place, hashed, then renamed into place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from skin_core.errors import BundleError, RunError, WorkspaceError
from skin_core.paths import models_dir
from skin_core.progress import Progress, ProgressCallback, ignore_progress
from skin_core.screening import trust
from skin_core.screening.bundle import check_name, read_info
from skin_core.screening.card import model_card
from skin_core.screening.draft import AS_TRAINED, Draft, draft
from skin_core.screening.record import FILES, BundleInfo, Evaluation
from skin_core.screening.seen import pack
from skin_core.screening.variant import Variant
from skin_core.training import store
from skin_core.training.folder import RunFolder

_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def publish(
    run_id: str,
    name: str,
    *,
    overwrite: bool = False,
    variant: Variant = AS_TRAINED,
    progress: ProgressCallback = ignore_progress,
) -> BundleInfo:
    """Makes a bundle of a run and puts it on the allow-list.

    Args:
        run_id: a run with a finished epoch that is not at work.
        name: ``[a-z0-9_-]+``, not taken.
        overwrite: replaces a bundle of that name.
        variant: the engine's size.
        progress: told what is done.

    Raises:
        RunError: if there is no such run, or it cannot be published (the sentence says why).
        BundleError: for a bad or taken name, or if LiteRT differs from Keras.
        WorkspaceError: if there is no space.
    """
    check_name(name)
    view = store.view(run_id)
    if not view.publishable:
        raise RunError(f"Run {run_id} cannot be published: {view.why_not}")
    target = models_dir() / name
    if target.exists() and not overwrite:
        raise _taken(name)
    folder = RunFolder.of(run_id)
    made = draft(folder, progress, variant)
    progress(Progress("Writing the bundle", 0, 0))
    info = made.info.model_copy(
        update={
            "name": name,
            "title": view.title or made.info.title,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "test": recorded_test(folder, made),
        }
    )
    published = _write(folder, made, info, target, overwrite)
    trust.allow(published.digest, name)
    store.record_published(run_id, name)
    return published


def recorded_test(folder: RunFolder, made: Draft) -> Evaluation | None:
    """The run's recorded figures on the locked test split, if they are of the same model."""
    try:
        found = json.loads((folder.path / "evaluation.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if found.get("model") != made.key:
        return None
    facts = {name: found[name] for name in ("n", "metrics", "intervals")}
    return Evaluation.model_validate({"split": "test", **facts})


def _write(folder: RunFolder, made: Draft, info: BundleInfo, target: Path, overwrite: bool) -> BundleInfo:
    try:
        # A name with a dot is no bundle's, so nobody lists or loads it half written.
        making = Path(tempfile.mkdtemp(prefix=f".{info.name}-", dir=target.parent))
        try:
            for file in ("screen.tflite", "model.keras", "gate.npz"):
                shutil.copyfile(made.path / file, making / file)
            (making / "signatures.npz").write_bytes(pack(_seen(folder)))
            (making / "MODEL_CARD.md").write_text(model_card(info), encoding="utf-8")
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
            raise _taken(target.name) from None
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    try:
        os.rename(target, aside / "old")
        try:
            os.rename(making, target)
        except OSError as error:
            if error.errno in _OCCUPIED:
                raise _taken(target.name) from None
            os.rename(aside / "old", target)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _taken(name: str) -> BundleError:
    return BundleError(f"There is already a bundle '{name}'; choose another name.")


def _seen(folder: RunFolder):
    """Fingerprints of the pictures that the run, its ancestors, its early stopping and its threshold have used."""
    from skin_core.data.audit import Signatures

    trained = Signatures.load(folder.signatures)
    if not folder.signatures_validation.exists():
        return trained
    return trained.merged(Signatures.load(folder.signatures_validation))
