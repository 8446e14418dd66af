"""Settings of a run: what can be written can be read back, and text stays text."""

from __future__ import annotations

import pytest

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.overrides import apply_overrides

BASE = {"data": "x", "family": "light_cnn"}


@pytest.mark.parametrize("key", ["checkpoint_seconds", "warmup_epochs", "min_learning_rate"])
@pytest.mark.parametrize("value", ["Infinity", "1e999", "NaN", "inf"])
def test_a_number_that_json_cannot_hold_is_refused(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: input should be a finite number; got "):
        RunConfig.parse(apply_overrides(BASE, [f"{key}={value}"]))


@pytest.mark.parametrize("text", ["2024", "true", "1e3", "[draft]", "Tiny network", "a=b"])
def test_text_that_looks_like_a_number_is_text(text: str) -> None:
    config = RunConfig.parse(apply_overrides(BASE, [f"title={text}", f"data={text}"]))
    assert (config.title, config.data) == (text, text)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_text_may_be_quoted_and_numbers_stay_numbers() -> None:
    config = RunConfig.parse(apply_overrides(BASE, ['title="2024"', "epochs=3", "augmentation.rotation=0.1"]))
    assert (config.title, config.epochs, config.augmentation.rotation) == ("2024", 3, 0.1)
