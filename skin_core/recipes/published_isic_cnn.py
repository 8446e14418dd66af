"""``published_isic_cnn``: see `RECIPE`."""

from skin_core.recipes.base import Recipe

RECIPE = Recipe(
    name="published_isic_cnn",
    title="ISIC CNN without balancing (as published)",
    paragraph=(
        "A plain convolutional network at 180 pixels, trained from nothing on the nine ISIC classes as they come: "
        "random flips, rotations and zooms, Adam at a constant rate, 20 epochs. The source keeps the last epoch; here "
        "the best one by balanced accuracy is kept. Pictures that stand under two labels are left out."
    ),
    source="The notebook “melanoma detection”, ISIC nine-class set",
    family="isic_cnn",
    layout="folder",
    takes="7 minutes on one core (82 training images a second); 22 on one that other work shared.",
    expect=(
        "On the ISIC nine-class set, cleaned, with HAM10000's lesions, 20 epochs: accuracy 0.405 (0.297 to 0.521), balanced "
        "accuracy of the likeliest class 0.448 (0.334 to 0.563), on 74 images of the test split; without those lesions 0.455 "
        "and 0.421 on 99."
    ),
    settings={
        "weights": "random",
        "image_size": 180,
        "epochs": 20,
        "augmentation": {"flip": "horizontal", "rotation": 0.1, "zoom": 0.1},
        "schedule": "constant",
    },
)
