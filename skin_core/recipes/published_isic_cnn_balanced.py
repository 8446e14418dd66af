"""``published_isic_cnn_balanced``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe
from skin_core.recipes.published_isic_cnn import RECIPE as UNBALANCED

RECIPE = Recipe(
    name="published_isic_cnn_balanced",
    title="ISIC CNN balanced by augmentation (as published)",
    paragraph=(
        "The same network and training as without balancing, after every class was filled up with rotated, flipped and "
        "zoomed pictures of its own. The source filled up before it split off the validation part, so that copies of "
        "one picture stood on both sides; here only the training split is filled up."
    ),
    source=UNBALANCED.source,
    family="isic_cnn",
    layout="folder",
    takes=NOT_MEASURED,
    expect=(
        "On the ISIC nine-class set, cleaned, stopped after 14 of the 20 epochs: balanced accuracy 0.470 (0.406 to "
        "0.537) on 99 images of the test split."
    ),
    settings={**UNBALANCED.settings, "balance": "augment"},
)
