"""Each recipe is a configuration that works and is told well enough to be repeated; and the registry finds them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from skin_core import recipes
from skin_core.config import RunConfig
from skin_core.data.sources import all_sources
from skin_core.errors import ConfigError
from skin_core.models.registry import all_families
from skin_core.recipes import Recipe, all_recipes, recipe
from skin_core.training.store import checked

FOLDER = Path(recipes.__file__).parent


@pytest.fixture(params=sorted(all_recipes()))
def one(request: pytest.FixtureRequest) -> Recipe:
    return all_recipes()[request.param]


def test_every_file_of_the_folder_is_a_recipe_under_its_own_name() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "base"}
    assert set(all_recipes()) == files
    assert {
        "published_efficientnet_b7",
        "published_isic_cnn",
        "published_isic_cnn_balanced",
        "published_light_cnn",
        "published_tbp_fusion",
        "light_cnn",
        "light_residual",
        "mobilenet_frozen",
        "starter",
    } <= files


def test_it_is_a_configuration_that_a_run_can_be_made_of(one: Recipe, tmp_path: Path) -> None:
    config = one.config(str(tmp_path))
    assert config.family == one.family
    assert one.family in all_families()
    assert checked(config).data == str(tmp_path)


def test_it_names_what_differs_from_the_defaults_and_nothing_else(one: Recipe) -> None:
    config, plain = one.config("DATA"), RunConfig(data="DATA", family=one.family)
    differing = {name for name in RunConfig.model_fields if getattr(config, name) != getattr(plain, name)}
    assert set(one.settings) == differing


def test_it_is_documented(one: Recipe) -> None:
    for told in (one.title, one.paragraph, one.source, one.takes, one.expect):
        assert told == told.strip() and told
    for sentence in (one.paragraph, one.takes, one.expect):
        assert sentence.endswith(".")
    assert len(one.paragraph.split()) >= 30
    assert one.layout in all_sources()
    goes_on = " --set start_from=RUN" if one.after else ""
    assert one.command == f"python -m skin_core train DATA --recipe {one.name}{goes_on}"


def test_a_recipe_goes_on_from_another_one_of_its_family(one: Recipe) -> None:
    """Weights pass only within a family, and the part before it must be one that can be begun."""
    if one.after:
        assert recipe(one.after).family == one.family and not recipe(one.after).after
        assert one.config("DATA", "20260101-000000-x-0000").start_from == "20260101-000000-x-0000"


def test_a_figure_is_told_with_its_split_or_as_not_measured(one: Recipe) -> None:
    told = one.expect.lower()
    assert "not measured yet" in told or "test split" in told or "validation" in told


def test_a_family_of_a_recipe_without_its_weights_says_random(one: Recipe) -> None:
    """A network that has no pretrained weights must not ask for them."""
    if all_families()[one.family].pretrained is None:
        assert one.settings["weights"] == "random"


def test_what_the_source_says_is_what_the_recipe_does() -> None:
    published = recipe("published_light_cnn").config("DATA")
    assert (published.monitor, published.recalibration_images) == ("val_accuracy", 0)
    mended = recipe("light_cnn").config("DATA")
    assert (mended.monitor, mended.recalibration_images) == ("val_balanced_accuracy", 1024)
    unbalanced, balanced = (
        recipe(name).config("DATA") for name in ("published_isic_cnn", "published_isic_cnn_balanced")
    )
    assert unbalanced.balance == "none"
    assert balanced == unbalanced.model_copy(update={"balance": "augment"})


def test_an_unknown_recipe_is_one_sentence_that_lists_them() -> None:
    with pytest.raises(
        ConfigError, match=r"There is no recipe 'cake'; there are isic_nine, light_cnn, light_residual, "
    ):
        recipe("cake")
