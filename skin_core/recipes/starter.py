"""``starter``: see `RECIPE`."""

from skin_core.recipes.base import Recipe

# What other cameras, rooms and clinics make of a picture, as far as it can be drawn; strengths set before any figure was
# seen, and not searched for.
_OTHER_CLINICS = {
    "flip": "both",
    "rotation": 0.5,
    "zoom": 0.25,
    "aspect": 0.35,
    "shift": 0.08,
    "brightness": 0.1,
    "contrast": 0.2,
    "color": 0.2,
    "sharpness": 0.4,
    "resolution": 0.5,
    "compression": 0.5,
    "vignette": 0.15,
    "hair": 0.1,
    "marks": 0.1,
}

RECIPE = Recipe(
    name="starter",
    title="The starter model",
    paragraph=(
        "What the starter bundle is made with: all of MobileNetV2 fine-tuned at 160 pixels, its normalisation statistics "
        "kept, rates that fall to a fifth towards the first layer, cross-entropy with adjusted logits (which learns as if "
        "the classes were equally frequent; calibration on validation brings the natural shares back), a moving average of "
        "the weights, and pictures changed as other cameras and clinics would. Afterwards: evaluate RUN --engine float16 "
        "--views 4, and publish RUN --name starter --engine float16 --views 4."
    ),
    source="LesionLab",
    family="mobilenet_v2",
    layout="ham10000",
    takes="Five minutes an epoch on two cores that other work shared (25 images a second), two hours in all.",
    expect=(
        "On the 1,502 images of HAM10000's test split, 24 epochs (best 17), four views: AUC, malignant or "
        "premalignant, 0.937 (0.919 to 0.955), melanoma 0.920 (0.892 to 0.946), balanced accuracy 0.692 (0.635 to 0.756)."
    ),
    settings={
        "image_size": 160,
        "epochs": 24,
        "learning_rate": 3e-4,
        "layer_decay": 0.2,
        "weight_decay": 0.02,
        "averaging": 0.998,
        "schedule": "cosine",
        "warmup_epochs": 1.0,
        "loss": "logit_adjusted",
        "augmentation": _OTHER_CLINICS,
    },
)
