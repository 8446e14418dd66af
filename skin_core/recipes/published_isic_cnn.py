"""``published_isic_cnn``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe

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
    takes=NOT_MEASURED,
    expect=(
        "On the ISIC nine-class set, cleaned, 20 epochs: balanced accuracy 0.421 (0.316 to 0.508) on 99 images of the "
        "test split."
    ),
    settings={
        "weights": "random",
        "image_size": 180,
        "epochs": 20,
        "augmentation": {"flip": "horizontal", "rotation": 0.1, "zoom": 0.1},
        "schedule": "constant",
    },
)
