"""``mobilenet_frozen``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe

RECIPE = Recipe(
    name="mobilenet_frozen",
    title="Frozen MobileNetV2",
    paragraph=(
        "What the first starter bundle was made with: a linear head on the frozen features of MobileNetV2 at 160 pixels, no "
        "balancing, so that probabilities keep HAM10000's prevalence, and the best epoch by the AUC of malignant or "
        "premalignant. Minutes on a processor, once the features are there."
    ),
    source="LesionLab",
    family="mobilenet_v2",
    layout="ham10000",
    takes=NOT_MEASURED,
    expect=(
        "On HAM10000, stopped after 33 of 60 epochs: AUC, malignant or premalignant, 0.880 (0.850 to 0.905), melanoma "
        "0.844 (0.804 to 0.879), on 1,502 images of the test split."
    ),
    settings={
        "image_size": 160,
        "epochs": 60,
        "batch_size": 64,
        "freeze_backbone": True,
        "augmentation": {"flip": "both", "rotation": 0.5, "zoom": 0.1, "brightness": 0.05, "contrast": 0.1},
        "plateau_patience": 4,
        "early_stopping": 12,
        "monitor": "val_malignancy_auc",
    },
)
