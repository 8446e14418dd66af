"""``published_light_cnn``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe

RECIPE = Recipe(
    name="published_light_cnn",
    title="CPU_Light_Efficient_CNN (as published)",
    paragraph=(
        "A small depthwise-separable network at 128 pixels, trained from nothing on HAM10000's seven classes: class "
        "weights, flips, rotations, brightness and contrast, a rate that falls on a plateau, early stopping, and the "
        "best epoch by plain accuracy. Normalisation statistics are the moving averages of training, as published, "
        "which is what keeps it at chance on validation for its first epochs; the recipe light_cnn mends that. "
        "Strengths of the augmentation, patience and 30 epochs are ours, since the source names none."
    ),
    source="The notebook “CPU-Optimized CNN”, HAM10000",
    family="light_cnn",
    layout="ham10000",
    takes=NOT_MEASURED,
    expect=(
        "On HAM10000 balanced accuracy on validation was 0.143, 0.143, 0.150, 0.168 and 0.159 in the first five epochs "
        "(chance: 0.143); no longer run was made."
    ),
    settings={
        "weights": "random",
        "epochs": 30,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.1, "brightness": 0.1, "contrast": 0.1},
        "early_stopping": 8,
        "monitor": "val_accuracy",
    },
)
