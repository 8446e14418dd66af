"""A frozen backbone, EfficientNetB7 under the published head, trained in Keras alone: ``... MODE RUN`` in the repository's root.

``tutorial``: ``model.fit`` over the pictures, so that the backbone runs over training and validation in every epoch.
``floor``: one forward pass over all pictures, then ``fit`` of the head on features that are ready in memory.

Split, network, initial weights, dropout seed and order of batches are those of a run of LesionLab, so that all three end
at the same figures. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

_BEGUN = time.perf_counter()


def main(mode: str, run_id: str) -> None:
    """Trains as the mode says, with the run's settings."""
    import keras
    import numpy as np
    import tensorflow as tf
    from sklearn.metrics import roc_auc_score

    from skin_core.data.batches import epoch_order
    from skin_core.data.images import ImageReader
    from skin_core.imaging.decode import to_input
    from skin_core.models.family import ModelSpec
    from skin_core.models.registry import family
    from skin_core.models.split import split_at_frozen
    from skin_core.training.folder import RunFolder
    from skin_core.training.prepare import load_prepared
    from skin_core.training.step import start_deterministic

    folder = RunFolder.of(run_id)
    config, prepared = folder.read_config(), load_prepared(folder)
    start_deterministic(config.seed, folder.read_state().threads)
    declared = family(config.family)
    model = declared.build(
        ModelSpec(prepared.classes, config.image_size, weights=config.weights, freeze_backbone=True, seed=config.seed)
    )
    backbone, head = split_at_frozen(model, declared)
    reader = ImageReader(prepared.manifest.root)
    locations = prepared.manifest.frame["location"].tolist()

    def pictures(side: str) -> np.ndarray:
        rows = prepared.rows(side)
        with ThreadPoolExecutor() as threads:
            found = threads.map(
                lambda row: to_input(
                    reader.bytes(locations[row]), config.image_size, config.crop, config.color_constancy
                ),
                rows,
            )
            return np.stack(list(found)).astype(np.float32)

    inputs = {side: pictures(side) for side in ("train", "validation")}
    truth = {side: prepared.labels[prepared.rows(side)][:, None] for side in inputs}
    marks = {"images": sum(map(len, inputs.values())), "ready": time.perf_counter() - _BEGUN}
    trained = model
    if mode == "floor":
        forward = tf.function(lambda image: backbone([image], training=False))
        inputs = {
            side: np.concatenate([forward(values[at : at + 32]).numpy() for at in range(0, len(values), 32)])
            for side, values in inputs.items()
        }
        marks["features"] = time.perf_counter() - _BEGUN
        trained = head
    sigmoid = model.output_shape[-1] == 1
    loss = "binary_crossentropy" if sigmoid else "sparse_categorical_crossentropy"
    trained.compile(optimizer=keras.optimizers.Adam(config.learning_rate), loss=loss)
    aucs = []
    for epoch in range(config.epochs):
        order = epoch_order(len(truth["train"]), seed=config.seed, epoch=epoch)
        trained.fit(
            inputs["train"][order], truth["train"][order], batch_size=config.batch_size, shuffle=False, verbose=0
        )
        outputs = trained.predict(inputs["validation"], batch_size=config.batch_size, verbose=0)
        aucs.append(float(roc_auc_score(truth["validation"][:, 0], outputs[:, -1])))
    print(json.dumps({**marks, "end": time.perf_counter() - _BEGUN, "val_auc": aucs}))


if __name__ == "__main__":
    import skin_core.quiet  # noqa: F401  (before any library that prints or sends)

    main(*sys.argv[1:])
