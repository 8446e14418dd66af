"""``published_tbp_fusion``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe

RECIPE = Recipe(
    name="published_tbp_fusion",
    title="EfficientNetV2-B2 with age, sex and site (as published)",
    paragraph=(
        "An EfficientNetV2-B2 at 128 pixels for the tile of a total-body photograph and a dense branch for age, sex and "
        "site, on ISIC 2024: class weights, flips and random erasing, a cosine schedule, and the best epoch by ROC AUC "
        "on validation. The source also samples classes up and down; a run balances in one way, and here it is by "
        "weights. Ten epochs and batches of 64 are ours, since the source names neither."
    ),
    source="The notebook “EfficientNetV2 and KerasCV”, ISIC 2024",
    family="tbp_fusion",
    layout="isic2024",
    takes=NOT_MEASURED,
    expect="Not measured yet: with random weights it runs through, and ImageNet weights could not be had here so far.",
    settings={
        "batch_size": 64,
        "features": ("age", "sex", "site"),
        "balance": "class_weights",
        "augmentation": {"flip": "both", "erasing": 0.5},
        "schedule": "cosine",
        "warmup_epochs": 1.0,
        "monitor": "val_auc",
    },
)
