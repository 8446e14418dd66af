"""What a bundle's record tells of the members of an ensemble."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    # Unknown fields of a later minor version are passed over, not refused.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Gain(_Frozen):
    """What the ensemble gains over one member, of one figure on the same validation pictures; None where undefined.

    Attributes:
        member: the member's figure.
        gain: the ensemble's less that; ``low``, ``high``: 95 % interval of the difference.
    """

    member: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None


class MemberRecord(_Frozen):
    """One bundle that an ensemble was made of.

    Attributes:
        name, title, network: of the bundle, and of its family, for people.
        digest: sha256 of its ``bundle.json``, which names the hashes of all its files; ``engine``: of its
            ``screen.tflite``, which stays the same when it is published again.
        run_id: the run it was published from.
        views: of each picture that it looks at.
        size: bytes of its engine. milliseconds: time for a picture where the ensemble was made.
        gains: by figure, what the ensemble gains over it.
    """

    name: str
    title: str
    network: str
    digest: str
    engine: str = ""
    run_id: str = ""
    views: int = 1
    size: int = 0
    milliseconds: float = 0.0
    gains: dict[str, Gain] = Field(default_factory=dict)


class EnsembleRecord(_Frozen):
    """How an ensemble was made.

    Attributes:
        how: "mean" or "rank"; see `screening.pooling`.
        members: in the order of their features.
        fitted_on: on which pictures calibration, risk and threshold were fitted, a sentence.
        has_test: whether the members' runs have a locked test split in common, on which it can be evaluated.
        evaluations: how often that was read for this ensemble; ``evaluated``: when last.
    """

    how: Literal["mean", "rank"]
    members: tuple[MemberRecord, ...] = Field(min_length=2)
    fitted_on: str = ""
    has_test: bool = False
    evaluations: int = 0
    evaluated: str = ""

    @property
    def passes(self) -> int:
        """Passes through a network for one picture."""
        return sum(member.views for member in self.members)
