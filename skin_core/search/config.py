"""SearchConfig: what a search was asked to do; saved with it and never changed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.models.registry import default_config
from skin_core.recipes import recipe
from skin_core.search.space import Dimension, dimensions
from skin_core.settings import settings_sentence

Pruner = Literal["median", "hyperband", "none"]


class SearchConfig(BaseModel):
    """A search for better settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: RunConfig = Field(description="What each trial begins from")
    recipe: str = Field("", description="The recipe that it comes from")
    space: dict[str, str] = Field(description="The settings to try: low:high, low:high:log or a,b,c")
    pruner: Pruner = Field("median", description="How a trial that falls behind is given up")
    startup_trials: int = Field(5, ge=1, description="Trials that run to their end before any is given up")
    warmup_epochs: int = Field(3, ge=1, description="Epochs that each trial has before it may be given up")
    seed: int = Field(42, ge=0, lt=2**31, description="Seed of what is tried")

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The space, read.

        Raises:
            ConfigError: see `space.dimensions`.
        """
        return dimensions(self.space, self.run)

    @property
    def minimises(self) -> bool:
        """Whether a lower figure is the better one."""
        return self.run.monitor.endswith("_loss")

    @property
    def origin(self) -> RunConfig:
        """The recipe's or the family's own configuration on this data, from which ``run`` may differ."""
        return (
            recipe(self.recipe).config(self.run.data) if self.recipe else default_config(self.run.family, self.run.data)
        )

    @classmethod
    def parse(cls, values: dict) -> SearchConfig:
        """Validates, with one sentence for what is wrong.

        Raises:
            ConfigError: naming each field, what was expected and what came.
        """
        try:
            config = cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(settings_sentence(error, "The search's")) from error
        _ = config.dimensions, config.origin  # Both are asked for later, and would be refused then.
        return config
