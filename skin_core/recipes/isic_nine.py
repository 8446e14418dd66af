"""``isic_nine``: see `RECIPE`."""

from skin_core.recipes.base import Recipe
from skin_core.recipes.starter import RECIPE as STARTER

RECIPE = Recipe(
    name="isic_nine",
    title="ISIC nine classes, MobileNetV2 fine-tuned",
    paragraph=(
        "The starter's training on the nine ISIC classes, beside which the published plain network stands: 14 epochs, for "
        "the set is small. Pictures under two labels are left out, which takes nearly all of seborrheic keratosis. Set "
        "lesion_ids_from to a folder of HAM10000, from which two thirds of the set come."
    ),
    source="LesionLab",
    family="mobilenet_v2",
    layout="folder",
    takes="20 minutes on one core (25 images a second).",
    expect=(
        "On the ISIC nine-class set, cleaned, with HAM10000's lesions: accuracy 0.581 (0.466 to 0.693), balanced accuracy "
        "0.629 (0.530 to 0.719), AUC, mean over classes, 0.904 (0.869 to 0.939), on 74 images of the test split."
    ),
    settings={**STARTER.settings, "epochs": 14, "averaging": 0.99},
)
