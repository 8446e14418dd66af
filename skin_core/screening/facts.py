"""What a bundle's record tells of how its run was made."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RunFacts(BaseModel):
    """How the run was made, for the card; see `screening.story`. Words and counts, no path, no picture.

    Attributes:
        settings: name → value as words.
        images: split → class → images. groups: split → lesions, patients or twin clusters; ``group_word`` says which.
        people: split → what is known of age, sex and site, a sentence.
        left_out: reason → images.
        software: package → version.
        evaluations: how often the locked test split was read; ``evaluated``: when last.
        subgroups: the largest gap, a sentence; "" where not looked at.
        notes: what the reader of the run must know.
    """

    # Unknown fields of a later minor version are passed over, not refused.
    model_config = ConfigDict(frozen=True, extra="ignore")

    settings: dict[str, str] = Field(default_factory=dict)
    images: dict[str, dict[str, int]] = Field(default_factory=dict)
    groups: dict[str, int] = Field(default_factory=dict)
    group_word: str = "lesions"
    people: dict[str, str] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    software: dict[str, str] = Field(default_factory=dict)
    evaluations: int = 0
    evaluated: str = ""
    subgroups: str = ""
    notes: tuple[str, ...] = ()
