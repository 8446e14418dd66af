"""One member of a cross-validated run: an ordinary session on the other folds, and then what it says of its own."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from skin_core.config import RunConfig
from skin_core.models.registry import family
from skin_core.paths import atomic_path, write_text
from skin_core.progress import Progress
from skin_core.training import features as feature_cache
from skin_core.training import network
from skin_core.training.fold_data import Fold, fold_of
from skin_core.training.folder import RunFolder, RunState
from skin_core.training.loop import Loop
from skin_core.training.prepare import Prepared
from skin_core.training.session import Session

if TYPE_CHECKING:
    from skin_core.data.batches import Pixels
    from skin_core.training.tracking import Tracker

log = logging.getLogger("skin_core.training")


@dataclass(frozen=True)
class Series:
    """What a member knows of the run that it is a part of.

    Attributes:
        folder, config, prepared: of the cross-validated run.
        tracking_id: its id in the tracking store.
        threads: threads of one operation, the same in each member: sums depend on it.
        seconds: how long a fold took so far, on average; None before the first is done.
    """

    folder: RunFolder
    config: RunConfig
    prepared: Prepared
    tracking_id: str
    threads: int
    seconds: float | None


class FoldSession(Session):
    """Trains the network of one fold and predicts the held pictures.

    Args:
        series: the run.
        number: of the fold, from 1.
        stop: asked often; True ends the work at the next batch.
    """

    def __init__(self, series: Series, number: int, stop: Callable[[], bool]) -> None:
        folder = series.folder.member(number)
        super().__init__(folder, series.config, stop)
        self._series = series
        self._number = self._fold_number = number
        self._fold: Fold
        folder.path.mkdir(parents=True, exist_ok=True)
        if not folder.state.is_file():
            now = time.time()
            write_text(folder.config, series.config.model_dump_json(indent=1))
            state = RunState("queued", created=now, updated=now, epochs=series.config.epochs, threads=series.threads)
            folder.write_state(state)

    def run(self) -> None:
        """See `Session.run`; ends with the predictions of the held pictures."""
        super().run()
        # Nobody goes on from here any more, and an optimizer's state is twice the network.
        shutil.rmtree(self.folder.checkpoints, ignore_errors=True)

    @property
    def _words(self) -> str:
        return f"Fold {self._number} of {self.config.folds}"

    def _tracked(self, tracking_id: str | None) -> Tracker:
        from skin_core.training.tracking import Tracker

        whole = self._series.folder.run_id
        title = f"{self.config.title or whole}, {self._words.lower()}"
        run_id = f"{whole}/{self._number}"
        return Tracker.open(
            run_id, title, self.config, tracking_id, backend=self._backend, parent=self._series.tracking_id
        )

    def _prepared(self) -> Prepared:
        self._fold = fold_of(self._series.folder, self._series.prepared, self.config, self._number)
        return self._fold.prepared

    def _train(self, prepared: Prepared, pixels: Pixels) -> Loop:
        log.info("%s", self._words)
        loop = super()._train(prepared, pixels)
        self._predict_held(prepared, pixels, loop)
        return loop

    def _report(self, prepared: Prepared, loop: Loop) -> None:
        """Nothing: the run's tables are of all folds together, and a fold's curves are drawn from its history."""

    def _predict_held(self, prepared: Prepared, pixels: Pixels, loop: Loop) -> None:
        import keras

        self._told(Progress("Predicting the held pictures", 0, 0))
        # The weights of the chosen epoch; the network in memory is the last one's.
        chosen = keras.models.load_model(self.folder.model, compile=False)
        if self.config.freeze_backbone:
            from skin_core.models.split import split_at_frozen

            _, chosen = split_at_frozen(chosen, family(self.config.family))
        network.take_layers(self._network, chosen)
        usable = prepared.split != "unusable"
        asked = np.where(self._fold.held & usable, "validation", np.where(usable, "other", "unusable"))
        held = replace(prepared, split=asked)
        rows = held.rows("validation")
        probabilities = loop.predict(self._feed(held, pixels).validation())
        with atomic_path(self.folder.held_predictions) as temporary, open(temporary, "wb") as stream:
            np.savez(
                stream,
                image_ids=np.array(prepared.manifest.frame["image_id"].iloc[rows].tolist(), dtype=str),
                labels=prepared.labels[rows],
                probabilities=probabilities,
                epoch=np.int64(loop.best_epoch),
                n_train=np.int64(len(prepared.rows("train"))),
            )

    def _features(self, prepared: Prepared, pixels: Pixels, side: str) -> feature_cache.Features:
        # All pictures at once: asked for fold by fold, the backbone would look at each picture in every fold.
        everybody = np.flatnonzero(prepared.split != "unusable")
        found = feature_cache.backbone_features(
            self._frozen,
            pixels,
            everybody,
            self.config,
            views=feature_cache.n_views(self.config),
            pictures=prepared.pictures,
            what="all folds'",
            progress=self._told,
        )
        return found.part(np.searchsorted(everybody, prepared.rows(side)))

    def _show(self, progress: Progress) -> None:
        what = f"{self._words}: {progress.what[:1].lower()}{progress.what[1:]}"
        self._series.folder.write_progress(replace(progress, what=what))

    def _on_progress(self, progress: Progress) -> None:
        left = progress.seconds_left
        if left is not None and progress.done < progress.total:
            # A whole fold takes as long as those before it, or as this one by its pace.
            whole = self._series.seconds or left * progress.total / (progress.total - progress.done)
            left += whole * (self.config.folds - self._number)
        self._show(replace(progress, seconds_left=left))

    def _on_epoch(self, history: Sequence[Mapping[str, float]], best_epoch: int) -> None:
        super()._on_epoch(history, best_epoch)
        self._series.folder.update_state(epoch=len(history))
