"""RunConfig: everything that is needed to repeat a run. The Train page's form and the command line are made from it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError, model_validator

from skin_core.answers import gives_away
from skin_core.augmentation import Augmentation
from skin_core.errors import ConfigError
from skin_core.settings import Settings, settings_sentence

RiskLevel = Literal["benign", "premalignant", "malignant"]


class RunConfig(Settings):
    """A training run. Field order is form order; ``json_schema_extra={"folded": True}`` marks the rarely needed."""

    # What
    data: str = Field(description="Folder (or csv) of the data set")
    family: str = Field(description="Model family")
    title: str = Field("", max_length=120, description="A name for people")

    # The usual choices
    epochs: int = Field(10, ge=1, le=1000, description="Passes over the training split")
    batch_size: int = Field(32, ge=1, le=1024, description="Images a step")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Adam's step size at the start")
    image_size: int = Field(128, ge=32, le=1024, description="Side of the square input in pixels")
    balance: Literal["none", "class_weights", "oversample", "undersample", "augment"] = Field(
        "none", description="How class imbalance is met, within the training split only"
    )
    augmentation: Augmentation = Field(default_factory=Augmentation, description="Random changes to training images")
    weights: str = Field(
        "imagenet", description="Backbone weights: imagenet, random, or the path of a .weights.h5 file"
    )
    freeze_backbone: bool = Field(False, description="Train only the head; the backbone's features are computed once")
    start_from: str = Field("", description="Run whose best weights to start from")

    # Schedule
    schedule: Literal["constant", "plateau", "cosine"] = Field("plateau", description="Learning rate over time")
    plateau_patience: int = Field(
        3, ge=1, description="Epochs without gain before the rate falls", json_schema_extra={"folded": True}
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="What the rate is multiplied with then", json_schema_extra={"folded": True}
    )
    min_learning_rate: float = Field(
        1e-6, ge=0, description="The rate never falls below", json_schema_extra={"folded": True}
    )
    warmup_epochs: float = Field(
        0.0, ge=0, description="Linear warm-up at the start (cosine)", json_schema_extra={"folded": True}
    )
    early_stopping: int = Field(0, ge=0, description="Stop after this many epochs without gain; 0 never stops early")
    monitor: Literal["val_balanced_accuracy", "val_accuracy", "val_auc", "val_malignancy_auc", "val_loss"] = Field(
        "val_balanced_accuracy", description="What decides the best epoch"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Label smoothing", json_schema_extra={"folded": True})

    # How it learns
    loss: Literal["cross_entropy", "focal", "logit_adjusted"] = Field(
        "cross_entropy",
        description="Focal: hard pictures count more; logit adjusted: learns as if the classes were equally frequent",
        json_schema_extra={"folded": True},
    )
    distill_from: tuple[str, ...] = Field(
        (),
        description="Finished runs that teach this one: their probabilities, averaged, become a part of its targets",
        json_schema_extra={"folded": True},
    )
    distill_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Weight of the teachers' probabilities in the target; the label has the rest",
        json_schema_extra={"folded": True},
    )
    distill_temperature: float = Field(
        2.0,
        gt=0,
        le=20,
        description="Softens what the teachers say: 1 takes it as it is, more draws it towards the classes' shares",
        json_schema_extra={"folded": True},
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Rate of the first layer as a share of the last one's, evenly (by factors) in between",
        json_schema_extra={"folded": True},
    )
    frozen_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the layers, from the first, that are not trained",
        json_schema_extra={"folded": True},
    )
    weight_decay: float = Field(
        0.0, ge=0, lt=1, description="AdamW's decay of kernels; 0 is Adam", json_schema_extra={"folded": True}
    )
    averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of a moving average of the weights, which is what validates: 0.998 is over about the last 500 steps; "
        "0 is off",
        json_schema_extra={"folded": True},
    )

    # The data, told exactly
    features: tuple[str, ...] = Field(
        (), description="Columns beside the image (age, sex, site, ...)", json_schema_extra={"folded": True}
    )
    crop: Literal["squash", "crop", "pad"] = Field(
        "squash", description="How a picture becomes square", json_schema_extra={"folded": True}
    )
    color_constancy: Literal["none", "shades_of_grey"] = Field(
        "none",
        description="Shades of grey: takes the color of the lamp out of every picture that the network sees, in training and "
        "in use",
        json_schema_extra={"folded": True},
    )
    validation_fraction: float = Field(
        0.15, gt=0, lt=1, description="Share of lesions for validation", json_schema_extra={"folded": True}
    )
    test_fraction: float = Field(
        0.15, gt=0, lt=1, description="Share of lesions for the locked test split", json_schema_extra={"folded": True}
    )
    max_images: int = Field(
        0, ge=0, description="Train on a stratified part of the set; 0 takes all", json_schema_extra={"folded": True}
    )
    clean: bool = Field(
        True,
        description="Leave out what the audit found: conflicts in training, leaks in a published test folder",
        json_schema_extra={"folded": True},
    )
    allow_leaks: bool = Field(
        False, description="Train although the split leaks (recorded with the run)", json_schema_extra={"folded": True}
    )
    risk_levels: dict[str, RiskLevel] = Field(
        default_factory=dict,
        description="Risk level of a class, where it differs from the mapping shown",
        json_schema_extra={"folded": True},
    )

    lesion_ids_from: tuple[str, ...] = Field(
        (),
        description="Other data sets whose lesion ids are taken over where they hold the same picture",
        json_schema_extra={"folded": True},
    )

    # Cross-validation
    folds: int = Field(
        0,
        ge=0,
        le=20,
        description="Cross-validate in so many folds of training and validation; 0 trains one run. The test split stays locked",
        json_schema_extra={"folded": True},
    )
    cv_select: Literal["inner", "last", "held"] = Field(
        "inner",
        description="Whose figures choose the epoch in a fold: an inner validation part of the other folds; nobody's (last "
        "epoch); or the held fold's own, which flatters",
        json_schema_extra={"folded": True},
    )

    # Machinery
    seed: int = Field(
        42,
        ge=0,
        lt=2**31,
        description="Seed of split, order, augmentation and initial weights",
        json_schema_extra={"folded": True},
    )
    split_seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Seed of split and folds alone, so that runs of several seeds share one split and can answer as one; "
        "empty is as the seed",
        json_schema_extra={"folded": True},
    )
    cached_views: int = Field(
        4,
        ge=1,
        le=32,
        description="Augmented views an image whose features are cached (frozen backbone)",
        json_schema_extra={"folded": True},
    )
    recalibration_images: int = Field(
        0,
        ge=0,
        description="Training images, unaugmented, from which batch normalisation takes its statistics anew before each "
        "validation; 0 keeps the moving averages of training",
        json_schema_extra={"folded": True},
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="Seconds between checkpoints within an epoch", json_schema_extra={"folded": True}
    )

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                "validation_fraction and test_fraction must leave something to train on; got "
                f"{self.validation_fraction} + {self.test_fraction}"
            )
        for column in self.features:
            if gives_away(column):
                raise ValueError(
                    f"features must not hold '{column}': it gives the answer away, or says who or which picture it is"
                )
        if len(set(self.distill_from)) < len(self.distill_from):
            raise ValueError(f"distill_from names a run twice; name each once; got {', '.join(self.distill_from)}")
        if self.loss == "logit_adjusted" and self.balance != "none":
            raise ValueError(
                f"loss=logit_adjusted balances the classes itself, and balance={self.balance} would do it twice; set one of "
                "them to none or cross_entropy"
            )
        if self.distill_from and self.loss == "focal":
            raise ValueError(
                "loss=focal is not least where the network says what its teacher says; set loss to cross_entropy or "
                "logit_adjusted, or distill_from to nothing"
            )
        if self.folds == 1:
            raise ValueError("folds must be 0 (one run) or at least 2; got 1")
        if self.takes_last_epoch and (self.early_stopping or self.schedule == "plateau"):
            raise ValueError(
                "cv_select=last trains a fixed number of epochs, so that the held fold decides nothing; set early_stopping "
                f"to 0 and schedule to constant or cosine; got {self.early_stopping} and {self.schedule}"
            )
        return self

    @property
    def takes_last_epoch(self) -> bool:
        """Whether the weights of the last epoch are kept, whatever any figure says."""
        return self.folds > 0 and self.cv_select == "last"

    @property
    def partition_seed(self) -> int:
        """What split and folds are drawn by."""
        return self.seed if self.split_seed is None else self.split_seed

    @property
    def equal_shares(self) -> bool:
        """Whether training makes the classes count as if they were equally frequent."""
        return self.balance != "none" or self.loss == "logit_adjusted"

    @classmethod
    def parse(cls, values: dict) -> RunConfig:
        """Validates, with one sentence for what is wrong.

        Raises:
            ConfigError: naming each field, what was expected and what came.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(settings_sentence(error, "The run's")) from error
