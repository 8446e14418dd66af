"""What the loop is fed with: batches of pixels, or of features that a frozen backbone gave once.

What comes is a function of (seed, epoch, index) alone, so a resume can go on at any batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skin_core.config import RunConfig
from skin_core.data import balance
from skin_core.data.batches import Pixels, feature_batches, n_batches, plain_batches, training_batches
from skin_core.training.prepare import Prepared

if TYPE_CHECKING:
    from skin_core.models.objective import Objective
    from skin_core.training.features import Features

# Inputs by name, targets, sample weights.
Batch = tuple[Mapping[str, Any], Any, Any]

# A batch that nothing is learnt from needs no memory for gradients.
PREDICTION_BATCH = 64
_RECALIBRATION_STREAM = 41


class Feed(ABC):
    """Batches of one run.

    Args:
        config: the run's configuration.
        prepared: the run's data.
        objective: gives targets their form.
        taught: float32 (N, C), what the run's teachers say of the manifest's training rows; None without teachers.

    Attributes:
        labels: int32 (M,), class numbers of the validation rows in the order of `validation`.
    """

    def __init__(
        self, config: RunConfig, prepared: Prepared, objective: Objective, taught: np.ndarray | None = None
    ) -> None:
        self.config = config
        self._train = prepared.rows("train")
        self._validation = prepared.rows("validation")
        self._tabular = prepared.tabular
        self._train_labels = prepared.labels[self._train]
        self._n_classes = len(prepared.classes)
        self.labels = prepared.labels[self._validation]
        # Rows without a label are in no split; their number must not reach one-hot targets.
        self._targets = objective.targets(np.maximum(prepared.labels, 0))
        if taught is not None:
            own = self._targets[self._train]
            self._targets[self._train] = objective.distilled(own, taught[self._train], config.distill_share)

    def plan(self, epoch: int) -> balance.Plan:
        """The rows of an epoch, counted from 0."""
        return balance.plan(
            self._train_labels, self.config.balance, n_classes=self._n_classes, seed=self.config.seed, epoch=epoch
        )

    def n_batches(self, epoch: int) -> int:
        """Batches of an epoch, counted from 0."""
        return n_batches(len(self.plan(epoch).rows), self.config.batch_size)

    def _common(self, plan: balance.Plan, epoch: int, start: int) -> dict[str, Any]:
        return {
            "batch_size": self.config.batch_size,
            "seed": self.config.seed,
            "epoch": epoch,
            "start_batch": start,
            "copies": plan.copies if self.config.balance == "augment" else None,
        }

    @abstractmethod
    def training(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch from the batch ``start`` on, as the unbroken epoch would give them."""

    @abstractmethod
    def recalibration(self) -> Iterator[Mapping[str, Any]]:
        """Inputs of `RunConfig.recalibration_images` training rows, the same in each epoch, unaugmented."""

    def _calm_places(self) -> np.ndarray:
        # Classes as they occur in nature, as validation and the clinic show them; never resampled.
        n = min(self.config.recalibration_images, len(self._train))
        order = np.random.default_rng((self.config.seed, _RECALIBRATION_STREAM)).permutation(len(self._train))
        return np.sort(order[:n])

    @abstractmethod
    def validation(self) -> Iterator[Mapping[str, Any]]:
        """Inputs of all validation rows, in order, neither augmented nor resampled."""


class PixelFeed(Feed):
    """Feeds the whole network with pixels.

    Args:
        config, prepared, objective, taught: see `Feed`.
        pixels: of every row of the manifest.
    """

    def __init__(
        self,
        config: RunConfig,
        prepared: Prepared,
        objective: Objective,
        pixels: Pixels,
        taught: np.ndarray | None = None,
    ) -> None:
        super().__init__(config, prepared, objective, taught)
        self._pixels = pixels

    def training(self, epoch: int, start: int) -> Iterator[Batch]:
        """See `Feed.training`."""
        plan = self.plan(epoch)
        weights = np.ones(len(self._targets), np.float32)
        weights[self._train] = plan.class_weights[self._train_labels]
        yield from training_batches(
            self._pixels,
            self._train[plan.rows],
            self._targets,
            augmentation=self.config.augmentation,
            tabular=self._tabular,
            sample_weights=weights,
            **self._common(plan, epoch, start),
        )

    def recalibration(self) -> Iterator[Mapping[str, Any]]:
        """See `Feed.recalibration`."""
        return self._plain(self._train[self._calm_places()])

    def validation(self) -> Iterator[Mapping[str, Any]]:
        """See `Feed.validation`."""
        return self._plain(self._validation)

    def _plain(self, rows: np.ndarray) -> Iterator[Mapping[str, Any]]:
        for (inputs,) in plain_batches(self._pixels, rows, batch_size=PREDICTION_BATCH, tabular=self._tabular):
            yield inputs


class FeatureFeed(Feed):
    """Feeds the head with cached features.

    Args:
        config, prepared, objective, taught: see `Feed`.
        training_features: views of the training rows, in their order.
        validation_features: one view of the validation rows.
    """

    def __init__(
        self,
        config: RunConfig,
        prepared: Prepared,
        objective: Objective,
        training_features: Features,
        validation_features: Features,
        taught: np.ndarray | None = None,
    ) -> None:
        super().__init__(config, prepared, objective, taught)
        self._features = training_features
        self._validation_features = validation_features

    def training(self, epoch: int, start: int) -> Iterator[Batch]:
        """See `Feed.training`."""
        plan = self.plan(epoch)
        yield from feature_batches(
            self._features,
            plan.rows,
            self._targets[self._train],
            tabular=None if self._tabular is None else self._tabular[self._train],
            sample_weights=plan.class_weights[self._train_labels],
            **self._common(plan, epoch, start),
        )

    def recalibration(self) -> Iterator[Mapping[str, Any]]:
        """See `Feed.recalibration`."""
        return self._plain(self._features, self._train, self._calm_places())

    def validation(self) -> Iterator[Mapping[str, Any]]:
        """See `Feed.validation`."""
        return self._plain(self._validation_features, self._validation, np.arange(len(self.labels)))

    def _plain(self, features: Features, rows: np.ndarray, places: np.ndarray) -> Iterator[Mapping[str, Any]]:
        # View 0 is the picture itself.
        for start in range(0, len(places), PREDICTION_BATCH):
            taken = places[start : start + PREDICTION_BATCH]
            inputs = {"features": features[np.zeros_like(taken), taken].astype(np.float32)}
            if self._tabular is not None:
                inputs["tabular"] = self._tabular[rows[taken]]
            yield inputs
