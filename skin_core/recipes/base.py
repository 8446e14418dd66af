"""What a recipe is: a named, documented `RunConfig`. A new recipe is one new file in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skin_core.config import RunConfig

NOT_MEASURED = "Not measured yet."


@dataclass(frozen=True)
class Recipe:
    """A declaration of one training, told well enough to be repeated by a stranger.

    Attributes:
        name: as the command line and a run's tags know it; equals the module's name.
        title: as a page shows it.
        paragraph: what it is, and what was decided where its source says nothing.
        source: where it comes from.
        family: the model family that it trains.
        layout: the layout of the data set that it was made for, as `data.sources` names it.
        takes: how long it takes, and on what; `NOT_MEASURED` where nobody looked.
        expect: which figure to expect, and on which split; `NOT_MEASURED` where nobody looked.
        settings: the fields that differ from `RunConfig`'s own defaults. Not from the family's: those may change, and
            a published recipe must not change with them.
        after: name of the recipe whose run this one goes on from; empty for none.
    """

    name: str
    title: str
    paragraph: str
    source: str
    family: str
    layout: str
    takes: str
    expect: str
    settings: Mapping[str, Any]
    after: str = ""

    @property
    def command(self) -> str:
        """What starts it, with DATA in the place of the data set and RUN in that of the run to go on from."""
        started = f"python -m skin_core train DATA --recipe {self.name}"
        return f"{started} --set start_from=RUN" if self.after else started

    def config(self, data: str, start_from: str = "") -> RunConfig:
        """The configuration on a data set.

        Args:
            data: its path.
            start_from: id of the run to go on from, where the recipe has one.

        Raises:
            ConfigError: naming each field that does not work.
        """
        return RunConfig.parse({"data": data, "family": self.family, **self.settings, "start_from": start_from})
