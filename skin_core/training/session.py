"""One worker's go at a run: data, network, loop and report put together."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from skin_core.arrays import read_arrays
from skin_core.config import RunConfig
from skin_core.data.balance import distribution
from skin_core.errors import ConfigError
from skin_core.models.keras_alone import load_keras
from skin_core.models.registry import family
from skin_core.paths import atomic_path
from skin_core.progress import Progress
from skin_core.training import backend, network
from skin_core.training import features as feature_cache
from skin_core.training.distill import taught
from skin_core.training.feed import FeatureFeed, Feed, PixelFeed
from skin_core.training.folder import BATCH_COLUMNS, EPOCH_COLUMNS, RunFolder, append_rows, read_rows, write_rows
from skin_core.training.loop import Listeners, Loop, Position, StopRequested
from skin_core.training.prepare import Prepared, prepare
from skin_core.training.report import write_distribution, write_report

if TYPE_CHECKING:
    import keras

    from skin_core.data.batches import Pixels
    from skin_core.models.objective import Objective
    from skin_core.training.tracking import Tracker

log = logging.getLogger("skin_core.training")


class Session:
    """Prepares, trains and reports.

    Args:
        folder: of the run.
        config: of the run.
        stop: asked often; True ends the work at the next batch.
    """

    def __init__(self, folder: RunFolder, config: RunConfig, stop: Callable[[], bool]) -> None:
        self.folder = folder
        self.config = config
        self._stop = stop
        self._tracker: Tracker
        self._network: keras.Model
        self._objective: Objective
        self._frozen: feature_cache.Backbone
        self._taught: np.ndarray | None = None
        self._fold_number: int | None = None
        self._backend = ""
        self._unsynced: list[Mapping[str, float]] = []

    def run(self) -> None:
        """Works until the run is finished.

        Raises:
            StopRequested: when asked to stop; what is reached is saved and reported.
            SkinCoreError: one sentence on what went wrong.
        """
        state = self.folder.update_state(status="preparing")
        self._told(Progress("Starting", 0, 0))
        # Before anything long: a backend that is not there should not be told after an hour of preparing.
        self._backend = backend.choose(state.backend)
        self._tracker = self._tracked(state.tracking_id)
        self.folder.update_state(tracking_id=self._tracker.tracking_id)
        ended = "FAILED"
        try:
            prepared = self._prepared()
            prepared, pixels = self._decoded(prepared)
            self.folder.update_state(classes=prepared.classes, synthetic=prepared.synthetic, notes=prepared.notes)
            self._train(prepared, pixels)
            ended = "FINISHED"
        except StopRequested:
            ended = "KILLED"
            raise
        finally:
            state = self.folder.read_state()
            self._tracker.finish(ended, self.folder.artifacts, state.best, state.notes)
        self.folder.update_state(status="finished")
        log.info("Finished")

    def _tracked(self, tracking_id: str | None) -> Tracker:
        from skin_core.training.tracking import Tracker

        title = self.config.title or self.folder.run_id
        tags = self.folder.read_tags()
        return Tracker.open(self.folder.run_id, title, self.config, tracking_id, tags, backend=self._backend)

    def _prepared(self) -> Prepared:
        return prepare(self.folder, self.config, self._told)

    def _train(self, prepared: Prepared, pixels: Pixels) -> Loop:
        loop = self._loop(prepared, pixels)
        resumed = loop.restore()
        here = loop.position
        self._forget_after(here)
        self.folder.update_state(status="running", **_summary(here.history, loop.best_epoch))
        if resumed:
            log.info("Goes on in epoch %d after batch %d", here.epoch + 1, here.batch)
        else:
            log.info("Training begins")
        try:
            loop.run()
        except StopRequested:
            self._report(prepared, loop)
            raise
        self._report(prepared, loop)
        return loop

    def _decoded(self, prepared: Prepared) -> tuple[Prepared, Pixels]:
        from skin_core.data.cache import PixelStream, open_pixels

        size, crop, constancy = self.config.image_size, self.config.crop, self.config.color_constancy
        cache = open_pixels(prepared.manifest, size=size, crop=crop, constancy=constancy, progress=self._told)
        if isinstance(cache.pixels, PixelStream):
            note = (
                "There is no room to keep the decoded images, so they are decoded anew in each epoch, which is slower; "
                "free some space or raise LESIONLAB_CACHE_GB."
            )
            log.warning(note)
            prepared = replace(prepared, notes=(*prepared.notes, note))
        if not cache.failed:
            return prepared, cache.pixels
        unusable = prepared.manifest.frame["image_id"].isin(set(cache.failed)).to_numpy()
        log.warning("%d pictures cannot be decoded and are left out", unusable.sum())
        note = f"{int(unusable.sum())} pictures cannot be decoded and are left out."
        split = np.where(unusable, "unusable", prepared.split)
        return replace(prepared, split=split, notes=(*prepared.notes, note)), cache.pixels

    def _loop(self, prepared: Prepared, pixels: Pixels) -> Loop:
        self._told(Progress(f"Loading {backend.TITLES[self._backend]}", 0, 0))
        load_keras()
        from skin_core.models.objective import objective_of
        from skin_core.models.split import split_at_frozen
        from skin_core.training.optimizer import optimizer_for
        from skin_core.training.step import Step, start_deterministic

        config = self.config
        threads = self.folder.read_state().threads or len(os.sched_getaffinity(0))
        start_deterministic(config.seed, threads)
        self.folder.update_state(threads=threads, backend=self._backend, backend_version=backend.version(self._backend))
        self._told(Progress("Building the network", 0, 0))
        model = network.build(config, prepared, self.folder)
        mixing = bool(config.augmentation.mixup or config.augmentation.cutmix or config.distill_from)
        labels = prepared.labels[prepared.rows("train")]
        counts = np.bincount(labels, minlength=len(prepared.classes))
        objective = objective_of(
            model,
            len(prepared.classes),
            label_smoothing=config.label_smoothing,
            mixing=mixing,
            form=config.loss,
            counts=counts.tolist(),
        )
        trained = model
        if config.freeze_backbone:
            backbone, trained = split_at_frozen(model, family(config.family))
            self._frozen = feature_cache.Backbone(backbone)
        self._network, self._objective = trained, objective
        self._taught = taught(self.folder, config, prepared, self._told, fold=self._fold_number)
        feed = self._feed(prepared, pixels)
        if not trained.trainable_variables:
            raise ConfigError("Nothing of the network is trainable; set freeze_backbone to false.")
        write_distribution(self.folder.artifacts, distribution(labels, feed.plan(0), prepared.classes))
        loop = Loop(
            config,
            Step(trained, objective.loss(), optimizer_for(trained, config)),
            feed,
            risk_levels=prepared.risk_levels,
            shares=counts / counts.sum() if config.equal_shares and counts.all() else None,
            folder=self.folder.checkpoints,
            listeners=Listeners(
                progress=self._on_progress,
                batch=self._on_batch,
                epoch=self._on_epoch,
                best=lambda row, probabilities: self._on_best(model, trained, prepared, row, probabilities),
                stop=self._stop,
                checkpoint=self._on_checkpoint,
            ),
        )
        return loop

    def _feed(self, prepared: Prepared, pixels: Pixels) -> Feed:
        if not self.config.freeze_backbone:
            return PixelFeed(self.config, prepared, self._objective, pixels, self._taught)
        features = (self._features(prepared, pixels, side) for side in ("train", "validation"))
        return FeatureFeed(self.config, prepared, self._objective, *features, self._taught)

    def _features(self, prepared: Prepared, pixels: Pixels, side: str) -> feature_cache.Features:
        return feature_cache.backbone_features(
            self._frozen,
            pixels,
            prepared.rows(side),
            self.config,
            views=feature_cache.n_views(self.config) if side == "train" else 1,
            pictures=prepared.pictures,
            what="training" if side == "train" else "validation",
            progress=self._told,
        )

    def _told(self, progress: Progress) -> None:
        """The progress of everything before the loop, and where a stop is honoured there."""
        if self._stop():
            raise StopRequested
        self._show(progress)

    def _show(self, progress: Progress) -> None:
        self.folder.write_progress(progress)

    def _on_progress(self, progress: Progress) -> None:
        self._show(progress)

    def _on_batch(self, row: Mapping[str, float]) -> None:
        append_rows(self.folder.batches, BATCH_COLUMNS, [row])
        self._unsynced.append(row)

    def _on_checkpoint(self, position: Position) -> None:
        # Only now: a killed run repeats what lies after its checkpoint, and would log it twice.
        self._tracker.add_batches(self._unsynced)
        self._unsynced = []
        self._tracker.sync(position.history)

    def _on_best(
        self,
        model: keras.Model,
        trained: keras.Model,
        prepared: Prepared,
        row: Mapping[str, float],
        probabilities: np.ndarray,
    ) -> None:
        rows = prepared.rows("validation")
        if trained is not model:
            network.take_layers(model, trained)
        network.save(model, self.folder.model)
        with atomic_path(self.folder.predictions) as temporary, open(temporary, "wb") as stream:
            np.savez(
                stream,
                image_ids=np.array(prepared.manifest.frame["image_id"].iloc[rows].tolist(), dtype=str),
                labels=prepared.labels[rows],
                probabilities=probabilities,
                classes=np.array(prepared.classes, dtype=str),
                epoch=np.int64(row["epoch"]),
            )

    def _on_epoch(self, history: Sequence[Mapping[str, float]], best_epoch: int) -> None:
        write_rows(self.folder.history, EPOCH_COLUMNS, history)
        self.folder.update_state(**_summary(history, best_epoch))
        last = history[-1]
        figures = ", ".join(
            f"{name} {last[name]:.4f}" for name in ("loss", "val_loss", "val_auc", "val_balanced_accuracy")
        )
        log.info("Epoch %d of %d: %s, %.1f s", last["epoch"], self.config.epochs, figures, last["seconds"])

    def _forget_after(self, position: Position) -> None:
        """Cuts the mirror back to where the run goes on."""
        kept = [row for row in read_rows(self.folder.batches, BATCH_COLUMNS) if row["step"] <= position.step]
        rows = [{"step": int(row["step"]), "epoch": int(row["epoch"]), "loss": row["loss"]} for row in kept]
        write_rows(self.folder.batches, BATCH_COLUMNS, rows)
        write_rows(self.folder.history, EPOCH_COLUMNS, position.history)

    def _report(self, prepared: Prepared, loop: Loop) -> None:
        if not loop.position.history:
            return
        self._show(Progress("Drawing curves and tables", 0, 0))
        stored = read_arrays(self.folder.predictions)
        write_report(
            self.folder.artifacts,
            history=loop.position.history,
            best_epoch=loop.best_epoch,
            labels=stored["labels"],
            probabilities=stored["probabilities"],
            classes=prepared.classes,
        )


def _summary(history: Sequence[Mapping[str, float]], best_epoch: int) -> dict:
    if not history:
        return {"epoch": 0, "best": {}, "best_epoch": None}
    best = {name: value for name, value in history[best_epoch - 1].items() if name != "epoch"}
    return {"epoch": len(history), "best": best, "best_epoch": best_epoch}
