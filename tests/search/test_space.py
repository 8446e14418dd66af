"""What may be searched, how it is declared, and how each wrong declaration is told."""

from __future__ import annotations

import pytest

from skin_core.config import RunConfig
from skin_core.errors import ConfigError
from skin_core.models.registry import all_families, default_config
from skin_core.recipes import all_recipes
from skin_core.search.config import SearchConfig
from skin_core.search.space import Dimension, default_space, dimensions, searchable, with_settings

BASE = RunConfig(data="DATA", family="light_residual", weights="random")


def one(key: str, raw: str) -> Dimension:
    return dimensions({key: raw}, BASE)[0]


@pytest.mark.parametrize(
    ("key", "raw", "expected"),
    [
        ("learning_rate", "1e-4:1e-2:log", Dimension("learning_rate", "float", 1e-4, 1e-2, log=True)),
        ("label_smoothing", "0:0.2", Dimension("label_smoothing", "float", 0.0, 0.2)),
        ("epochs", "5:20", Dimension("epochs", "int", 5, 20)),
        ("batch_size", "16, 32,64", Dimension("batch_size", "choice", choices=(16, 32, 64))),
        ("balance", "none,class_weights", Dimension("balance", "choice", choices=("none", "class_weights"))),
        ("augmentation.flip", "none,both", Dimension("augmentation.flip", "choice", choices=("none", "both"))),
        ("freeze_backbone", "true,false", Dimension("freeze_backbone", "choice", choices=(True, False))),
    ],
)
def test_a_declaration_is_read(key: str, raw: str, expected: Dimension) -> None:
    assert one(key, raw) == expected


@pytest.mark.parametrize(
    ("key", "raw", "says"),
    [
        ("learningrate", "0:1", "knows no setting 'learningrate'; the settings are epochs, batch_size, "),
        ("augmentation.shear", "0:1", "knows no setting 'augmentation.shear'"),
        ("augmentation", "0:1", "it has parts; name one"),
        ("seed", "1,2", "it would choose the luckiest draw"),
        ("monitor", "val_auc,val_loss", "it is what the trials are compared by"),
        ("max_images", "100,200", "it would change what the trials are compared on"),
        ("folds", "0,5", "'folds' cannot be searched: trials are compared on one validation split"),
        ("cv_select", "inner,held", "'cv_select' cannot be searched"),
        ("balance", "0:1", "'balance' is no number"),
        ("learning_rate", "0:0.1:log", "A logarithmic range begins above 0; 'learning_rate' begins at 0"),
        ("learning_rate", "0.1:0.01", "the lower end of 'learning_rate' first; got 0.1:0.01"),
        ("learning_rate", "0.1:0.2:linear", "expects learning_rate=low:high or learning_rate=low:high:log"),
        ("learning_rate", "a:b", "expects numbers in learning_rate=low:high; got 'a'"),
        ("epochs", "1:inf", "expects numbers in epochs=low:high; got 'inf'"),
        ("epochs", "nan:3", "expects numbers in epochs=low:high; got 'nan'"),
        ("warmup_epochs", "0:inf", "expects numbers in warmup_epochs=low:high; got 'inf'"),
        ("epochs", "1:2.5", "'epochs' takes whole numbers; got 2.5"),
        ("learning_rate", "0.5:1.5", "learning_rate: "),
        ("balance", "none,all", "balance: "),
        ("batch_size", "16", "one value only; fix it with --set batch_size=16"),
        ("batch_size", "16,16", "names 16 twice for 'batch_size'"),
        ("batch_size", "[16],32", "expects plain values in batch_size=a,b,c; got '[16]'"),
    ],
)
def test_a_wrong_declaration_is_one_sentence(key: str, raw: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        one(key, raw)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_space_is_told() -> None:
    with pytest.raises(ConfigError, match="at least one setting"):
        dimensions({}, BASE)


def test_settings_go_into_the_configuration_and_leave_the_rest() -> None:
    begun = BASE.model_copy(update={"augmentation": BASE.augmentation.model_copy(update={"flip": "both"})})
    tried = with_settings(begun, {"augmentation.zoom": 0.25, "balance": "none", "batch_size": 16})
    assert (tried.augmentation.flip, tried.augmentation.zoom) == ("both", 0.25)
    assert tried.model_copy(update={"batch_size": 32, "augmentation": begun.augmentation}) == begun


def test_everything_that_is_offered_is_a_setting() -> None:
    assert "augmentation.rotation" in searchable() and "augmentation" not in searchable()
    assert not {"data", "seed", "monitor", "validation_fraction"} & set(searchable())


@pytest.mark.parametrize("name", sorted(all_families()))
def test_each_familys_own_space_works_from_its_defaults(name: str) -> None:
    config = default_config(name, "DATA")
    space = all_families()[name].space
    read = SearchConfig.parse({"run": config.model_dump(), "space": space}).dimensions
    assert [item.key for item in read] == list(space)
    assert "learning_rate" in space and next(item for item in read if item.key == "learning_rate").log
    if config.freeze_backbone:
        assert not [key for key in space if key.startswith("augmentation")]


@pytest.mark.parametrize("name", sorted(all_recipes()))
def test_a_search_can_begin_from_each_recipe(name: str) -> None:
    config = all_recipes()[name].config("DATA")
    space = default_space(all_families()[config.family].space, config)
    parsed = SearchConfig.parse({"run": config.model_dump(), "recipe": name, "space": space})
    assert parsed.origin == config


def test_what_is_set_by_hand_is_not_searched() -> None:
    space = {"batch_size": "16,32", "augmentation.zoom": "0:0.3", "learning_rate": "1e-4:1e-2:log"}
    run = RunConfig(data="DATA", family="light_residual")
    assert list(default_space(space, run, ["batch_size", "augmentation"])) == ["learning_rate"]
    assert list(default_space(space, run, ["augmentation.flip"])) == list(space)


def test_what_does_not_go_with_the_settings_is_not_searched() -> None:
    space = {"balance": "none,class_weights", "batch_size": "16,32"}
    run = RunConfig(data="DATA", family="light_residual")
    assert list(default_space(space, run)) == list(space)
    # Adjusted logits balance the classes themselves.
    assert list(default_space(space, run.model_copy(update={"loss": "logit_adjusted"}))) == ["batch_size"]
