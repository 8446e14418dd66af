"""``light_cnn``: see `RECIPE`."""

from skin_core.recipes.base import Recipe

RECIPE = Recipe(
    name="light_cnn",
    title="CPU_Light_Efficient_CNN, mended",
    paragraph=(
        "The published network and training, with two things mended: normalisation statistics are taken anew from "
        "1,024 training images before each validation, since those learnt behind dropout do not fit the network in "
        "use; and the best epoch is chosen by balanced accuracy, since two thirds of HAM10000 are one class."
    ),
    source="LesionLab, after the notebook “CPU-Optimized CNN”, HAM10000",
    family="light_cnn",
    layout="ham10000",
    takes="About 20 minutes on two quiet cores, from its measured pace of 76 training images a second.",
    expect=(
        "On HAM10000, stopped after 10 of 12 epochs: AUC, mean over classes, 0.863 (0.839 to 0.886), melanoma 0.826 "
        "(0.792 to 0.860), on 1,502 images of the test split."
    ),
    settings={
        "weights": "random",
        "epochs": 12,
        "balance": "class_weights",
        "augmentation": {"flip": "both", "rotation": 0.1, "brightness": 0.1, "contrast": 0.1},
        "early_stopping": 8,
        "recalibration_images": 1024,
    },
)
