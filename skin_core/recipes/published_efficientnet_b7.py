"""``published_efficientnet_b7``: see `RECIPE`."""

from skin_core.recipes.base import NOT_MEASURED, Recipe

RECIPE = Recipe(
    name="published_efficientnet_b7",
    title="EfficientNetB7, frozen (as published)",
    paragraph=(
        "A frozen EfficientNetB7 at 224 pixels under a dense head, on folders of benign and malignant lesions: binary "
        "cross-entropy, Adam, 5 epochs, no augmentation, judged by AUC. Mended only where the published code does not "
        "do what it says: the backbone is connected, and pixels go in as it expects them. Batches of 32 and a step "
        "size of 1e-3 are ours, since the source names neither. The backbone's features are computed once and kept."
    ),
    source="The tutorial “Skin Cancer Detection using TensorFlow”, malignant/benign set",
    family="efficientnet_b7",
    layout="folder",
    takes=NOT_MEASURED,
    expect="Not measured yet: with random weights it runs through, and ImageNet weights could not be had here so far.",
    settings={
        "image_size": 224,
        "epochs": 5,
        "freeze_backbone": True,
        "cached_views": 1,
        "schedule": "constant",
        "monitor": "val_auc",
    },
)
