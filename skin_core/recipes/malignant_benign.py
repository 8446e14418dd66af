"""``malignant_benign``: see `RECIPE`."""

from skin_core.recipes.base import Recipe
from skin_core.recipes.starter import RECIPE as STARTER

RECIPE = Recipe(
    name="malignant_benign",
    title="Malignant or benign, MobileNetV2 fine-tuned",
    paragraph=(
        "The starter's training on folders of benign and malignant lesions, beside which the published EfficientNetB7 "
        "stands: 15 epochs and plain cross-entropy, since the two classes are nearly equally frequent. Set "
        "lesion_ids_from to a folder of HAM10000, from which three quarters of the set come: otherwise pictures of one "
        "lesion stand on both sides."
    ),
    source="LesionLab",
    family="mobilenet_v2",
    layout="folder",
    takes="25 minutes on two cores that other work shared (25 images a second).",
    expect=(
        "On the malignant/benign set, cleaned, with HAM10000's lesions: AUC, malignant against benign, 0.954 (0.937 to "
        "0.969), accuracy 0.871 (0.841 to 0.898), on 543 images of the test split."
    ),
    settings={name: value for name, value in STARTER.settings.items() if name != "loss"} | {"epochs": 15},
)
