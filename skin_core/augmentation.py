"""Which random changes a run makes to its training images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from skin_core.settings import Settings


class Augmentation(Settings):
    """Random changes to training images; all off at 0 or False."""

    flip: Literal["none", "horizontal", "vertical", "both"] = Field("none", description="Mirror images at random")
    rotation: float = Field(0.0, ge=0, le=0.5, description="Largest rotation, as a share of a full turn")
    zoom: float = Field(0.0, ge=0, lt=1, description="Largest zoom in or out, as a share")
    brightness: float = Field(0.0, ge=0, le=1, description="Largest change of brightness, as a share of the range")
    contrast: float = Field(0.0, ge=0, lt=1, description="Largest change of contrast, as a share")
    aspect: float = Field(0.0, ge=0, le=1, description="Largest stretch of one side against the other, as a share")
    shift: float = Field(0.0, ge=0, le=0.5, description="Largest shift either way, as a share of the side")
    color: float = Field(
        0.0, ge=0, le=1, description="Other light: white balance, color and gamma change by up to this share"
    )
    sharpness: float = Field(0.0, ge=0, le=1, description="Blurred or sharpened by up to this; 1 is very much")
    resolution: float = Field(0.0, ge=0, le=1, description="Half the images lose resolution, by up to this")
    compression: float = Field(0.0, ge=0, le=1, description="Half the images are compressed as JPEG, by up to this")
    vignette: float = Field(0.0, ge=0, le=1, description="Probability of dark corners, as dermatoscopes have them")
    hair: float = Field(0.0, ge=0, le=1, description="Probability of drawn hair")
    marks: float = Field(0.0, ge=0, le=1, description="Probability of a drawn ruler")
    erasing: float = Field(
        0.0, ge=0, le=1, description="Probability that a random rectangle is erased (RandomErasing, Cutout)"
    )
    mixup: float = Field(0.0, ge=0, le=2, description="MixUp alpha; 0 is off")
    cutmix: float = Field(0.0, ge=0, le=2, description="CutMix alpha; 0 is off")
    rand_augment: int = Field(
        0, ge=0, le=4, description="RandAugment: so many randomly picked changes an image, besides those above"
    )
    rand_magnitude: float = Field(
        0.0, ge=0, le=1, description="Strength of RandAugment's changes; 0.3 is moderate, 1 is very much"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Augmentation:
        if self.rand_augment and not self.rand_magnitude:
            raise ValueError(
                f"rand_augment={self.rand_augment} picks changes whose strength is 0; set rand_magnitude above 0 (0.3 is "
                "moderate), or rand_augment to 0"
            )
        return self

    @property
    def active(self) -> bool:
        """Whether any change is on."""
        return self != Augmentation()
