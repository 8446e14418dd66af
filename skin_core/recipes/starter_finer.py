"""``starter_finer``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe
from skin_core.recipes.starter import RECIPE as STARTER

RECIPE = Recipe(
    name="starter_finer",
    title="The starter model, second part: finer",
    paragraph=(
        "What the starter bundle is made with after the recipe starter: the same network goes on from that run's best weights, at "
        "192 pixels, with plain cross-entropy, since on grouped folds adjusted logits cost melanoma AUC and gave next to "
        "nothing in balanced accuracy (docs/ablation.md); classes are weighed alike where the guess is made instead. "
        "Afterwards: evaluate RUN --engine float16, and publish RUN --name starter --engine float16."
    ),
    source="LesionLab",
    family="mobilenet_v2",
    layout="ham10000",
    takes=NOT_MEASURED,
    expect=NOT_MEASURED,
    after="starter",
    settings={
        "image_size": 192,
        "epochs": 10,
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
