"""``light_residual``: see `RECIPE`."""

from skin_core.recipes.base import Recipe

RECIPE = Recipe(
    name="light_residual",
    title="Light residual CNN",
    paragraph=(
        "Ours: a small residual network at 128 pixels, trained from nothing at several times the speed of light_cnn. "
        "Class weights, flips, full rotations, a little zoom, brightness and contrast, a cosine schedule with one epoch "
        "of warm-up."
    ),
    source="LesionLab",
    family="light_residual",
    layout="ham10000",
    takes="A few minutes on two quiet cores, from its measured pace of 661 training images a second.",
    expect=(
        "On HAM10000, 10 epochs: AUC, mean over classes, 0.913 (0.896 to 0.930), melanoma 0.877 (0.843 to 0.909), "
        "balanced accuracy 0.437 (0.385 to 0.499), on 1,502 images of the test split."
    ),
    settings={
        "weights": "random",
        "learning_rate": 2e-3,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.5, "zoom": 0.1, "brightness": 0.05, "contrast": 0.1},
        "schedule": "cosine",
        "warmup_epochs": 1.0,
    },
)
