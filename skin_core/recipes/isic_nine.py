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
    expect="Not measured yet: its first training kept an average of the weights with a fifth of the untrained ones in it.",
    settings={**STARTER.settings, "epochs": 14, "averaging": 0.99},
)
