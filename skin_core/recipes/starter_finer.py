"""``starter_finer``: see `RECIPE`."""

from skin_core.recipes.base import Recipe
from skin_core.recipes.starter import RECIPE as STARTER

RECIPE = Recipe(
    name="starter_finer",
    title="The starter model taken on at 192 pixels",
    paragraph=(
        "What did not pay, kept so that nobody has to try it again: the starter's network goes on from its best weights, at "
        "192 pixels and with plain cross-entropy, for ten epochs. On validation it is level with the starter within what "
        "chance does, at 1.4 times the work for each picture, so the starter bundle is not made of it."
    ),
    source="LesionLab",
    family="mobilenet_v2",
    layout="ham10000",
    takes="Seven minutes an epoch on one core beside another training (17 images a second), 74 minutes in all.",
    expect=(
        "On the 1,502 images of HAM10000's validation split, four views of each, best epoch 5 of 10: AUC, malignant or "
        "premalignant, 0.924 (the starter's 0.924), melanoma 0.887 (0.884), balanced accuracy 0.717 (0.734)."
    ),
    after="starter",
    settings={
        "image_size": 192,
        "learning_rate": 2e-4,
        "layer_decay": 0.2,
        "weight_decay": 0.02,
        "averaging": 0.998,
        "schedule": "cosine",
        "warmup_epochs": 0.5,
        "monitor": "val_auc",
        "augmentation": STARTER.settings["augmentation"],
    },
)
