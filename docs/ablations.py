"""What `make_ablation` compares: groups of changes, each against the base of its group.

Each row was declared before it was run; the one with metadata was added after the first of its group, and the fine-tuned
group's average of the weights was shortened before any of that group. Small pictures, a part of the set and few epochs, since two
cores train all of them: what a row says holds for this size, and is a hint for the recipe's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skin_core.recipes import recipe

# In a change's settings: the run of its group's base.
BASE = "the base"

_STARTER = recipe("starter").settings
_FLIPS_AND_TURNS = {"flip": "both", "rotation": 0.5, "zoom": 0.1, "brightness": 0.05, "contrast": 0.1}


@dataclass(frozen=True)
class Change:
    """One row: what differs from the base, as ``RunConfig`` fields with dots for nested ones."""

    name: str
    title: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Rows that share data, folds and base settings."""

    name: str
    title: str
    paragraph: str
    settings: Mapping[str, Any]
    changes: tuple[Change, ...]
    base: str = "base"

    def change(self, name: str) -> Change:
        """The row of that name."""
        return next(change for change in self.changes if change.name == name)


def _base(title: str) -> Change:
    return Change("base", title, {})


GROUPS = (
    Group(
        "frozen",
        "The head alone, on frozen features",
        "MobileNetV2 at 160 pixels, backbone frozen, 20 epochs, five folds of training and validation.",
        {
            "family": "mobilenet_v2",
            "image_size": 160,
            "epochs": 20,
            "batch_size": 64,
            "freeze_backbone": True,
            "cached_views": 2,
            "augmentation": _FLIPS_AND_TURNS,
            "schedule": "cosine",
            "folds": 5,
            "cv_select": "last",
        },
        (
            _base("cross-entropy (base)"),
            Change("class_weights", "class weights", {"balance": "class_weights"}),
            Change("oversample", "rare classes drawn more often", {"balance": "oversample"}),
            Change("focal", "focal loss", {"loss": "focal"}),
            Change("logit_adjusted", "adjusted logits", {"loss": "logit_adjusted"}),
            Change("smoothing", "label smoothing 0.1", {"label_smoothing": 0.1}),
            Change("metadata", "age, sex and site beside the image", {"features": ["age", "sex", "site"]}),
        ),
    ),
    Group(
        "tuned",
        "The whole network, fine-tuned",
        "The starter's recipe at 96 pixels, 6 epochs, on a part of HAM10000 with its share of each class, three folds.",
        {
            **_STARTER,
            "family": "mobilenet_v2",
            "image_size": 96,
            "epochs": 6,
            "max_images": 2000,
            "folds": 3,
            "cv_select": "last",
            # As long a part of the training as the recipe's own average is of its.
            "averaging": 0.98,
        },
        (
            _base("the starter's recipe (base)"),
            Change(
                "chance",
                "nothing but the fourth digit of the learning rate: what chance does",
                {"learning_rate": 3.001e-4},
            ),
            Change("frozen_half", "first half of the layers not trained", {"frozen_share": 0.5}),
            Change("one_rate", "one learning rate for all layers", {"layer_decay": 1.0}),
            Change("no_average", "no moving average of the weights", {"averaging": 0.0}),
            Change("plain_changes", "flips, turns, little zoom and light alone", {"augmentation": _FLIPS_AND_TURNS}),
            Change("cross_entropy", "cross-entropy", {"loss": "cross_entropy"}),
            Change(
                "distilled", "taught by the base's networks, each by the one of its own fold", {"distill_from": [BASE]}
            ),
            Change("pixels_128", "128 pixels", {"image_size": 128}),
        ),
    ),
    Group(
        "scratch",
        "From nothing",
        "light_residual at 96 pixels, 6 epochs, on half of HAM10000, three folds: what is asked of the pictures "
        "and not of the pretrained weights.",
        {
            "family": "light_residual",
            "weights": "random",
            "image_size": 96,
            "epochs": 6,
            "max_images": 5000,
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "warmup_epochs": 1.0,
            "loss": "logit_adjusted",
            "augmentation": _FLIPS_AND_TURNS,
            "folds": 3,
            "cv_select": "last",
        },
        (
            _base("flips, turns, little zoom and light; adjusted logits (base)"),
            Change(
                "chance",
                "nothing but the fourth digit of the learning rate: what chance does",
                {"learning_rate": 2.001e-3},
            ),
            Change("other_clinics", "the starter's changes of pictures", {"augmentation": _STARTER["augmentation"]}),
            Change(
                "rand_augment",
                "RandAugment, 2 changes at 0.3, besides",
                {"augmentation.rand_augment": 2, "augmentation.rand_magnitude": 0.3},
            ),
            Change("mixup", "MixUp 0.2", {"augmentation.mixup": 0.2}),
            Change("cutmix", "CutMix 1.0", {"augmentation.cutmix": 1.0}),
            Change("shades_of_grey", "shades of grey", {"color_constancy": "shades_of_grey"}),
            Change("crop", "centre crop instead of squash", {"crop": "crop"}),
            Change("pad", "padding instead of squash", {"crop": "pad"}),
            Change("average", "moving average of the weights, 0.99", {"averaging": 0.99}),
            Change(
                "distilled", "taught by the base's networks, each by the one of its own fold", {"distill_from": [BASE]}
            ),
        ),
    ),
    Group(
        "columns",
        "The patient's data in tbp_fusion",
        "EfficientNetV2-B2 from random weights at 64 pixels, 8 epochs, on a part of HAM10000 with its share of each class, "
        "three folds. Its ImageNet weights could not be had here; with better features the columns add less (see the "
        "row of frozen features).",
        {
            "family": "tbp_fusion",
            "weights": "random",
            "image_size": 64,
            "epochs": 8,
            "max_images": 2000,
            "schedule": "cosine",
            "warmup_epochs": 1.0,
            "augmentation": _FLIPS_AND_TURNS,
            "folds": 3,
            "cv_select": "last",
        },
        (
            _base("the image alone (base)"),
            Change("metadata", "age, sex and site beside the image", {"features": ["age", "sex", "site"]}),
        ),
    ),
)
